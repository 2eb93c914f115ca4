"""A cube summed along wavelength: white-light and band images, and images of its noise alone."""

from dataclasses import dataclass

import numpy as np

__all__ = ["Collapsed", "collapse"]

PLANES = 128  # wavelength planes in memory at once
RUN = 8  # planes in a row that go into the same half; noise is correlated over fewer
SLICES = 8  # slices of a band, each with its own image of the noise


@dataclass(frozen=True)
class Collapsed:
    """Inverse-variance-weighted sums over slices of the wavelength axis.

    Attributes
    ----------
    signal : ndarray, shape (bands, slices, 2, y, x)
        Sum of data / variance. The two halves of a slice are made of alternating runs of planes.
    weight : ndarray, same shape
        Sum of 1 / variance.
    edges : ndarray, shape (bands + 1,)
        Wavelengths in Angstrom between which the bands lie.
    """

    signal: np.ndarray
    weight: np.ndarray
    edges: np.ndarray

    def band(self, number):
        """Return image and weight (1 / variance) of a band: the mean flux density."""
        return _mean(self.signal[number].sum(axis=(0, 1)), self.weight[number].sum(axis=(0, 1)))

    def white(self):
        """Return image and weight over all wavelengths."""
        return _mean(self.signal.sum(axis=(0, 1, 2)), self.weight.sum(axis=(0, 1, 2)))

    def noise(self, number):
        """Return images and weights, one for each slice of a band, in which the sky cancels out.

        They are the differences of a slice's halves. What is left of the sources, where their
        spectra change within a slice, is taken out in proportion to the band's image.
        """
        image, _ = self.band(number)
        for signal, weight in zip(self.signal[number], self.weight[number], strict=True):
            halves, weights = _mean(signal, weight)
            total = weights.sum(axis=0)
            both = np.divide(weights.prod(axis=0), total, out=np.zeros_like(total), where=total > 0)
            difference = halves[0] - halves[1]
            power = np.sum(both * image**2)
            share = np.sum(both * image * difference) / power if power > 0 else 0
            yield difference - share * image, both

    def integrated(self):
        """Return image and variance of the flux integrated over all bands."""
        widths = np.diff(self.edges)[:, None, None]
        images, weights = _mean(self.signal.sum(axis=(1, 2)), self.weight.sum(axis=(1, 2)))
        variance = np.divide(widths**2, weights, out=np.zeros_like(weights), where=weights > 0)
        return (images * widths).sum(axis=0), variance.sum(axis=0)


def collapse(cube, bands=4):
    """Sum a cube along wavelength, block by block.

    Parameters
    ----------
    cube : `~museml.data.cubes.CubeData`
    bands : int
        Number of bands of equal width; fewer if the cube has too few planes.

    Returns
    -------
    Collapsed
    """
    planes = cube.shape[0]
    bands = max(1, min(bands, planes // (2 * RUN)))
    slices = int(np.clip(planes // (2 * RUN * bands), 1, SLICES))
    group = _groups(planes, bands * slices)
    signal = np.zeros((bands * slices * 2, *cube.shape[1:]), np.float32)
    weight = np.zeros_like(signal)
    for start in range(0, planes, PLANES):
        _add(cube.block(start, min(start + PLANES, planes)), group[start : start + PLANES], signal, weight)
    shape = (bands, slices, 2, *cube.shape[1:])
    return Collapsed(signal.reshape(shape), weight.reshape(shape), _edges(cube.wave, bands))


def _groups(planes, slices):
    """Return the number of the half slice of each plane."""
    plane = np.arange(planes)
    run = max(1, min(RUN, planes // (2 * slices)))
    return plane * slices // planes * 2 + plane // run % 2


def _edges(wave, bands):
    step = (wave[-1] - wave[0]) / (len(wave) - 1)
    return np.linspace(wave[0] - step / 2, wave[-1] + step / 2, bands + 1)


def _add(block, group, signal, weight):
    data, var = block
    inverse = np.reciprocal(var)
    product = data * inverse
    missing = np.isnan(product)
    if missing.any():
        product[missing] = inverse[missing] = 0
    starts = np.flatnonzero(np.diff(group, prepend=-1))
    for start, stop in zip(starts, [*starts[1:], len(group)], strict=True):
        signal[group[start]] += product[start:stop].sum(axis=0)
        weight[group[start]] += inverse[start:stop].sum(axis=0)


def _mean(signal, weight):
    return np.divide(signal, weight, out=np.zeros_like(signal), where=weight > 0), weight

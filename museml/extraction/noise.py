"""The noise of a cube as it is: how neighbouring pixels are correlated, and its scatter channel by channel."""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import correlate

from museml.data.psf import cube_psf
from museml.detectors.robust import median, spread

__all__ = ["LAGS", "Noise", "measure_noise"]

LAGS = 3  # pixels over which the correlation is measured, to each side
APART = 8  # planes between two that are compared: their noise is independent, their continuum the same
SAMPLES = 16  # places along the wavelength axis where the correlation is measured
CLEAR = 2.0  # of spaxels without source: least distance from all sources, in FWHM of the PSF
LEAST = 50  # spaxels; fewer tell nothing of the noise
MOST = 3000  # spaxels whose scatter is looked at
OUTLIER = 4.0  # standard deviations from which a value is not noise
SIGNIFICANT = 4.0  # standard errors by which a channel's scatter must stand out
EFFICIENCY = 1.6  # error of the scatter by the lower half of the values, over that by all of them


@dataclass(frozen=True)
class Noise:
    """What was measured of the noise of a cube.

    Attributes
    ----------
    correlation : ndarray, shape (2 LAGS + 1, 2 LAGS + 1)
        Of two pixels of a plane, against their distance in y and x; 1 in the middle.
    empty : tuple of ndarray
        Indices (y, x) of spaxels without sources.
    """

    correlation: np.ndarray
    empty: tuple

    def inflation(self, weights):
        """Return by how much the correlation raises the variance of weighted sums over pixels.

        Parameters
        ----------
        weights : ndarray, shape (sums, y, x)
            Weight times standard deviation of each pixel.
        """
        spread_out = correlate(weights, self.correlation[None], mode="constant")
        power = np.maximum(np.sum(weights**2, axis=(1, 2)), 1e-300)
        return np.maximum(np.sum(weights * spread_out, axis=(1, 2)) / power, 0.2)

    def scatter(self, data, var):
        """Return the scatter of each plane of a block over what its variances say, where there is no source.

        It is that of the whole block, and more where a plane stands out.

        Parameters
        ----------
        data, var : ndarray, shape (planes, y, x)
            NaN where invalid.
        """
        y, x = self.empty
        snr = data[:, y, x] / np.sqrt(var[:, y, x])
        if snr.size < LEAST * APART or len(snr) < APART:
            return np.ones(len(data))
        snr -= np.nan_to_num(median(snr.T))
        snr -= np.nan_to_num(median(snr))[:, None]
        count = np.maximum(np.isfinite(snr).sum(axis=1), 1)
        usual, own = spread(snr.reshape(1, -1))[0], spread(snr)
        if not usual > 0:
            return np.ones(len(data))
        error = EFFICIENCY * np.sqrt(self.correlation.sum() / (2 * count))
        return np.where(own > usual * (1 + SIGNIFICANT * error), own, usual)


def measure_noise(cube, detections, psf=None):
    """Measure the noise of a cube, in a small part of it.

    Planes a few steps apart are subtracted from each other; what remains in spaxels without source is noise.

    Parameters
    ----------
    cube : `~museml.data.cubes.CubeData`
        The cube.
    detections : `~museml.Detections`
        What is in it.
    psf : `~museml.data.psf.PSF` or float
        The PSF, or its FWHM in arcsec; by default that of the cube.

    Returns
    -------
    Noise
    """
    psf, _ = cube_psf(cube, psf)
    places = np.column_stack([detections["x"], detections["y"]])
    clear = _clear(cube.shape[1:], places, float(psf.fwhm_at(cube.wave.mean())) / cube.pixel_scale)
    products, pairs = np.zeros((2, LAGS + 1, 2 * LAGS + 1))
    for start in _starts(cube.shape[0]):
        differences = _differences(*cube.block(start, start + 2 * APART), clear)
        valid = np.isfinite(differences)
        _add_products(np.where(valid, differences, 0), products)
        _add_products(valid.astype(np.float32), pairs)
    every = max(1, -(-np.count_nonzero(clear) // MOST))
    empty = tuple(index[::every] for index in np.nonzero(clear))
    return Noise(_correlation(products, pairs), empty)


def _clear(shape, places, fwhm):
    """Return which spaxels have no source nearby; in a crowded field the distance is less."""
    rows, columns = np.indices(shape, np.float32)
    nearest = np.full(shape, np.inf, np.float32)
    for x, y in places:
        np.fmin(nearest, np.hypot(columns - np.float32(x), rows - np.float32(y)), out=nearest)
    for distance in (CLEAR, CLEAR / 2, 0):
        if np.count_nonzero(nearest >= distance * fwhm) >= max(LEAST, nearest.size / 10):
            break
    return nearest >= distance * fwhm


def _starts(planes):
    """Return the first planes of the samples."""
    number = min(SAMPLES, planes // (2 * APART))
    return np.linspace(0, planes - 2 * APART, number).astype(int) if number else []


def _differences(data, var, clear):
    """Return differences of planes over their errors, NaN where they are not noise."""
    with np.errstate(invalid="ignore"):
        values = (data[:APART] - data[APART:]) / np.sqrt(var[:APART] + var[APART:])
    values[:, ~clear] = np.nan
    flat = values.reshape(APART, -1)
    flat -= np.nan_to_num(median(flat))[:, None]
    with np.errstate(invalid="ignore"):
        values[np.abs(values) > OUTLIER * spread(flat)[:, None, None]] = np.nan
    return values


def _add_products(values, total):
    """Add up the products of pixels at each distance; the other half of the distances is the same."""
    height, width = values.shape[1:]
    for dy in range(min(LAGS + 1, height)):
        for dx in range(max(-LAGS, 1 - width), min(LAGS + 1, width)):
            left, right = slice(max(-dx, 0), width - max(dx, 0)), slice(max(dx, 0), width - max(-dx, 0))
            total[dy, dx + LAGS] += np.vdot(values[:, : height - dy, left], values[:, dy:, right])


def _correlation(products, pairs):
    """Return the correlation at all distances; none where there are too few values to tell."""
    size = 2 * LAGS + 1
    if pairs[0, LAGS] < LEAST * LEAST or not products[0, LAGS] > 0:
        return np.pad(np.ones((1, 1)), LAGS)
    power = products[0, LAGS] / pairs[0, LAGS]
    half = np.divide(products, pairs * power, out=np.zeros_like(products), where=pairs > 0)
    half[0, :LAGS] = half[0, :LAGS:-1]
    full = np.zeros((size, size))
    full[LAGS:], full[:LAGS] = half, half[:0:-1, ::-1]
    return full

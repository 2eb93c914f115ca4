"""What one line or one continuum adds to a cube: a small array and its place."""

from dataclasses import dataclass

import numpy as np
from astropy.stats import gaussian_fwhm_to_sigma
from scipy.ndimage import gaussian_filter
from scipy.special import erf

__all__ = ["Stamp", "continuum_spectrum", "continuum_stamp", "line_stamp", "make_stamp"]

NODE_STEP = 200  # channels between the wavelengths at which the PSF of a continuum is computed


@dataclass(frozen=True)
class Stamp:
    """An object of flux 1 as a cube shows it, whose values are computed for the planes that are wanted.

    Attributes
    ----------
    first : int
        First wavelength plane.
    spectrum : ndarray, shape (planes,)
        Flux density in 1 / Angstrom.
    image : tuple of slice
        Where it lies on the sky, (y, x).
    nodes : ndarray, shape (k,)
        Planes, counted from ``first``, at which the image is known; between them it is interpolated.
    images : ndarray, shape (k, y, x)
        Images of flux 1.
    """

    first: int
    spectrum: np.ndarray
    image: tuple
    nodes: np.ndarray
    images: np.ndarray

    @property
    def last(self):
        """The plane after the last one."""
        return self.first + len(self.spectrum)

    @property
    def place(self):
        """Where it lies in the cube: three slices."""
        return (slice(self.first, self.last), *self.image)

    def part(self, start, stop):
        """Return what lies in the planes ``start`` to ``stop``: their slice, counted from ``start``, and the values."""
        low, high = max(start, self.first), min(stop, self.last)
        return slice(low - start, max(low, high) - start), self.values(low - self.first, high - self.first)

    def values(self, low=0, high=None):
        """Return the values of the planes ``low`` to ``high``, counted from ``first``."""
        spectrum = self.spectrum[low:high, None, None]
        if len(self.nodes) == 1:
            return spectrum * self.images[0]
        node = np.interp(np.arange(len(self.spectrum))[low:high], self.nodes, np.arange(len(self.nodes)))
        left = np.minimum(node.astype(int), len(self.nodes) - 2)
        share = (node - left)[:, None, None]
        return spectrum * ((1 - share) * self.images[left] + share * self.images[left + 1])


def make_stamp(row, cube, psf):
    """Return the `Stamp` of a row of a truth table; without ``kind`` it is a line, without ``size`` a point.

    Parameters
    ----------
    row : `~astropy.table.Row`
        See `line_stamp` and `continuum_stamp`.
    cube, psf
        As for `line_stamp`.
    """
    row = {"kind": "line", "size": 0.0, **dict(zip(row.colnames, row, strict=True))}
    return (_continuum if row["kind"] == "continuum" else _line)(row, cube, psf)


def line_stamp(row, cube, psf):
    """Return a line as the PSF would show it.

    Parameters
    ----------
    row : mapping
        ``x``, ``y`` (pixels from 0), ``wave`` and ``fwhm`` (observed, Angstrom) and ``size`` (FWHM
        of the object before the PSF, arcsec).
    cube : `~museml.data.cubes.CubeData`
        Gives the grid.
    psf : `~museml.data.psf.PSF`
        The PSF.

    Returns
    -------
    place : tuple of slice
        Where it lies in the cube; empty when it lies outside.
    stamp : ndarray
        A line of flux 1, in 1 / Angstrom.
    """
    stamp = _line(row, cube, psf)
    return stamp.place, stamp.values()


def continuum_stamp(row, cube, psf):
    """Return a continuum as the PSF would show it, through all wavelengths.

    Parameters
    ----------
    row : mapping
        ``x``, ``y`` (pixels from 0), ``slope`` and ``size`` (FWHM before the PSF, arcsec).
    cube, psf
        As for `line_stamp`.

    Returns
    -------
    place : tuple of slice
    stamp : ndarray
        A continuum of flux 1 over the cube's range, in 1 / Angstrom.
    """
    stamp = _continuum(row, cube, psf)
    return stamp.place, stamp.values()


def line_profile(wave, fwhm, axis):
    """Return the part of a Gaussian line of flux 1 that matters, averaged over channels, and its first channel."""
    step = axis[1] - axis[0]
    reach = 2.5 * fwhm + step
    first, last = np.searchsorted(axis, (wave - reach, wave + reach))
    edges = axis[first:last, None] + np.array([-step, step]) / 2
    low, high = erf((edges - wave) / (fwhm * gaussian_fwhm_to_sigma * np.sqrt(2))).T
    return (high - low) / (2 * step), int(first)


def continuum_spectrum(wave, slope):
    """Return flux density proportional to wavelength to the power ``slope``, of flux 1 over the range."""
    density = (wave / 7000) ** slope
    return density / (density.sum() * (wave[1] - wave[0]))


def _line(row, cube, psf):
    profile, first = line_profile(row["wave"], row["fwhm"], cube.wave)
    place, image = _image(row, row["wave"], cube, psf)
    return Stamp(first, profile, place, np.zeros(1), image[None])


def _continuum(row, cube, psf):
    spectrum = continuum_spectrum(cube.wave, row["slope"])
    nodes = np.linspace(0, len(spectrum) - 1, max(2, len(spectrum) // NODE_STEP))
    wide = psf.image(cube.wave[[0, -1]][np.argmax(psf.fwhm_at(cube.wave[[0, -1]]))], cube.pixel_scale).shape[0]
    waves = np.interp(nodes, np.arange(len(spectrum)), cube.wave)
    places, images = zip(*(_image(row, wave, cube, psf, wide) for wave in waves), strict=True)
    return Stamp(0, spectrum, places[0], nodes, np.array(images))


def _image(row, wave, cube, psf, side=None):
    """Return the place and the image of an object of flux 1, cut at the field's border."""
    x, y = round(float(row["x"])), round(float(row["y"]))
    sigma = row["size"] * gaussian_fwhm_to_sigma / cube.pixel_scale
    side = (side or 2 * int(np.ceil(3 * psf.fwhm_at(wave) / cube.pixel_scale)) + 1) + 2 * int(np.ceil(3 * sigma))
    image = psf.image(wave, cube.pixel_scale, side, offset=(row["y"] - y, row["x"] - x))
    if sigma > 0:
        image = gaussian_filter(image, sigma, mode="constant")
    half = side // 2
    (rows, top), (columns, left) = _cut(y - half, side, cube.shape[1]), _cut(x - half, side, cube.shape[2])
    return (rows, columns), image[top, left]


def _cut(start, length, limit):
    """Return the slice of the cube and that of the stamp where the two overlap along one axis."""
    first, last = max(start, 0), max(min(start + length, limit), 0)
    return slice(first, max(first, last)), slice(first - start, max(first, last) - start)

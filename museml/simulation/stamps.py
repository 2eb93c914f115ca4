"""What one line or one continuum adds to a cube: a small array and its place."""

import numpy as np
from astropy.stats import gaussian_fwhm_to_sigma
from scipy.ndimage import gaussian_filter
from scipy.special import erf

__all__ = ["continuum_spectrum", "continuum_stamp", "line_stamp"]

NODE_STEP = 200  # channels between the wavelengths at which the PSF of a continuum is computed


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
    profile, first = line_profile(row["wave"], row["fwhm"], cube.wave)
    place, image = _image(row, row["wave"], cube, psf)
    return (slice(first, first + len(profile)), *place), profile[:, None, None] * image


def line_profile(wave, fwhm, axis):
    """Return the part of a Gaussian line of flux 1 that matters, averaged over channels, and its first channel."""
    step = axis[1] - axis[0]
    reach = 2.5 * fwhm + step
    first, last = np.searchsorted(axis, (wave - reach, wave + reach))
    edges = axis[first:last, None] + np.array([-step, step]) / 2
    low, high = erf((edges - wave) / (fwhm * gaussian_fwhm_to_sigma * np.sqrt(2))).T
    return (high - low) / (2 * step), int(first)


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
    spectrum = continuum_spectrum(cube.wave, row["slope"])
    nodes = np.linspace(0, len(spectrum) - 1, max(2, len(spectrum) // NODE_STEP))
    wide = psf.image(cube.wave[[0, -1]][np.argmax(psf.fwhm_at(cube.wave[[0, -1]]))], cube.pixel_scale).shape[0]
    images = [_image(row, wave, cube, psf, wide) for wave in np.interp(nodes, np.arange(len(spectrum)), cube.wave)]
    weights = np.maximum(0, 1 - np.abs(np.arange(len(spectrum))[:, None] - nodes) / nodes[1])
    stamp = np.tensordot(weights, [image for _, image in images], axes=1)
    return (slice(0, len(spectrum)), *images[0][0]), spectrum[:, None, None] * stamp


def continuum_spectrum(wave, slope):
    """Return flux density proportional to wavelength to the power ``slope``, of flux 1 over the range."""
    density = (wave / 7000) ** slope
    return density / (density.sum() * (wave[1] - wave[0]))


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

"""The noise of MUSE: its spectrum as measured in a real exposure, and cubes of it."""

from functools import cache
from pathlib import Path

import mpdaf
import numpy as np
from astropy.io import fits
from scipy.ndimage import correlate1d

__all__ = ["LAG_ONE", "noise_blocks", "noise_cube", "noise_curve"]

MEASURED_HOURS = 0.25  # the exposure of the cube that MPDAF ships: 900 s
#: correlation of neighbouring voxels along each axis in correlated noise; real cubes have .19-.43
LAG_ONE = 0.2


def noise_curve(wave, exposure_hours=1.0):
    """Return the noise of a MUSE voxel, without that of the objects.

    Parameters
    ----------
    wave : array_like
        Wavelength in Angstrom, air; outside of MUSE's range the last value holds.
    exposure_hours : float
        Exposure time; the noise falls with its square root.

    Returns
    -------
    ndarray
        Standard deviation per voxel of 0.2 arcsec x 0.2 arcsec x 1.25 Angstrom,
        1e-20 erg / (s cm2 Angstrom).

    Notes
    -----
    The median over the field, channel by channel, of the variances of the exposure of Abell 478
    that every installation of MPDAF has.
    """
    return np.interp(wave, *_measured()) * np.sqrt(MEASURED_HOURS / exposure_hours)


def noise_cube(sigma, shape, rng, correlated=False):
    """Draw a cube of Gaussian noise.

    Parameters
    ----------
    sigma : array_like, shape (wavelengths,)
        Standard deviation in each channel.
    shape : tuple
        (wavelengths, y, x).
    rng : `~numpy.random.Generator`
        Source of randomness.
    correlated : bool
        Whether neighbouring voxels are correlated, by `LAG_ONE` along each axis; the standard
        deviation of a voxel stays the same.

    Returns
    -------
    ndarray, float32
    """
    return np.concatenate([noise for _, noise in noise_blocks(sigma, shape, rng, correlated)])


def noise_blocks(sigma, shape, rng, correlated=False, count=64):
    """Draw a cube of Gaussian noise, block by block.

    Parameters
    ----------
    sigma, shape, rng, correlated
        As for `noise_cube`; the same numbers are drawn.
    count : int
        Planes in one block.

    Yields
    ------
    first : int
        First plane of a block.
    noise : ndarray, float32
        The block.
    """
    sigma = np.asarray(sigma, np.float32)[:, None, None]
    before = rng.standard_normal((2, *shape[1:]), dtype=np.float32) if correlated else None
    for first in range(0, shape[0], count):
        last = min(first + count, shape[0])
        noise = rng.standard_normal((last - first, *shape[1:]), dtype=np.float32)
        if correlated:
            drawn = np.concatenate([before, noise])
            noise, before = _smooth(drawn), drawn[-2:]
        noise *= sigma[first:last]
        yield first, noise


def _smooth(noise):
    """Smooth with (a, 1, a) along each axis: correlation 2a / (1 + 2a^2) at lag one; the outermost planes are lost."""
    a = (1 - np.sqrt(1 - 2 * LAG_ONE**2)) / (2 * LAG_ONE)
    weights = np.array([a, 1, a]) / np.sqrt(1 + 2 * a**2)
    noise = correlate1d(noise, weights, axis=0)[1:-1]
    for axis in (1, 2):
        noise = correlate1d(noise, weights, axis=axis, mode="wrap")
    return noise


@cache
def _measured():
    with fits.open(Path(mpdaf.__file__).parent / "data/sdetect/minicube.fits") as hdus:
        header, variance = hdus["STAT"].header, hdus["STAT"].data
        sigma = np.sqrt(np.nanmedian(variance.reshape(len(variance), -1), axis=1))
    wave = header["CRVAL3"] + header["CD3_3"] * (np.arange(len(sigma)) + 1 - header["CRPIX3"])
    return wave, sigma.astype(float)

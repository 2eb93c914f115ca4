"""What data reduction leaves behind and detectors stumble over: residuals of the sky and of continua."""

import numpy as np
from astropy.stats import gaussian_fwhm_to_sigma
from scipy.ndimage import gaussian_filter, median_filter
from scipy.signal import find_peaks
from scipy.special import expit

from museml.data.psf import DEFAULT_PSF, lsf_fwhm
from museml.simulation.objects import random_continua
from museml.simulation.stamps import continuum_stamp

__all__ = ["continuum_residuals", "sky_residuals"]

PROMINENCE = 0.1  # of ln(noise): fainter sky lines leave next to nothing
OTHER_FEATURES = 40  # per 3681 channels: residuals away from sky lines, as of sunlight in the sky
LINE_DENSITY = 1 / 40  # absorption lines per Angstrom of a galaxy's spectrum
#: bands of O2 and H2O in the Earth's atmosphere, Angstrom in air
TELLURIC_BANDS = ((6867, 6945), (7165, 7340), (7594, 7700), (8130, 8350), (8940, 9300))
TELLURIC_DENSITY = 1 / 9  # lines per Angstrom in the bands, as MUSE resolves them
OVERCORRECTED = -0.3  # power of the air's transmission that is left where it was corrected too much


def sky_residuals(cube, seed=0, strength=(0.3, 2.5)):
    """Draw what imperfect sky subtraction leaves: at wavelengths of sky lines, all over the field.

    Parameters
    ----------
    cube : `~museml.data.cubes.CubeData`
        Gives grid and noise; the sky lines are where its noise peaks. Some features are put elsewhere.
    seed : int or `~numpy.random.Generator`
        Source of randomness.
    strength : (float, float)
        Range of the residuals' amplitude in units of the noise of a voxel, drawn evenly in its logarithm.

    Returns
    -------
    ndarray, shape (wavelengths, y, x), float32
        To be added to the data, in the unit of `CubeData`.
    """
    rng = np.random.default_rng(seed)
    noise = _noise(cube)
    sky, other = _sky_lines(noise), rng.uniform(0, len(noise), _other_count(noise))
    residuals = np.zeros(cube.shape, np.float32)
    for number, channel in enumerate([*sky, *other]):
        amplitude = np.exp(rng.uniform(*np.log(strength))) * rng.choice([-1, 1])
        first, profile = _residual_profile(channel, cube, rng)
        part = slice(first, first + len(profile))
        profile = amplitude * profile * noise[part]
        residuals[part] += profile[:, None, None].astype(np.float32) * _pattern(
            cube.shape[1:], rng, 1.5 if number < len(sky) else 5.0
        )
    return residuals


def continuum_residuals(cube, seed=0, n=4, size=(0.0, 3.0), snr=(100.0, 10_000.0)):
    """Draw continuum sources whose spectra have absorption lines, breaks and ripples; between them look like lines.

    Parameters
    ----------
    cube : `~museml.data.cubes.CubeData`
        Gives grid, noise and PSF.
    seed : int or `~numpy.random.Generator`
        Source of randomness.
    n : int
        Number of sources.
    size : (float, float)
        Range of their FWHM before the PSF, in arcsec.
    snr : (float, float)
        Range of their S/N over the whole cube, see `~museml.simulation.objects.random_continua`.

    Returns
    -------
    ndarray, shape (wavelengths, y, x), float32
        To be added to the data, in the unit of `CubeData`.
    """
    rng = np.random.default_rng(seed)
    added = np.zeros(cube.shape, np.float32)
    for width in rng.uniform(*size, n):
        row = random_continua(cube, 1, rng, snr=snr, size=width)[0]
        place, stamp = continuum_stamp(row, cube, cube.psf or DEFAULT_PSF)
        spectrum = row["flux"] * _features(cube.wave, rng)
        added[place] += (spectrum[:, None, None] * stamp).astype(np.float32)
    return added


def _noise(cube):
    """Return the typical noise of a voxel by channel."""
    noise = np.empty(cube.shape[0])
    for start in range(0, len(noise), 64):
        variance = cube.block(start, min(start + 64, len(noise)))[1]
        finite = np.where(np.isfinite(variance), variance, 0).reshape(len(variance), -1)
        noise[start : start + 64] = np.sqrt(np.median(finite, axis=1))
    return noise


def _sky_lines(noise):
    """Return the channels at which the noise peaks."""
    level = np.log(np.maximum(noise, noise[noise > 0].min()))
    return find_peaks(level - median_filter(level, 101), prominence=PROMINENCE)[0]


def _other_count(noise):
    return int(np.ceil(OTHER_FEATURES * len(noise) / 3681))


def _residual_profile(channel, cube, rng):
    """Mix a line profile with its derivatives, which stem from errors of wavelength and width; the peak is 1."""
    sigma = rng.uniform(0.5, 1.3) * lsf_fwhm(np.interp(channel, np.arange(cube.shape[0]), cube.wave))
    sigma *= gaussian_fwhm_to_sigma / (cube.wave[1] - cube.wave[0])
    first, last = max(int(channel - 5 * sigma), 0), min(int(channel + 5 * sigma) + 2, cube.shape[0])
    distance = (np.arange(first, last) - channel - rng.uniform(-0.5, 0.5)) / sigma
    mix = rng.normal(size=3) * [1.0, 0.7, 0.4]
    profile = (mix[0] + mix[1] * distance + mix[2] * (distance**2 - 1)) * np.exp(-(distance**2) / 2)
    return first, profile / np.abs(profile).max()


def _pattern(shape, rng, evenness):
    """Return an image of mean square about 1: a level, the instrument's slices, and smooth variations."""
    level, slices, smooth = rng.dirichlet([evenness, 0.7, 1.0])
    stripes = np.repeat(rng.normal(size=max(shape)), rng.integers(2, 5))[: shape[0]][:, None]
    stripes = np.broadcast_to(stripes, shape) if rng.random() < 0.5 else _turned(stripes, shape)
    field = gaussian_filter(rng.normal(size=shape), rng.uniform(3, 10))
    return (level + slices * stripes + smooth * field / field.std()).astype(np.float32)


def _turned(stripes, shape):
    values = np.resize(stripes[:, 0], shape[1])
    return np.broadcast_to(values[None, :], shape)


def _features(wave, rng):
    """Return a continuum of level 1 with absorption lines, imperfectly corrected air, a break and a ripple."""
    spectrum = _absorption(wave, (wave[0], wave[-1]), LINE_DENSITY, (1.5, 12), 0.12, rng)
    strength = rng.exponential(0.08)
    for band in TELLURIC_BANDS:
        telluric = _absorption(wave, band, TELLURIC_DENSITY, (1.2, 4), strength, rng)
        spectrum = spectrum * telluric ** rng.choice([1, 1, 1, OVERCORRECTED])
    step = 1 + rng.uniform(-0.4, 0.4) * expit((wave - rng.uniform(wave[0], wave[-1])) / rng.uniform(2, 10))
    ripple = 1 + rng.uniform(0, 0.05) * np.sin(2 * np.pi * wave / rng.uniform(60, 400) + rng.uniform(0, 2 * np.pi))
    return spectrum * step * ripple


def _absorption(wave, band, density, width, depth, rng):
    """Return the transmission of lines in a band; so many per Angstrom, with a range of sigmas and a mean depth."""
    count = rng.poisson(density * (band[1] - band[0]))
    centre, depths = rng.uniform(*band, count), rng.exponential(depth, count).clip(max=0.7)
    sigma = np.exp(rng.uniform(*np.log(width), count))
    transmission = np.ones_like(wave)
    for c, d, s in zip(centre, depths, sigma, strict=True):
        near = slice(*np.searchsorted(wave, (c - 6 * s, c + 6 * s)))
        transmission[near] *= 1 - d * np.exp(-(((wave[near] - c) / s) ** 2) / 2)
    return transmission

"""What data reduction leaves behind and detectors stumble over: sky, continua, cosmic rays, slices, notch filter."""

import numpy as np
from astropy.stats import gaussian_fwhm_to_sigma
from scipy.ndimage import gaussian_filter, median_filter
from scipy.signal import find_peaks

from museml.data.psf import DEFAULT_PSF, lsf_fwhm
from museml.simulation.continuum_features import draw_continuum
from museml.simulation.objects import random_continua
from museml.simulation.stamps import continuum_stamp

__all__ = ["continuum_residuals", "cosmic_rays", "notch_edges", "sky_residuals", "slice_residuals"]

PROMINENCE = 0.1  # of ln(noise): fainter sky lines leave next to nothing
OTHER_FEATURES = 40  # per 3681 channels: residuals away from sky lines, as of sunlight in the sky
COSMIC_DENSITY = 2e-6  # cosmic rays per voxel that were not removed
#: the gap that the filter against the laser's light makes in cubes taken with adaptive optics, Angstrom
NOTCH = (5800.0, 5970.0)
SLICE = 15  # pixels between the borders of the instrument's slices, along one axis


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
        spectrum = row["flux"] * draw_continuum(cube.wave, rng)
        added[place] += (spectrum[:, None, None] * stamp).astype(np.float32)
    return added


def cosmic_rays(cube, seed=0, strength=(4.0, 60.0)):
    """Draw what is left of cosmic rays: spots sharper than PSF and lines, or short tracks.

    Parameters
    ----------
    cube : `~museml.data.cubes.CubeData`
        Gives grid and noise.
    seed : int or `~numpy.random.Generator`
        Source of randomness.
    strength : (float, float)
        Range of their brightest voxel in units of its noise, drawn evenly in the logarithm.

    Returns
    -------
    ndarray, shape (wavelengths, y, x), float32
        To be added to the data, in the unit of `CubeData`.
    """
    rng = np.random.default_rng(seed)
    noise, added = _noise(cube), np.zeros(cube.shape, np.float32)
    for _ in range(rng.poisson(COSMIC_DENSITY * np.prod(cube.shape))):
        place = [rng.integers(size) for size in cube.shape]
        spot = _spot(rng) * np.exp(rng.uniform(*np.log(strength))) * noise[place[0]]
        inside = tuple(slice(p, min(p + n, size)) for p, n, size in zip(place, spot.shape, cube.shape, strict=True))
        added[inside] += spot[tuple(slice(0, part.stop - part.start) for part in inside)].astype(np.float32)
    return added


def slice_residuals(cube, seed=0, n=12, strength=(0.3, 1.5)):
    """Draw what differences between the instrument's slices leave: stripes and edges over some channels.

    Parameters
    ----------
    cube, seed, strength
        As for `sky_residuals`.
    n : int
        How many per 3681 channels.

    Returns
    -------
    ndarray, shape (wavelengths, y, x), float32
        To be added to the data, in the unit of `CubeData`.
    """
    rng = np.random.default_rng(seed)
    noise, added = _noise(cube), np.zeros(cube.shape, np.float32)
    for _ in range(rng.poisson(n * len(noise) / 3681)):
        first = rng.integers(len(noise))
        part = slice(first, first + int(np.exp(rng.uniform(*np.log((3, 60))))))
        profile = np.hanning(len(noise[part]) + 2)[1:-1] * noise[part] * np.exp(rng.uniform(*np.log(strength)))
        added[part] += (profile[:, None, None] * _edges(cube.shape[1:], rng)).astype(np.float32)
    return added


def notch_edges(cube, seed=0, strength=(0.5, 5.0), reach=12):
    """Draw what the edges of the notch filter of adaptive optics leave, at `NOTCH`.

    Parameters
    ----------
    cube, seed, strength
        As for `sky_residuals`.
    reach : int
        Channels beyond the edge that are touched.

    Returns
    -------
    ndarray, shape (wavelengths, y, x), float32
        To be added to the data, in the unit of `CubeData`; NaN in the gap.
    """
    rng = np.random.default_rng(seed)
    noise, added = _noise(cube), np.zeros(cube.shape, np.float32)
    low, high = np.searchsorted(cube.wave, NOTCH)
    added[low:high] = np.nan
    for edge, side in ((low - 1, -1), (high, 1)):
        for step in range(reach):
            channel = edge + side * step
            if 0 < edge < len(noise) and 0 <= channel < len(noise):
                amplitude = np.exp(rng.uniform(*np.log(strength)) - step / rng.uniform(1, 5)) * rng.choice([-1, 1])
                added[channel] += amplitude * noise[channel] * _pattern(cube.shape[1:], rng, 1.5)
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


def _spot(rng):
    """Return a spot whose brightest voxel is 1: one to three voxels along each axis."""
    spot = np.zeros((5, 5, 5))
    track = rng.normal(size=3) * [0.7, 0.5, 0.5]
    for step in np.linspace(-1, 1, rng.integers(1, 5)) if rng.random() < 0.6 else [0.0]:
        spot[tuple(np.clip(np.rint(2 + step * track), 0, 4).astype(int))] += rng.uniform(0.5, 1.5)
    spot = gaussian_filter(spot, rng.uniform(0.3, 0.6))
    return spot / spot.max()


def _edges(shape, rng):
    """Return an image with levels that differ from slice to slice, or with bright borders between them."""
    axis = np.arange(max(shape)) + rng.integers(SLICE)
    levels = rng.normal(size=len(axis) // SLICE + 2)[axis // SLICE]
    borders = (axis % SLICE < rng.integers(1, 4)) * rng.normal(1, 0.5)
    stripes = levels if rng.random() < 0.5 else borders
    return np.broadcast_to(stripes[: shape[0], None] if rng.random() < 0.5 else stripes[None, : shape[1]], shape)

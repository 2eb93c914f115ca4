"""What observing and data reduction leave in spectra: residuals, spikes, backgrounds, ripples and gaps."""

from functools import lru_cache

import numpy as np
from astropy.stats import gaussian_fwhm_to_sigma
from scipy.ndimage import gaussian_filter1d
from scipy.signal import find_peaks

from museml.data.spectral import to_air

__all__ = ["background", "cosmic_rays", "gain", "gaps", "sky_residuals", "sky_spikes"]

NODES = 24  # of smooth random functions
STRONG = 2.0  # variance of a sky line over that between lines, from which on it may be masked
LASER = (5800.0, 5970.0)  # Angstrom in air: filtered out where adaptive optics are used
#: bands of O2 and H2O in the Earth's atmosphere: Angstrom in air, mean depth at a resolution of 2.5 Angstrom
TELLURIC_BANDS = ((6867, 6945, 0.15), (7165, 7340, 0.08), (7594, 7700, 0.5), (8130, 8350, 0.1), (8940, 9300, 0.15))
SPIKES = (2.0, 12.0)  # height in units of the noise
REACH = 7  # channels to each side of a spike


def gain(rng, n, instrument, conditions):
    """Draw errors of the flux calibration, as factors about 1: tilt, ripple and imperfectly corrected air."""
    place = np.linspace(-1, 1, len(instrument), dtype=np.float32)
    change = np.float32(conditions.tilt / 2) * _normal(rng, n, 1) * place
    change += np.float32(conditions.ripple) * _smooth_fields(rng, n, instrument)
    band, depth = _telluric(instrument)
    change[:, band] -= np.float32(conditions.telluric) * _normal(rng, n, 1) * depth
    return np.exp(change)


def background(rng, n, instrument, conditions):
    """Draw a smooth background: a level, a tilt and waves."""
    place = np.linspace(-1, 1, len(instrument), dtype=np.float32)
    strength = np.float32(conditions.background) * np.abs(_normal(rng, n, 1))
    fields = _smooth_fields(rng, n, instrument)
    return strength * (_normal(rng, n, 1) + _normal(rng, n, 1) * place + np.float32(0.5) * fields)


def sky_residuals(rng, sigma, contrast, hours, instrument, conditions):
    """Draw what sky subtraction leaves: a level on all sky lines and lines of either sign on each of them."""
    if not conditions.residuals:
        return np.float32(0)
    n, (where, amount) = len(sigma), _sky_channels(instrument)
    deep = (np.asarray(hours, np.float32)[:, None] / 10) ** np.float32(0.25)
    strength = np.float32(conditions.residuals) * deep * rng.uniform(0, 1, (n, 1)).astype(np.float32)
    share = np.sqrt(contrast[:, None] * amount / (1 + contrast[:, None] * amount))
    single = _residual_lines(rng, n, len(where))
    added = np.zeros_like(sigma)
    added[:, where] = sigma[:, where] * strength * share * (single + np.float32(0.3) * _normal(rng, n, 1))
    return added


def _residual_lines(rng, n, channels):
    """Draw peaks and pairs of a peak and a trough, which stem from errors of flux and wavelength; scatter 1."""
    white = rng.standard_normal((2, n, channels), dtype=np.float32)
    peaks = gaussian_filter1d(white[0], 0.8, axis=1, truncate=3)
    pairs = gaussian_filter1d(white[1], 0.8, axis=1, order=1, truncate=3)
    return np.float32(0.84) * peaks + np.float32(1.65) * pairs


def sky_spikes(values, rng, sigma, instrument, conditions):
    """Add single strong residuals: most at sky lines and as wide as these, some anywhere and narrower; in place."""
    row = np.repeat(np.arange(len(values)), rng.poisson(conditions.spikes, len(values)))
    peaks = _sky_peaks(instrument)
    on_line = (rng.random(len(row)) < 0.85) & (len(peaks) > 0)
    anywhere = rng.integers(len(instrument), size=len(row))
    channel = np.where(on_line, rng.choice(peaks, len(row)) if len(peaks) else anywhere, anywhere)
    step = np.gradient(instrument.wave)[channel]
    width = instrument.lsf(instrument.wave[channel]) * gaussian_fwhm_to_sigma / step
    width *= rng.uniform(0.3, np.where(on_line, 1.2, 0.7))
    height = np.exp(rng.uniform(*np.log(SPIKES), len(row))) * rng.choice([-1, 1], len(row), p=[0.4, 0.6])
    _add_profiles(values, row, channel, width, height * sigma[row, channel], rng)


def cosmic_rays(values, rng, conditions):
    """Add cosmic rays, one to three channels wide, in place; return a mask of those that were noticed."""
    n, channels = values.shape
    row = np.repeat(np.arange(n), rng.poisson(conditions.cosmic_rays, n))
    channel = rng.integers(channels, size=len(row))
    height = np.exp(rng.uniform(*np.log((5.0, 100.0)), len(row)))
    _add_profiles(values, row, channel, rng.uniform(0.2, 0.7, len(row)), height, rng)
    mask = np.zeros(values.shape, bool)
    noticed = rng.random(len(row)) < 0.4
    for shift in (-1, 0, 1):
        mask[row[noticed], np.clip(channel[noticed] + shift, 0, channels - 1)] = True
    return mask


def gaps(rng, n, instrument, conditions):
    """Draw where there are no data: intervals, ends, missing parts, the laser's notch, strong sky lines."""
    channels = len(instrument)
    place = np.arange(channels)
    first, last = _ends(rng, n, channels, conditions)
    mask = (place < first[:, None]) | (place >= last[:, None])
    row = np.repeat(np.arange(n), rng.poisson(conditions.gaps, n))
    start = rng.integers(channels, size=len(row))
    for r, a, b in zip(row, start, start + rng.integers(1, 60, len(row)), strict=True):
        mask[r, a:b] = True
    air = to_air(instrument.wave, instrument.medium)
    mask |= (rng.random((n, 1)) < conditions.notch) & (air > LASER[0]) & (air < LASER[1])
    mask |= (rng.random((n, 1)) < conditions.masked_sky) & (instrument.sky > STRONG)
    return mask


def _ends(rng, n, channels, conditions):
    """Draw the first channel with data and that after the last."""
    limits = np.zeros((2, n), int)
    trimmed, cropped = rng.random((2, n)) < conditions.edges, rng.random((2, n)) < conditions.cropped
    limits += trimmed * rng.integers(1, 30, (2, n))
    limits = np.where(cropped, rng.integers(0, int(0.35 * channels) + 1, (2, n)), limits)
    return limits[0], channels - limits[1]


def _normal(rng, *shape):
    return rng.standard_normal(shape, dtype=np.float32)


def _smooth_fields(rng, n, instrument):
    """Draw smooth functions of wavelength with standard deviation about 1 and waves of some hundred channels."""
    return _normal(rng, n, NODES) @ _waves(len(instrument))


@lru_cache
def _waves(channels):
    """Return cosines of 1 to NODES / 2 periods and their sines, more power in the longer ones."""
    phase = np.linspace(0, 2 * np.pi, channels)[None] * np.repeat(np.arange(1, NODES // 2 + 1), 2)[:, None]
    phase[1::2] -= np.pi / 2
    weights = np.repeat(np.arange(1, NODES // 2 + 1), 2)[:, None] ** -0.5
    return (np.cos(phase) * weights / np.sqrt((weights**2).sum() / 2)).astype(np.float32)


@lru_cache
def _telluric(instrument):
    """Return the channels in telluric bands and the optical depth there; its lines are the same for all spectra."""
    air, rng = to_air(instrument.wave, instrument.medium), np.random.default_rng(0)
    depth = np.zeros(len(instrument))
    for start, stop, mean in TELLURIC_BANDS:
        centre = np.arange(start, stop, 9.0) + rng.uniform(-3, 3, len(np.arange(start, stop, 9.0)))
        strength = mean * rng.exponential(1.0, len(centre)) * np.exp(-1.5 * (centre - start) / (stop - start))
        depth += np.exp(-0.5 * ((air[:, None] - centre) / 3.0) ** 2) @ (2.5 * strength)
    band = np.flatnonzero(depth > 1e-3)
    return band, depth[band].astype(np.float32)


@lru_cache
def _sky_channels(instrument):
    where = np.flatnonzero(gaussian_filter1d(instrument.sky, 1.0) > 0.05)
    return where, instrument.sky[where]


@lru_cache
def _sky_peaks(instrument):
    return find_peaks(instrument.sky, prominence=0.2)[0]


def _add_profiles(values, row, channel, width, height, rng):
    """Add Gaussians, given by rows and channels of their centres, widths in channels and heights."""
    offset = np.arange(-REACH, REACH + 1)
    distance = offset - rng.uniform(-0.5, 0.5, len(row))[:, None]
    profile = height[:, None] * np.exp(-0.5 * (distance / width[:, None]) ** 2)
    place = channel[:, None] + offset
    inside = (place >= 0) & (place < values.shape[1])
    np.add.at(values, (np.broadcast_to(row[:, None], place.shape)[inside], place[inside]), profile[inside])

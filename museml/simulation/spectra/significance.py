"""How well an object stands out of the noise: one number for objects with lines, with a continuum, or with both."""

from functools import lru_cache

import numpy as np

from museml.data.line_profiles import C_KMS
from museml.data.linelist import LINES, emission_lines

__all__ = ["brightest_line", "continuum_snr", "line_snr", "significance"]

#: the continuum counts as a line of this many times its signal-to-noise ratio per channel
CONTINUUM_WEIGHT = 7.0
#: a line's signal is counted out to this distance from its peak, km/s
REACH = 1000.0


def significance(flux, emission, sigma, instrument):
    """Return the significance of objects: of the brightest line, and of the continuum, added in quadrature.

    Parameters
    ----------
    flux, emission : ndarray, shape (n, channels)
        Spectra, and the part of them that is emission lines.
    sigma : ndarray, shape (channels,) or (n, channels)
        Noise.
    instrument : Instrument
        Gives the channels.

    Returns
    -------
    ndarray, shape (n,)
    """
    continuum = np.sqrt(np.mean(((flux - emission) / sigma) ** 2, axis=1))
    return np.hypot(line_snr(emission, sigma, instrument), CONTINUUM_WEIGHT * continuum)


def line_snr(emission, sigma, instrument):
    """Return the signal-to-noise ratio of the filter that matches the brightest line, in white noise."""
    snr, near = _near_peak(emission, sigma, instrument)
    rows = np.arange(len(snr))[:, None]
    inside = np.abs(np.log(instrument.vacuum[near] / instrument.vacuum[snr.argmax(axis=1)][:, None])) < REACH / C_KMS
    return np.sqrt(np.sum(np.where(inside, snr[rows, near], 0) ** 2, axis=1))


def _near_peak(emission, sigma, instrument):
    """Return S/N by channel, and the channels near its peak, shape (n, some); those past the ends are left out."""
    snr = emission / sigma
    reach = _reach(instrument)
    offset = np.arange(-reach, reach + 1)
    peak = np.clip(snr.argmax(axis=1), reach, max(len(instrument) - 1 - reach, reach))
    return snr, np.clip(peak[:, None] + offset, 0, len(instrument) - 1)


@lru_cache
def _reach(instrument):
    """Return the most channels that a line reaches to each side, at most half of all."""
    step = np.diff(np.log(instrument.vacuum)).min()
    return min(int(np.ceil(REACH / C_KMS / step)), (len(instrument) - 1) // 2)


def continuum_snr(continuum, sigma, z, instrument):
    """Return the median signal-to-noise ratio per channel of continua, redward of Lyman alpha."""
    start = np.minimum(LINES["LYALPHA"].wave * (1 + np.nan_to_num(z)), instrument.vacuum[-1] * 0.98)
    red = instrument.vacuum > start[:, None]
    return np.nanmedian(np.where(red, continuum / sigma, np.nan), axis=1)


def brightest_line(emission, sigma, z, instrument):
    """Return the name of the line that stands out most, '' where there is none."""
    lines = emission_lines()
    peak = instrument.vacuum[(emission / sigma).argmax(axis=1)]
    distance = np.abs(np.log(peak / (1 + np.nan_to_num(z)))[:, None] - np.log([line.wave for line in lines]))
    names = np.array([line.name for line in lines])[distance.argmin(axis=1)]
    return np.where(emission.any(axis=1), names, "")

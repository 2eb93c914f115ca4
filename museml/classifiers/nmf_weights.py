"""What a spectrum weighs in a fit of templates: its errors made honest, spikes and sky lines held down."""

import numpy as np
from astropy.stats import mad_std
from scipy.ndimage import median_filter, uniform_filter1d

__all__ = ["fit_weights"]

#: templates and flux calibration are right to this part of the smooth spectrum
MODEL_ERROR = 0.03
#: channels that the smooth spectrum and the usual error are taken over
SMOOTH = 101
#: the part of the error that exceeds the usual one by this factor counts so many times: sky lines leave residuals
SKY_FACTOR, SKY_PENALTY = 1.5, 1.5
#: a channel that stands out by so many errors, and of which less than this part is in its neighbours, is no line
SPIKE, SPIKE_SHARE = 5.0, 0.25
#: reported errors are wrong by no more than these factors
ERROR_FACTOR = (0.4, 3.0)


def fit_weights(values, errors, mask):
    """Return the inverse variances with which spectra are fitted, and the spectra, in units of their usual error.

    Parameters
    ----------
    values, errors : ndarray, shape (n, channels)
        Spectra and their standard errors.
    mask : ndarray of bool, same shape
        True where there are no data.

    Returns
    -------
    weights, values : ndarray, shape (n, channels), float64
        Both 0 where masked.
    """
    rows = zip(values.astype(float), errors.astype(float), mask, strict=True)
    weights, values = np.array([_weights(*row) for row in rows]).swapaxes(0, 1)
    return weights, values


def _weights(flux, error, mask):
    good = ~mask
    if not good.any():
        return np.zeros((2, len(flux)))
    scale = np.median(error[good])
    flux, error = flux / scale, error / scale
    filled = np.interp(np.arange(len(flux)), np.flatnonzero(good), flux[good])
    error = np.interp(np.arange(len(flux)), np.flatnonzero(good), error[good])
    error = error * _factor(filled[good] / error[good])
    usual = _coarse_median(error)
    excess = np.maximum(error / (SKY_FACTOR * usual), 1) ** SKY_PENALTY
    smooth = np.abs(_coarse_median(filled))
    spikes = _spikes(filled, error)
    weight = 1 / ((error * excess) ** 2 + (MODEL_ERROR * smooth) ** 2)
    return np.where(good & ~spikes, [weight, flux], 0)


def _factor(snr):
    """Return true over reported errors, from the scatter of differences that lines and continua hardly change."""
    second = snr[4:] - 2 * snr[2:-2] + snr[:-4]
    return np.clip(mad_std(second) / np.sqrt(6) if len(second) else 1.0, *ERROR_FACTOR)


def _coarse_median(values):
    """Return a running median, from every fourth channel."""
    coarse = median_filter(uniform_filter1d(values, 4)[::4], SMOOTH // 4, mode="nearest")
    return np.interp(np.arange(len(values)), 4 * np.arange(len(coarse)), coarse)


def _spikes(flux, error):
    """Say which channels stand out alone, upwards or downwards."""
    around = (np.roll(flux, 2) + np.roll(flux, -2)) / 2
    above = flux - around
    beside = (np.roll(flux, 1) + np.roll(flux, -1)) / 2 - around
    return (np.abs(above) > SPIKE * error) & (np.sign(above) * beside < SPIKE_SHARE * np.abs(above))

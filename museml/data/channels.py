"""What a network for redshifts sees of a spectrum: several views, none of which knows the scale of the flux."""

import numpy as np
from scipy.ndimage import correlate1d, uniform_filter1d

__all__ = ["CHANNELS", "spectrum_channels"]

#: names of the channels, in order
CHANNELS = ("pixel", "narrow", "broad", "continuum", "shape", "noise", "mask")
CLIP = 3.0  # sigma, beyond which a pixel is drawn to the continuum
LIMIT = 12.0  # of any channel


def spectrum_channels(values, mask, errors, continuum=241, narrow=2.2, broad=15):
    """Make the channels of spectra on an even logarithmic axis.

    Parameters
    ----------
    values, errors : ndarray, shape (n, pixels)
        Flux and its standard error.
    mask : ndarray of bool, same shape
        True where there is no valid datum.
    continuum : float
        Width of the running mean that is the continuum, pixels.
    narrow : float
        Standard deviation of the narrow matched filter, pixels.
    broad : float
        Width of the broad matched filter, pixels.

    Returns
    -------
    channels : ndarray, shape (n, pixels, 7), float32
        arcsinh of the S/N of a pixel, of lines of two widths, and of the continuum; the continuum over its mean;
        the logarithm of the noise over its median; the mask.
    mask : ndarray of bool, same shape
        The mask, repeated.
    """
    weight = np.where(mask | (errors <= 0), 0, 1 / np.square(np.where(errors > 0, errors, 1)))
    scale = np.sqrt(_mean(weight))[:, None]  # so that all that follows is free of the unit
    weight = (weight / np.square(np.where(scale > 0, scale, 1))).astype(np.float32)
    flux = (values * scale).astype(np.float32)
    level = _continuum(flux, weight, int(continuum))
    views = np.stack(
        [
            np.arcsinh((flux - level) * np.sqrt(weight)),
            np.arcsinh(_narrow(flux - level, weight, narrow) / 2),
            np.arcsinh(_broad(flux - level, weight, int(broad)) / 2),
            np.arcsinh(level * np.sqrt(weight * continuum) / 10),
            np.arcsinh(level / np.sqrt(_mean(weight * level**2) + 1e-2)[:, None]),
            -0.5 * np.log(np.maximum(weight, 1e-6) / _median(weight)),
            mask,
        ],
        axis=-1,
    )
    views[..., :-1][mask] = 0
    return np.clip(views, -LIMIT, LIMIT), np.broadcast_to(mask[..., None], views.shape)


def _mean(weight):
    """Return the mean over the pixels that have a weight; 0 where there is none."""
    return weight.sum(axis=1) / np.maximum((weight != 0).sum(axis=1), 1)


def _median(weight):
    """Return the median over the pixels that have a weight, as a column; 1 where there is none."""
    ordered = np.sort(weight, axis=1)
    count = (weight > 0).sum(axis=1)
    place = weight.shape[1] - 1 - count // 2
    return np.where(count > 0, ordered[np.arange(len(weight)), place], 1)[:, None]


def _continuum(flux, weight, width):
    """Return the weighted running mean of the flux, to which lines add little."""
    noise = 1 / np.sqrt(np.maximum(weight, 1e-6))
    level = _smooth(flux, weight, width)
    for _ in range(2):
        level = _smooth(np.clip(flux, level - CLIP * noise, level + CLIP * noise), weight, width)
    return level


def _smooth(flux, weight, width):
    total, norm = (uniform_filter1d(uniform_filter1d(x, width // 2), width // 2) for x in (flux * weight, weight))
    return total / np.maximum(norm, 1e-6)


def _narrow(excess, weight, sigma):
    """Return the S/N of Gaussian lines at every pixel."""
    offset = np.arange(-int(3 * sigma), int(3 * sigma) + 1)
    profile = np.exp(-0.5 * (offset / sigma) ** 2)
    signal, norm = correlate1d(excess * weight, profile), correlate1d(weight, profile**2)
    return signal / np.sqrt(np.maximum(norm, 1e-6))


def _broad(excess, weight, width):
    """Return the S/N of box-shaped lines at every pixel."""
    return uniform_filter1d(excess * weight, width) * np.sqrt(width / np.maximum(uniform_filter1d(weight, width), 1e-6))

"""What a network for redshifts sees of a spectrum: several views, none of which knows the scale of the flux."""

import numpy as np
from scipy.ndimage import correlate1d, uniform_filter1d

__all__ = ["CHANNELS", "spectrum_channels"]

#: names of the channels, in order
CHANNELS = ("pixel", "narrow", "broad", "continuum", "shape", "noise", "mask")
CLIP = 3.0  # sigma, beyond which a pixel is drawn to the continuum
LIMIT = 12.0  # of any channel
FAINTEST = np.float32(1e-6)  # inverse variance relative to the mean


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
    flux, weight = _scale_free(values, mask, errors)
    level = _continuum(flux, weight, int(continuum))
    excess, root = flux - level, np.sqrt(weight)
    views = np.empty((*mask.shape, len(CHANNELS)), np.float32)
    views[..., 0] = np.arcsinh(excess * root)
    views[..., 1] = np.arcsinh(_narrow(excess * weight, weight, narrow) / 2)
    views[..., 2] = np.arcsinh(_broad(excess * weight, weight, int(broad)) / 2)
    views[..., 3] = np.arcsinh(level * root * np.float32(np.sqrt(continuum) / 10))
    views[..., 4] = np.arcsinh(level / np.sqrt(_mean(weight * level**2) + 1e-2)[:, None])
    views[..., 5] = -0.5 * np.log(np.maximum(weight, FAINTEST) / _median(weight))
    views[mask] = 0
    views[..., 6] = mask
    return np.clip(views, -LIMIT, LIMIT, out=views), np.broadcast_to(mask[..., None], views.shape)


def _scale_free(values, mask, errors):
    """Return flux and inverse variances in a unit in which the mean inverse variance is 1; 0 where masked."""
    known = ~mask & (errors > 0)
    root = np.where(known, 1 / np.where(known, errors, 1).astype(float), 0)
    scale = np.sqrt(_mean(root**2))[:, None]
    root = (root / np.where(scale > 0, scale, 1)).astype(np.float32)
    return (values * scale).astype(np.float32), root**2


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
    noise = CLIP / np.sqrt(np.maximum(weight, FAINTEST))
    norm = np.maximum(_smooth(weight, width), FAINTEST)
    level = _smooth(flux * weight, width) / norm
    for _ in range(2):
        level = _smooth(np.clip(flux, level - noise, level + noise) * weight, width) / norm
    return level


def _smooth(values, width):
    return uniform_filter1d(uniform_filter1d(values, width // 2), width // 2)


def _narrow(signal, weight, sigma):
    """Return the S/N of Gaussian lines at every pixel."""
    reach = int(3 * sigma)
    profile = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    signal, norm = correlate1d(signal, profile), correlate1d(weight, profile**2)
    return signal / np.sqrt(np.maximum(norm, FAINTEST))


def _broad(signal, weight, width):
    """Return the S/N of box-shaped lines at every pixel."""
    norm = np.maximum(uniform_filter1d(weight, width), FAINTEST)
    return uniform_filter1d(signal, width) * np.sqrt(np.float32(width) / norm)

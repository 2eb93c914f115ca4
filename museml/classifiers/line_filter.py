"""Matched filter of emission lines along spectra."""

import itertools
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import median_filter

from museml.data.line_profiles import PROFILES, line_sigma

__all__ = ["Maps", "continuum", "filter_lines", "kernel", "local_scatter"]

SIGMA_LIMIT = 3.5  # kernels end here, in standard deviations


@dataclass(frozen=True)
class Maps:
    """Filtered spectrum on an axis even in ln(vacuum wavelength).

    Attributes
    ----------
    num, den : ndarray, shape (n,)
        ``num / den`` is the flux of a line centred there, ``den`` its inverse variance; both are 0
        where there are no data.
    """

    num: np.ndarray
    den: np.ndarray


def continuum(wave, flux, mask, width=100.0):
    """Return the running median of a spectrum.

    Parameters
    ----------
    wave, flux, mask : ndarray, shape (n,)
        The spectrum; masked pixels are bridged.
    width : float
        Width of the window in Angstrom.
    """
    size = 2 * max(1, round(0.5 * width / np.median(np.diff(wave)))) + 1
    filled = np.interp(wave, wave[~mask], flux[~mask])
    return median_filter(filled, size=size, mode="mirror")


def kernel(wave, profile, width):
    """Return the profile centred on each pixel, per unit flux, at the pixels around it.

    Returns
    -------
    ndarray, shape (n, 2 half + 1)
        In 1/Angstrom; 0 beyond the ends of the axis.
    """
    components = PROFILES[profile]
    sigmas = [line_sigma(wave, width * widening) for _, _, widening in components]
    reach = max(np.max(SIGMA_LIMIT * s + wave * abs(dx)) for s, (dx, _, _) in zip(sigmas, components, strict=True))
    half = int(np.ceil(reach / np.min(np.diff(wave))))
    taps = np.pad(wave, half, constant_values=np.inf)[np.arange(len(wave))[:, None] + np.arange(2 * half + 1)]
    total = sum(weight for _, weight, _ in components)
    return sum(
        weight / total * _gaussian(taps - (wave * np.exp(shift))[:, None], sigma[:, None])
        for (shift, weight, _), sigma in zip(components, sigmas, strict=True)
    )


def _gaussian(offset, sigma):
    return np.exp(-0.5 * (offset / sigma) ** 2) / (sigma * np.sqrt(2 * np.pi))


def filter_lines(residual, weight, profiles):
    """Filter a continuum-subtracted spectrum with a kernel.

    Parameters
    ----------
    residual, weight : ndarray, shape (n,)
        Spectrum and inverse variance; the weight is 0 where masked.
    profiles : ndarray, shape (n, k)
        From `kernel`.

    Returns
    -------
    num, den : ndarray, shape (n,)
        As in `Maps`, on the spectrum's own pixels.
    """
    half = profiles.shape[1] // 2
    windows = np.lib.stride_tricks.sliding_window_view
    num = np.einsum("ij,ij->i", profiles, windows(np.pad(residual * weight, half), 2 * half + 1))
    den = np.einsum("ij,ij->i", profiles**2, windows(np.pad(weight, half), 2 * half + 1))
    return num, den


def local_scatter(snr, valid, block=400, floor=0.6):
    """Return the robust scatter of a signal-to-noise ratio along a spectrum, at least ``floor``.

    Median absolute deviations in blocks of pixels, joined by straight lines.
    """
    if not valid.any():
        return np.ones(len(snr))
    edges = np.linspace(0, len(snr), max(2, len(snr) // block + 1)).astype(int)
    centres, scatters = [], []
    for start, stop in itertools.pairwise(edges):
        part = snr[start:stop][valid[start:stop]]
        if len(part) > 20:
            centres.append(0.5 * (start + stop))
            scatters.append(1.4826 * np.median(np.abs(part - np.median(part))))
    if not centres:
        return np.ones(len(snr))
    return np.maximum(np.interp(np.arange(len(snr)), centres, scatters), floor)

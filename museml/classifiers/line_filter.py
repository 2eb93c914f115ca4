"""Matched filter of emission lines along spectra."""

import itertools
from dataclasses import dataclass

import numpy as np
from astropy.constants import c
from astropy.stats import gaussian_fwhm_to_sigma
from scipy.ndimage import median_filter

from museml.data.psf import lsf_fwhm

__all__ = ["PROFILES", "Maps", "continuum", "filter_lines", "line_sigma"]

C_KMS = c.to_value("km/s")

#: profile -> Gaussian components: (shift in ln(wave), weight, width relative to the line's velocity width)
PROFILES = {
    "line": ((0.0, 1.0, 1.0),),
    # doublets too close for lines of their own; flux ratios of the low-density limit
    "oii": ((0.0, 1.0, 1.0), (np.log(3729.88 / 3727.09), 1.35, 1.0)),
    "ciii": ((0.0, 1.0, 1.0), (np.log(1908.73 / 1906.68), 0.7, 1.0)),
    "civ": ((0.0, 1.0, 1.0), (np.log(1550.77 / 1548.20), 0.6, 1.0)),
    # sharp blue edge and red wing of Lya after scattering (e.g. Shibuya et al. 2014, ApJ 788, 74)
    "lya": ((0.0, 0.55, 0.8), (4.5e-4, 0.3, 1.5), (1.3e-3, 0.15, 3.0)),
}
SIGMA_LIMIT = 3.5  # kernels end here, in standard deviations
MUSE_RANGE = (4600.0, 9400.0)  # where the line-spread function was measured, Angstrom


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


def line_sigma(wave, width):
    """Return the standard deviation in Angstrom of lines of a velocity width, as observed.

    Parameters
    ----------
    wave : ndarray
        Wavelength in Angstrom.
    width : float
        Intrinsic standard deviation in km/s.
    """
    lsf = lsf_fwhm(np.clip(wave, *MUSE_RANGE)) * gaussian_fwhm_to_sigma
    return np.hypot(lsf, wave * width / C_KMS)


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

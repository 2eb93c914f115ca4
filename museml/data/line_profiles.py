"""Profiles of emission lines: their components, and their width as observed."""

import numpy as np
from astropy.constants import c
from astropy.stats import gaussian_fwhm_to_sigma

from museml.data.psf import lsf_fwhm

__all__ = ["C_KMS", "PROFILES", "line_sigma"]

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
MUSE_RANGE = (4600.0, 9400.0)  # where the line-spread function was measured, Angstrom


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

"""AB magnitudes of mean flux densities."""

import numpy as np
from astropy.constants import c

__all__ = ["ab_magnitude", "pivot_wavelength"]

AB_ZERO = -48.60  # of a flux density of 1 erg / (s cm2 Hz): Oke & Gunn 1983, ApJ 266, 713
UNIT = 1e-20  # erg / (s cm2 Angstrom): the unit of flux densities inside museml
SPEED = c.to_value("Angstrom / s")


def pivot_wavelength(first, last):
    """Return the pivot wavelength of a filter that lets every photon between two wavelengths through.

    Notes
    -----
    Bessell & Murphy 2012, PASP 124, 140, equation A11: the square is the integral of the wavelength over that of its
    reciprocal.
    """
    return np.sqrt((last**2 - first**2) / 2 / np.log(last / first))


def ab_magnitude(density, error, first, last):
    """Return AB magnitudes through a filter that lets every photon between two wavelengths through.

    Parameters
    ----------
    density, error : array_like
        Mean flux density, weighted by wavelength as photons are counted, in 1e-20 erg / (s cm2 Angstrom), and its
        standard error.
    first, last : float
        Wavelengths in Angstrom.

    Returns
    -------
    magnitude, error : ndarray
        NaN where the flux density is not positive.
    """
    density = np.where(np.asarray(density) > 0, density, np.nan)
    per_frequency = density * UNIT * pivot_wavelength(first, last) ** 2 / SPEED
    return -2.5 * np.log10(per_frequency) + AB_ZERO, 2.5 / np.log(10) * np.asarray(error) / density

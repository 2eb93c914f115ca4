"""Errors of fitted Gaussians in noise that is correlated like the beam."""

from dataclasses import dataclass

import numpy as np

__all__ = ["POINT", "GaussianErrors", "gaussian_errors"]

TO_SIGMA = np.sqrt(8 * np.log(2))
NOISE = 1 / np.sqrt(2)  # FWHM that white noise was smoothed with, relative to that of its autocorrelation, the beam
POINT = np.sqrt(4 / 3)  # error of the peak of a fitted beam, in units of the rms
PLACE = np.sqrt(1.5)  # error of its place, relative to Condon's


@dataclass(frozen=True)
class GaussianErrors:
    """Standard errors of Gaussians.

    Those of peak, flux and axes are relative, those of the place, along and across the major axis, are in the unit of
    the axes, and that of the angle is in radians.
    """

    peak: np.ndarray
    flux: np.ndarray
    major: np.ndarray
    minor: np.ndarray
    along: np.ndarray
    across: np.ndarray
    angle: np.ndarray


def gaussian_errors(snr, major, minor, beam_area):
    """Return the errors of six free parameters.

    Condon 1997 (PASP 109, 166), equations 21, 40, 41 and 42: white noise smoothed with a Gaussian. The noise of an
    interferometer's image has the beam as its autocorrelation, so the smoothing was with a Gaussian narrower by
    sqrt(2). For a beam that is fitted to pixels of equal weight in such noise, the errors follow exactly: those of the
    place are sqrt(1.5) times Condon's, in simulations of extended sources, too.

    Parameters
    ----------
    snr : array_like
        Peak over rms.
    major, minor : array_like
        Axes in any unit, FWHM.
    beam_area : float
        Product of the axes of the beam in the same unit.
    """
    noise = NOISE**2 * beam_area

    def error(first, second):
        rho = major * minor / (4 * noise) * (1 + noise / major**2) ** first * (1 + noise / minor**2) ** second
        return np.sqrt(2 / rho) / snr

    peak, along, across = error(1.5, 1.5), error(2.5, 0.5), error(0.5, 2.5)
    flux = np.sqrt(peak**2 + noise / (major * minor) * (along**2 + across**2))
    roundness = major * minor / np.maximum(major**2 - minor**2, 1e-3 * major * minor)
    angle = np.minimum(np.sqrt(2) * across * roundness, np.pi / 2)
    places = (PLACE / TO_SIGMA * relative * axis for relative, axis in ((along, major), (across, minor)))
    return GaussianErrors(peak, flux, along, across, *places, angle)

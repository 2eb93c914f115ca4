"""The spectrum of an unresolved object at a position, and the fit of one line in it."""

import warnings
from functools import partial

import numpy as np
from astropy.stats import gaussian_fwhm_to_sigma
from scipy.optimize import OptimizeWarning, curve_fit
from scipy.special import erf

__all__ = ["fit_line", "psf_spectrum"]

WINDOW = 1.75  # FWHM to each side that the fit looks at


def psf_spectrum(data, weight, image, y, x):
    """Extract the spectrum of an unresolved object, weighting by the PSF and the inverse variance.

    Parameters
    ----------
    data, weight : ndarray, shape (channels, y, x)
        Data without continuum and their inverse variance, both 0 at invalid voxels.
    image : ndarray, shape (k, k)
        The PSF, centred on the pixel ``(y, x)`` but for a fraction of a pixel.
    y, x : int
        That pixel.

    Returns
    -------
    flux, error : ndarray, shape (channels,)
        The error is infinite where no voxel is valid.
    """
    half = len(image) // 2
    rows, columns = (slice(max(0, c - half), c + half + 1) for c in (y, x))
    part = image[rows.start - y + half :, columns.start - x + half :]
    part = part[: data.shape[1] - rows.start, : data.shape[2] - columns.start].astype(np.float32)
    weighted = weight[:, rows, columns] * part
    information = np.einsum("zyx,yx->z", weighted, part).astype(float)
    signal = np.einsum("zyx,zyx->z", weighted, data[:, rows, columns]).astype(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(information > 0, signal / information, 0), 1 / np.sqrt(information)


def fit_line(wave, flux, error, guess, narrowest=0.0):
    """Fit a Gaussian line.

    Parameters
    ----------
    wave, flux, error : ndarray
        The spectrum without continuum; wavelengths in Angstrom, evenly spaced.
    guess : (float, float)
        Wavelength and FWHM in Angstrom to begin with.
    narrowest : float
        Smallest FWHM possible, that of the line-spread function; noise may make lines look narrower.

    Returns
    -------
    flux, flux_err, wave, fwhm : float
    converged : bool
        If not, wavelength and width are those of the guess, and the flux is the best for these.
    """
    near, step = (np.abs(wave - guess[0]) < WINDOW * guess[1]) & np.isfinite(error), wave[1] - wave[0]
    wave, flux, error = wave[near], flux[near], error[near]
    line = partial(_gaussian, step=step)
    start = _best_flux(line, wave, flux, error, guess)
    if len(wave) < 4:
        return *start, *guess, False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", OptimizeWarning)  # the errors are looked at below
            values, covariance = curve_fit(
                line, wave, flux, (start[0], *guess), error, absolute_sigma=True, maxfev=100, check_finite=False
            )
    except RuntimeError:
        return *start, *guess, False
    errors = np.sqrt(np.diag(covariance))
    near_guess = abs(values[1] - guess[0]) < guess[1] / 2 + step and 0.4 < abs(values[2]) / guess[1] < 2.5
    if not (near_guess and values[0] > 0 and np.all(np.isfinite(errors))):
        return *start, *guess, False
    if abs(values[2]) < narrowest:
        shape = float(values[1]), narrowest
        return *_best_flux(line, wave, flux, error, shape), *shape, True
    return values[0], errors[0], values[1], abs(values[2]), True


def _best_flux(line, wave, flux, error, guess):
    """Return flux and error of a line of given place and width; the error is infinite without data."""
    profile = line(wave, 1.0, *guess)
    information = np.sum((profile / error) ** 2)
    if not information > 0:
        return 0.0, np.inf
    return np.sum(profile * flux / error**2) / information, 1 / np.sqrt(information)


def _gaussian(wave, flux, centre, fwhm, step):
    """Return a line averaged over channels of a width ``step``."""
    edges = (wave - centre + np.array([[-step], [step]]) / 2) / (np.sqrt(2) * gaussian_fwhm_to_sigma * fwhm)
    low, high = erf(edges)
    return flux * (high - low) / (2 * step)

"""The fit of Gaussian lines in the spectrum of one object, with errors true to correlated noise."""

from dataclasses import dataclass

import numpy as np
from astropy.stats import gaussian_fwhm_to_sigma
from scipy.linalg import toeplitz
from scipy.optimize import leastsq
from scipy.special import erf

__all__ = ["LINE", "LineSpectrum", "fit_lines", "line_and_slopes"]

WINDOW = 1.75  # FWHM to each side that the fit looks at
TRIALS = 100  # evaluations that a fit may take
#: what is measured of a line: flux, wavelength and FWHM with errors, and whether the fit converged
LINE = np.dtype(
    [(name, "f8") for name in ("flux", "flux_err", "wave", "wave_err", "fwhm", "fwhm_err")] + [("fit", "?")]
)


@dataclass(frozen=True)
class LineSpectrum:
    """A spectrum without continuum.

    Attributes
    ----------
    wave, flux, error : ndarray
        Wavelengths in Angstrom, evenly spaced; the error is infinite where nothing is valid.
    correlation : sequence of float
        Of the noise of channels at distances of 0, 1, 2... channels; 0 beyond.
    level_error : float
        Standard error of the level that was subtracted, common to all channels.
    """

    wave: np.ndarray
    flux: np.ndarray
    error: np.ndarray
    correlation: tuple = (1.0,)
    level_error: float = 0.0

    def covariance(self, chosen):
        """Return the covariance of the noise of some channels."""
        row = np.zeros(len(self.wave))
        known = min(len(row), len(self.correlation))
        row[:known] = self.correlation[:known]
        error = self.error[chosen]
        return toeplitz(row)[np.ix_(chosen, chosen)] * np.outer(error, error) + self.level_error**2


def fit_lines(spectrum, guesses, narrowest=0.0, around=None):
    """Fit one or more Gaussian lines together.

    Parameters
    ----------
    spectrum : LineSpectrum
        The spectrum.
    guesses : sequence of (float, float)
        Wavelength and FWHM of each line in Angstrom to begin with.
    narrowest : float
        Smallest FWHM possible, that of the line-spread function; noise may make lines look narrower.
    around : sequence of (float, float)
        Wavelengths and FWHM that say which channels to look at; by default the guesses.

    Returns
    -------
    lines : ndarray of `LINE`, shape (lines,)
        Where the fit failed, wavelengths and widths are those of the guess, and the fluxes the best for these.
    chi2 : float
        Sum of the squared residuals in units of the errors.
    """
    guesses = np.maximum(np.asarray(guesses, float), (0, narrowest))
    around = guesses if around is None else np.asarray(around)
    near = np.any(np.abs(spectrum.wave - around[:, :1]) < WINDOW * around[:, 1:], axis=0)
    chosen = np.flatnonzero(near & np.isfinite(spectrum.error) & (spectrum.error > 0))
    start = _best_fluxes(spectrum, chosen, guesses)
    if len(chosen) > 3 * len(guesses):
        shapes = _fitted(spectrum, chosen, start, guesses, narrowest)
        if shapes is not None:
            return _measured(spectrum, chosen, shapes, narrowest)
    lines, chi2 = _measured(spectrum, chosen, np.column_stack([start, guesses]), np.inf)
    lines["wave_err"] = lines["fwhm_err"] = np.nan
    lines["fit"] = False
    return lines, chi2


def _best_fluxes(spectrum, chosen, shapes):
    """Return the fluxes of lines of given wavelength and FWHM; 0 where there are no data."""
    profiles = [line_and_slopes(spectrum.wave, 1.0, *shape)[0][chosen] / spectrum.error[chosen] for shape in shapes]
    return np.linalg.lstsq(np.transpose(profiles), spectrum.flux[chosen] / spectrum.error[chosen], rcond=None)[0]


def _fitted(spectrum, chosen, fluxes, guesses, narrowest):
    """Return rows of flux, wavelength and FWHM, or None where the fit fails."""
    wave, flux, error = spectrum.wave[chosen], spectrum.flux[chosen], spectrum.error[chosen]
    scale = max(np.abs(fluxes).max(), 1e-30)

    def lines(values):
        """FWHM^2 = narrowest^2 + width^2, so any width will do."""
        rows = values.reshape(-1, 3)
        return [
            (*line_and_slopes(wave, f * scale, c, np.hypot(narrowest, v)), v / np.hypot(narrowest, v))
            for f, c, v in rows
        ]

    def residuals(values):
        return (sum(model for model, _, _ in lines(values)) - flux) / error

    def slopes(values):
        parts = [(by[0] * scale, by[1], by[2] * share) for _, by, share in lines(values)]
        return np.concatenate(parts) / error

    widths = np.sqrt(np.maximum(guesses[:, 1] ** 2 - narrowest**2, (0.3 * guesses[:, 1]) ** 2))
    start = np.column_stack([fluxes / scale, guesses[:, 0], widths]).ravel()
    values, _, _, _, status = leastsq(residuals, start, Dfun=slopes, col_deriv=True, full_output=True, maxfev=TRIALS)
    rows = values.reshape(-1, 3)
    shapes = np.column_stack([rows[:, 0] * scale, rows[:, 1], np.hypot(narrowest, rows[:, 2])])
    step, moved, wider = wave[1] - wave[0], np.abs(shapes[:, 1] - guesses[:, 0]), shapes[:, 2] / guesses[:, 1]
    sane = (shapes[:, 0] > 0) & (moved < guesses[:, 1] / 2 + step) & (wider > 0.4) & (wider < 2.5)
    return shapes if status in (1, 2, 3, 4) and np.all(sane) else None


def _measured(spectrum, chosen, shapes, narrowest):
    """Return lines of given flux, wavelength and FWHM with their errors, and chi^2.

    The estimate is that of least squares with the weights of independent errors; its covariance is
    A C A^T with the true covariance C of the data. A FWHM that is the narrowest is not free; with an
    infinite ``narrowest`` only fluxes are.
    """
    error = spectrum.error[chosen]
    models, slopes = zip(*(line_and_slopes(spectrum.wave, *shape) for shape in shapes), strict=True)
    slopes = np.concatenate(slopes)[:, chosen] / error
    residuals = (np.sum(models, axis=0) - spectrum.flux)[chosen] / error
    free = np.ones((len(shapes), 3), bool)
    free[:, 1], free[:, 2] = np.isfinite(narrowest), shapes[:, 2] > 1.001 * narrowest
    estimate = np.zeros((free.size, len(chosen)))
    estimate[free.ravel()] = np.linalg.pinv(slopes[free.ravel()].T) / error
    variance = np.einsum("ki,ij,kj->k", estimate, spectrum.covariance(chosen), estimate).reshape(-1, 3)
    errors = np.where(variance > 0, np.sqrt(np.maximum(variance, 0)), (np.inf, np.nan, np.nan))
    lines = np.ones(len(shapes), LINE)
    lines["flux"], lines["wave"], lines["fwhm"] = shapes.T
    lines["flux_err"], lines["wave_err"], lines["fwhm_err"] = errors.T
    return lines, float(residuals @ residuals)


def line_and_slopes(wave, flux, centre, fwhm):
    """Return a line averaged over channels, and its derivatives by flux, centre and FWHM."""
    step, sigma = wave[1] - wave[0], fwhm * gaussian_fwhm_to_sigma
    edges = (wave - centre + np.array([[-0.5], [0.5]]) * step) / sigma
    low, high = erf(edges / np.sqrt(2))
    below, above = np.exp(-(edges**2) / 2) / np.sqrt(2 * np.pi)
    share = (high - low) / (2 * step)
    by_centre = flux * (below - above) / (sigma * step)
    by_fwhm = flux * (edges[0] * below - edges[1] * above) / (fwhm * step)
    return flux * share, np.array([share, by_centre, by_fwhm])

"""How many false detections to expect: from theory, and from the noise's own negative peaks."""

import numpy as np
from scipy.special import erf
from scipy.stats import poisson

__all__ = ["FalseAlarms", "expected_maxima"]

MODEST = 3.3  # S/N above which negative peaks set the level of the theory
PRIOR = 5.0  # peaks that the theory counts for, against those that were counted
RARE = 10.0  # peaks expected: only the tail beyond is searched for an excess of negative peaks
SURPRISING = 1e-3  # chance below which such an excess is taken for real
ALONE = 3.0  # slope of the tail of residuals beyond the last negative peak when it is the only one
EXPECTED = 8.0  # slope of a tail that is expected before any negative peak is seen


def expected_maxima(u, voxels, correlations):
    """Return the expected number of local maxima above u of a Gaussian field of unit variance.

    Parameters
    ----------
    u : array_like
        Threshold; below 1.5 the answer is that for 1.5.
    voxels : float
        Volume (or area) of the field.
    correlations : sequence of float
        Correlation of neighbouring values along each axis, two or three of them.

    Returns
    -------
    ndarray

    Notes
    -----
    Adler 1981, The Geometry of Random Fields, chapter 6, for high thresholds.
    The curvature along an axis is -2 ln(correlation), as for a Gaussian correlation function.
    """
    return np.exp(_log_expected(u, voxels, correlations))


def _log_expected(u, voxels, correlations):
    """Return the logarithm of `expected_maxima`, which may be too small a number to be held."""
    u, dimensions = np.maximum(np.asarray(u, float), 1.5), len(correlations)
    curvature = np.sqrt(np.prod(-2 * np.log(correlations)))
    constant = np.log(max(voxels, 1) * curvature) - (dimensions + 1) / 2 * np.log(2 * np.pi)
    return constant + np.log({2: u, 3: u**2 - 1}[dimensions]) - u**2 / 2


class FalseAlarms:
    """How many false detections to expect above a signal-to-noise ratio.

    Parameters
    ----------
    voxels, correlations
        As for `expected_maxima`.
    negative : array_like
        S/N of the peaks of the sign-flipped data above `MODEST`: a sample of false detections.
    overlaps : sequence of float
        Correlation of each template with the next, where the best of several counts. Each further
        one adds maxima, by the share erf(u a / sqrt(2)) with a^2 = (1 - r) / (1 + r) of two values of
        correlation r of which the second is higher; for very similar ones this is the factor u of
        Siegmund & Worsley (1995, Annals of Statistics 23, 608).
    residuals : bool
        Whether residuals beyond Gaussian noise are to be expected even if no negative peak shows them.
    """

    def __init__(self, voxels, correlations, negative, overlaps=(), residuals=False):
        self._field = voxels, correlations
        overlaps = np.asarray(overlaps, float)
        self._contrasts = np.sqrt((1 - overlaps) / (2 + 2 * overlaps))
        self._peaks = np.sort(np.asarray(negative, float))[::-1]
        theory = expected_maxima(MODEST, *self._field)
        self.level = (np.count_nonzero(self._peaks > MODEST) + PRIOR) / (theory + PRIOR)
        rank = np.arange(1, len(self._peaks) + 1)
        expected = self._theory(self._peaks)
        surprising = (expected < RARE) & (poisson.sf(rank - 1, expected) < SURPRISING)
        if surprising.any():
            self._tail = self._peaks[: rank[surprising].max()]
            self._slope = 1 / max(np.mean(np.log(self._tail / self._tail[-1])), 1e-9) if len(self._tail) > 1 else ALONE
        else:
            self._tail, self._slope = self._where_one_is_expected()[: int(residuals)], EXPECTED

    def __call__(self, snr):
        """Return the expected number of false detections at least as high as each S/N."""
        return np.maximum(self._theory(snr), self._residuals(snr))

    def log(self, snr):
        """Return the natural logarithm of that number, also where it is too small to be held."""
        with np.errstate(divide="ignore"):
            return np.maximum(self._log_theory(snr), np.log(self._residuals(snr)))

    def _theory(self, snr):
        return np.exp(self._log_theory(snr))

    def _log_theory(self, snr):
        more = self._templates(snr) / self._templates(MODEST)
        return np.log(self.level * more) + _log_expected(snr, *self._field)

    def _templates(self, snr):
        """Return how many times more maxima there are than with one template."""
        return 1 + np.sum(erf(np.asarray(snr, float)[..., None] * self._contrasts), axis=-1)

    def _where_one_is_expected(self):
        grid = np.linspace(1.5, 15, 500)
        return np.interp([0.0], -self._log_theory(grid), grid)

    def _residuals(self, snr):
        """Return the number of negative peaks as high, continued as a power law, where it surprises the theory."""
        if not len(self._tail):
            return np.zeros(np.shape(snr))
        highest = self._tail[0]
        beyond = (np.maximum(snr, highest) / highest) ** -self._slope
        count = np.searchsorted(-self._tail, -np.asarray(snr, float), side="right")
        return np.where(snr > highest, beyond, np.maximum(count, 1.0))

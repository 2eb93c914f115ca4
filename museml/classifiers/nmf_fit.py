"""Non-negative fits of templates at every trial redshift at once."""

from dataclasses import dataclass

import numpy as np
from scipy import fft

from museml.classifiers.nmf_grid import REST, STEP, spread_matrix
from museml.classifiers.nmf_posterior import Evidence
from museml.classifiers.nmf_weights import fit_weights
from museml.classifiers.nonnegative import misfit, solve_nonnegative

__all__ = ["LogSpectra", "Scanner"]

#: smooth additive terms (Legendre polynomials over the spectrum), and their prior amplitude in units of the error
TERMS, BACKGROUND = 4, 0.3
#: sweeps of the solver over every second trial, then over so many of the best ones
STAGES = ((None, 8), (1000, 20), (300, 80))
#: transforms made at once, few enough for the processor's cache
TOGETHER = 8
#: added to the diagonal of normal matrices, relative to its maximum over the trials: the accuracy of the transforms
RIDGE = 3e-6


@dataclass(frozen=True)
class LogSpectra:
    """Spectra on an axis even in ln(vacuum wavelength), in units of their usual error.

    Attributes
    ----------
    first : int
        Number of the first pixel, see `~museml.classifiers.nmf_grid.REST`.
    inverse, weighted : ndarray, shape (n, pixels)
        Inverse variance, and flux times inverse variance; 0 where there are no data.
    squares : ndarray, shape (n,)
        Sum of the squares of flux over error.
    pixels : ndarray, shape (n,)
        Number of pixels with data, before they were spread over this axis.
    """

    first: int
    inverse: np.ndarray
    weighted: np.ndarray
    squares: np.ndarray
    pixels: np.ndarray

    step = STEP

    @property
    def start(self):
        """ln(wave) of the first pixel."""
        return self.first * STEP

    @property
    def mask(self):
        """Where there are no data."""
        return self.inverse <= 0

    @property
    def values(self):
        """Flux, 0 where there are no data."""
        return self.weighted / np.where(self.mask, np.inf, self.inverse)

    @property
    def errors(self):
        """Standard errors, 0 where there are no data."""
        return 1 / np.sqrt(np.where(self.mask, np.inf, self.inverse))


class Scanner:
    """Fits templates to spectra that share an axis.

    Parameters
    ----------
    bases : dict of `~museml.classifiers.nmf_basis.Basis`
        Templates by kind.
    wave : ndarray, shape (n,)
        Wavelengths in Angstrom.
    medium : str
        'air' or 'vacuum'.
    """

    def __init__(self, bases, wave, medium):
        self.bases = bases
        self.kinds = np.concatenate([[kind] * len(basis.shifts) for kind, basis in bases.items()])
        self.shifts = np.concatenate([basis.shifts for basis in bases.values()])
        self.first, self.matrix = spread_matrix(wave, medium)
        pixels = self.matrix.shape[0]
        self.length = fft.next_fast_len(REST[1] - REST[0] + pixels, real=True)
        self.terms = np.polynomial.legendre.legvander(np.linspace(-1, 1, pixels), TERMS - 1).T

    def spread(self, values, errors, mask):
        """Return the `LogSpectra` of spectra; arrays of shape (n, channels)."""
        weights, values = fit_weights(values, errors, mask)
        inverse, weighted = ((self.matrix @ rows.T).T for rows in (weights, weights * values))
        squares = np.sum(weights * values**2, axis=1)
        return LogSpectra(self.first, inverse, weighted, squares, np.count_nonzero(weights, axis=1))

    def evidence(self, spectra):
        """Fit all kinds of templates at all redshifts.

        Parameters
        ----------
        spectra : LogSpectra
            Spectra on the axis of the scanner.

        Returns
        -------
        `~museml.classifiers.nmf_posterior.Evidence`
        """
        shape = len(spectra.inverse), len(self.shifts)
        gain, active, chi2 = np.empty(shape, np.float32), np.empty(shape, np.uint8), np.empty(shape[0])
        for row, (inverse, weighted) in enumerate(zip(spectra.inverse, spectra.weighted, strict=True)):
            fits, explained = self._scan(inverse, weighted)
            gain[row], active[row] = (np.concatenate(parts) for parts in zip(*fits, strict=True))
            chi2[row] = spectra.squares[row] - explained
        return Evidence(self.kinds, self.shifts, gain, active, chi2, spectra.pixels)

    def _scan(self, inverse, weighted):
        """Return gain and number of templates for each kind, and what the additive terms explain."""
        terms = self._normal_terms(inverse)
        projected = terms @ weighted
        terms = terms * inverse
        signals = np.vstack([inverse, weighted - projected @ terms, terms])
        spectra = fft.rfft(signals, self.length, axis=1)
        return [self._fit(basis, spectra) for basis in self.bases.values()], projected @ projected

    def _normal_terms(self, inverse):
        """Return the additive terms, turned so that with their prior they are orthonormal."""
        normal = (self.terms * inverse) @ self.terms.T + np.eye(TERMS) / BACKGROUND**2
        return np.linalg.solve(np.linalg.cholesky(normal), self.terms)

    def _fit(self, basis, spectra):
        """Return gain and number of templates at all trials: every second one first, then the best to the end."""
        upper, vector = self._normal_equations(basis, spectra)
        x, gain = np.zeros_like(vector), np.zeros_like(vector[0])
        for number, sweeps in STAGES:
            best = np.argsort(gain)[-number:] if number else slice(None, None, 2)
            part = _full(upper[:, best], basis.pairs), vector[:, best]
            x[:, best] = solve_nonnegative(*part, x[:, best], sweeps)
            gain[best] = -misfit(*part, x[:, best])
            if not number:  # those in between are as good as their neighbours until they are solved
                x, gain = (np.repeat(found[..., ::2], 2, axis=-1)[..., : len(gain)] for found in (x, gain))
        return gain, np.count_nonzero(x, axis=0)

    def _normal_equations(self, basis, spectra):
        """Return the upper half of the matrix, shape (pairs, trials), and the vector, shape (k, trials)."""
        lags = (basis.shifts + REST[0] - self.first) % self.length
        templates, products = basis.transforms(self.length)
        vector, *extra = (self._correlate(row, templates, lags) for row in spectra[1:])
        upper = self._correlate(spectra[0], products, lags)
        first, second = basis.pairs
        for term in extra:
            upper -= term[first] * term[second]
        diagonal = np.flatnonzero(first == second)
        upper[diagonal] += RIDGE * upper[diagonal].max(axis=1, keepdims=True)
        return upper.astype(np.float32), vector.astype(np.float32)

    def _correlate(self, spectrum, templates, lags):
        """Return the correlation with each template, given the transforms of both, at some lags."""
        found = np.empty((len(templates), len(lags)))
        for first in range(0, len(templates), TOGETHER):
            part = slice(first, first + TOGETHER)
            found[part] = fft.irfft(spectrum * templates[part], self.length, axis=1)[:, lags]
        return found


def _full(upper, pairs):
    """Return symmetric matrices, shape (k, k, n), of their upper halves."""
    size = pairs[0].max() + 1
    matrix = np.empty((size, size, upper.shape[1]), upper.dtype)
    matrix[pairs] = matrix[pairs[::-1]] = upper
    return matrix

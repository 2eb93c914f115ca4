"""From the misfits of templates to calibrated probabilities."""

from dataclasses import asdict, dataclass

import numpy as np

from museml.classifiers.nmf_grid import STEP

__all__ = ["Calibration", "Evidence", "differences", "log_chances"]

#: ln(1+z) between which the prior of redshifts is interpolated
NODES = np.log1p([0.0, 0.5, 1.0, 1.5, 2.9, 4.0, 5.0, 6.7])


@dataclass(frozen=True)
class Evidence:
    """How well templates fit spectra: all trials of all kinds in one row.

    Attributes
    ----------
    kinds : ndarray of str, shape (trials,)
        Kind of template of each trial.
    shifts : ndarray of int, shape (trials,)
        ln(1+z) in units of `~museml.classifiers.nmf_grid.STEP`.
    gain : ndarray, shape (n, trials)
        By how much chi2 is lowered.
    active : ndarray, shape (n, trials)
        Number of templates that take part.
    chi2 : ndarray, shape (n,)
        chi2 without templates.
    pixels : ndarray, shape (n,)
        Number of pixels fitted.
    """

    kinds: np.ndarray
    shifts: np.ndarray
    gain: np.ndarray
    active: np.ndarray
    chi2: np.ndarray
    pixels: np.ndarray


@dataclass(frozen=True)
class Calibration:
    """What makes differences of chi2 probabilities; fitted to simulations.

    Attributes
    ----------
    noise, misfit : float
        A difference of chi2 is half its ratio to ``noise + misfit * greatest gain``: templates do not fit bright
        spectra as well as the noise allows.
    tail : float
        Such a difference d counts ``tail * ln(1 + d / tail)``: residuals have heavier tails than noise.
    penalty : float
        What a template that takes part must lower chi2 by.
    nothing, quasar, star : float
        ln of the prior odds of no object, a quasar and a star against a galaxy.
    prior : tuple of float
        ln of the prior of galaxies per trial at `NODES`, up to a constant.
    """

    noise: float = 1.0
    misfit: float = 0.005
    tail: float = 10.0
    penalty: float = 1.0
    nothing: float = 0.0
    quasar: float = -2.0
    star: float = -1.0
    prior: tuple = (0.0,) * len(NODES)

    def to_dict(self):
        """Return the numbers as a mapping, for a file."""
        return {name: list(value) if name == "prior" else float(value) for name, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, values):
        """Return the calibration of a mapping."""
        return cls(**{**values, "prior": tuple(values["prior"])})


def log_chances(evidence, calibration):
    """Return ln of the probability of each trial, and of no object.

    Parameters
    ----------
    evidence : Evidence
        Of n spectra.
    calibration : Calibration
        What makes it probabilities.

    Returns
    -------
    trials : ndarray, shape (n, trials)
    nothing : ndarray, shape (n,)
    """
    worse, none = differences(evidence, calibration)
    score = _log_prior(evidence, calibration) - _counted(worse, calibration.tail)
    nothing = calibration.nothing - _counted(none, calibration.tail)
    top = np.maximum(score.max(axis=1), nothing)
    total = top + np.log(np.exp(score - top[:, None]).sum(axis=1) + np.exp(nothing - top))
    return score - total[:, None], nothing - total


def differences(evidence, calibration):
    """Return by how much each trial, and no object, fit worse than the best, in units of their scatter.

    Parameters
    ----------
    evidence, calibration
        As for `log_chances`.

    Returns
    -------
    trials : ndarray, shape (n, trials)
    nothing : ndarray, shape (n,)
    """
    score = evidence.gain - np.float32(calibration.penalty) * evidence.active
    best = np.maximum(score.max(axis=1), 0)
    unit = (2 * (calibration.noise + calibration.misfit * best)).astype(np.float32)
    return (best[:, None] - score) / unit[:, None], best / unit


def _counted(difference, tail):
    return np.float32(tail) * np.log1p(difference / np.float32(tail))


def _log_prior(evidence, calibration):
    """Return ln of the prior of each trial; a kind's trials share its part."""
    redshifts = np.interp(evidence.shifts * STEP, NODES, calibration.prior)
    prior = np.empty(len(evidence.kinds), np.float32)
    for kind in np.unique(evidence.kinds):
        rows = evidence.kinds == kind
        shape = redshifts[rows] if kind == "galaxy" else np.zeros(rows.sum())
        prior[rows] = shape - np.log(np.exp(shape).sum()) + getattr(calibration, kind, 0.0)
    return prior

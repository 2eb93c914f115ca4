"""What makes misfits of templates probabilities, fitted to spectra with a known truth."""

from dataclasses import replace

import numpy as np
from scipy.optimize import minimize

from museml.classifiers.modes import RIGHT
from museml.classifiers.nmf_basis import KINDS
from museml.classifiers.nmf_grid import STEP
from museml.classifiers.nmf_posterior import NODES, Calibration, log_chances

__all__ = ["fit_posterior", "log_loss"]

#: scatter about the first guess that the parameters are held to
FREEDOM = 3.0


def fit_posterior(evidence, truth, start=None, iterations=25):
    """Return the `~museml.classifiers.nmf_posterior.Calibration` that makes the truth most probable.

    Parameters
    ----------
    evidence : `~museml.classifiers.nmf_posterior.Evidence`
        Of simulated spectra.
    truth : `~astropy.table.Table`
        Their truth: class and z.
    start : Calibration
        First guess.
    iterations : int
        At most so many.
    """
    start = start or Calibration()
    right = right_trials(evidence, truth)

    def loss(x):
        return log_loss(evidence, right, _calibration(x, start)) + np.sum((x / FREEDOM) ** 2) / len(truth)

    best = minimize(loss, np.zeros(6 + len(NODES)), method="L-BFGS-B", options={"maxiter": iterations, "eps": 1e-3})
    return _calibration(best.x, start)


def log_loss(evidence, right, calibration):
    """Return the mean of -ln of the probability of what is right."""
    trials, nothing = log_chances(evidence, calibration)
    chances = np.where(right.any(axis=1), np.sum(np.exp(trials), axis=1, where=right), np.exp(nothing))
    return float(-np.log(np.maximum(chances, 1e-9)).mean())


def right_trials(evidence, truth):
    """Say which trials have the redshift and the class of the truth, shape (n, trials); none where there is nothing."""
    lnz = np.log1p(np.ma.filled(truth["z"], np.nan).astype(float))[:, None]
    classes = np.array([KINDS[kind] for kind in evidence.kinds])
    close = np.abs(evidence.shifts * STEP - lnz) < RIGHT
    return close & (classes == np.asarray(truth["class"])[:, None])


def _calibration(x, start):
    """Return the calibration of a vector of parameters: changes of those of ``start``."""
    noise, misfit, penalty = np.exp(x[:3]) * (start.noise, start.misfit, start.penalty)
    nothing, quasar, star = x[3:6] + (start.nothing, start.quasar, start.star)
    prior = tuple(float(value) for value in x[6:] + start.prior)
    numbers = {"noise": noise, "misfit": misfit, "penalty": penalty, "nothing": nothing, "quasar": quasar, "star": star}
    return replace(start, **{name: float(value) for name, value in numbers.items()}, prior=prior)

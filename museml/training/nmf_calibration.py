"""What makes misfits of templates probabilities, fitted to spectra with a known truth."""

from dataclasses import replace

import numpy as np
from scipy.optimize import minimize

from museml.classifiers.modes import RIGHT
from museml.classifiers.nmf_basis import KINDS
from museml.classifiers.nmf_grid import STEP
from museml.classifiers.nmf_posterior import NODES, Calibration, differences, log_chances

__all__ = ["fit_posterior", "log_loss"]

#: scatter about the first guess that the parameters are held to
FREEDOM = 3.0
#: a smaller probability counts as this one
LEAST = 1e-9
#: parameters that are fitted by their logarithms, and others; the prior of redshifts comes after them
POSITIVE, FREE = ("noise", "misfit", "penalty", "tail"), ("nothing", "quasar", "star")


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
        value, slope = log_loss(evidence, right, _calibration(x, start))
        return value + np.sum((x / FREEDOM) ** 2) / len(truth), slope + 2 * x / FREEDOM**2 / len(truth)

    start_at = np.zeros(len(POSITIVE) + len(FREE) + len(NODES))
    best = minimize(loss, start_at, jac=True, method="L-BFGS-B", options={"maxiter": iterations})
    return _calibration(best.x, start)


def log_loss(evidence, right, calibration):
    """Return the mean of -ln of the probability of what is right, and its slope.

    Parameters
    ----------
    evidence : `~museml.classifiers.nmf_posterior.Evidence`
        Of n spectra.
    right : ndarray of bool, shape (n, trials)
        Which trials are right; none where there is nothing.
    calibration : Calibration
        What makes it probabilities.

    Returns
    -------
    loss : float
    slope : ndarray
        Against the logarithms of noise, misfit, penalty and tail, and against nothing, quasar, star and the prior.
    """
    trials, nothing = log_chances(evidence, calibration)
    chances, empty = np.exp(trials), ~right.any(axis=1)
    total = np.maximum(np.where(empty, np.exp(nothing), np.sum(chances, axis=1, where=right)), LEAST)
    excess = np.where(right, chances / total[:, None], 0) - chances  # what the truth asks for, less what is given
    rest = empty - np.exp(nothing)
    slope = [
        *_slope_of_units(evidence, calibration, excess, rest),
        *_slope_of_priors(evidence, calibration, excess, rest),
    ]
    return float(-np.log(total).mean()), -np.array(slope) / len(total)


def _slope_of_units(evidence, calibration, excess, rest):
    """Return the slopes of the likelihood against the logarithms of noise, misfit, penalty and tail."""
    worse, none = differences(evidence, calibration)
    share, share_none = (part / (part + calibration.tail) for part in (worse, none))
    excess_here, rest_here = excess * (1 - share), rest * (1 - share_none)
    rows, top = np.arange(len(none)), worse.argmin(axis=1)
    active = np.where(none > 0, evidence.active[rows, top], 0)
    best = _best(evidence, calibration)
    unit = 2 * (calibration.noise + calibration.misfit * best)
    noise = 2 * (np.einsum("nt,nt->n", excess_here, worse) + rest_here * none) / unit
    fewer = np.einsum("nt,nt->n", excess_here, active[:, None] - evidence.active.astype(np.float32))
    penalty = (fewer + rest_here * active) / unit - calibration.misfit * active * noise
    bent = [np.log1p(part / calibration.tail) for part in (worse, none)]
    tail = np.einsum("nt,nt->", excess, share - bent[0]) + np.sum(rest * (share_none - bent[1]))
    slopes = noise.sum(), np.sum(noise * best), penalty.sum(), tail
    return [getattr(calibration, name) * slope for name, slope in zip(POSITIVE, slopes, strict=True)]


def _best(evidence, calibration):
    return np.maximum((evidence.gain - np.float32(calibration.penalty) * evidence.active).max(axis=1), 0)


def _slope_of_priors(evidence, calibration, excess, rest):
    """Return the slopes of the likelihood against nothing, quasar, star and the prior of redshifts."""
    total, galaxy = excess.sum(axis=0, dtype=float), evidence.kinds == "galaxy"
    lnz = evidence.shifts[galaxy] * STEP
    hats = np.array([np.interp(lnz, NODES, node) for node in np.eye(len(NODES))])
    shares = np.exp(np.interp(lnz, NODES, calibration.prior))
    prior = hats @ (total[galaxy] - total[galaxy].sum() * shares / shares.sum())
    return rest.sum(), *(total[evidence.kinds == kind].sum() for kind in ("quasar", "star")), *prior


def right_trials(evidence, truth):
    """Say which trials have the redshift and the class of the truth, shape (n, trials); none where there is nothing."""
    lnz = np.log1p(np.ma.filled(truth["z"], np.nan).astype(float))[:, None]
    classes = np.array([KINDS[kind] for kind in evidence.kinds])
    close = np.abs(evidence.shifts * STEP - lnz) < RIGHT
    return close & (classes == np.asarray(truth["class"])[:, None])


def _calibration(x, start):
    """Return the calibration of a vector of parameters: changes of those of ``start``."""
    numbers = {name: getattr(start, name) * np.exp(change) for name, change in zip(POSITIVE, x, strict=False)}
    numbers |= {name: getattr(start, name) + change for name, change in zip(FREE, x[len(POSITIVE) :], strict=False)}
    prior = tuple(float(value) for value in x[-len(NODES) :] + start.prior)
    return replace(start, **{name: float(value) for name, value in numbers.items()}, prior=prior)

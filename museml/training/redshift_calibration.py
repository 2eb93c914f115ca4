"""Calibrate a network for redshifts on simulations that it has not seen."""

import numpy as np
from scipy.optimize import minimize, minimize_scalar
from scipy.special import logsumexp

from museml.data import redshift_bins as bins
from museml.data.log_grid import START, to_log_grid

__all__ = ["calibrate_redshift", "fit_redshift_calibration", "near"]

NEAR = 6  # bins from the truth that count as right: 0.002 in ln(1+z)
SCALES = (0.3, 2.0)
WORST = 30.0  # loss of a row, so that a few hopeless ones do not decide


def calibrate_redshift(model, batch, truth):
    """Return the calibration of a model for spectra and their truth, see `museml.data.redshift_bins.posterior`.

    Parameters
    ----------
    model : `~museml.Model`
        Its outputs are those of `museml.data.redshift_bins`.
    batch : `~museml.Batch`
        Spectra that it was not trained on.
    truth : `~astropy.table.Table`
        As `~museml.simulation.spectra.simulate_spectra` gives it.
    """
    z, second = (np.ma.filled(np.ma.asarray(truth[name], float), np.nan) for name in ("z", "z_2"))
    second = np.where(np.asarray(truth["blend"]), second, np.nan)
    outputs = model.outputs(to_log_grid(batch, START))
    return fit_redshift_calibration(outputs, np.asarray(truth["class"], str), z, second)


def fit_redshift_calibration(outputs, classes, z, second):
    """Find the calibration for which the probability near the truth is greatest.

    Parameters
    ----------
    outputs : ndarray, shape (n, outputs)
        Of a network, in the default window.
    classes, z, second : ndarray, shape (n,)
        True class, redshift and redshift of a second object, NaN where there is none.

    Returns
    -------
    dict
        ``scale``, ``offset``, ``second_scale`` and ``second_offset``.
    """
    scale, offset = _fit_first(outputs[np.isnan(second)], *(part[np.isnan(second)] for part in (classes, z)))
    second_scale, second_offset = _fit_second(outputs, z, second)
    return {
        "scale": scale,
        "offset": [0.0, *offset],
        "second_scale": second_scale,
        "second_offset": -second_offset[0],
    }


def near(values, z):
    """Return the sum of probabilities, shape (n, bins) in the default window, near redshifts; 0 for NaN."""
    return _taken(values, z, 0.0).sum(axis=1)


def _taken(values, z, missing):
    """Return the values, shape (n, 2 NEAR + 1), in the bins near redshifts."""
    place = np.round(bins.bin_of(np.where(np.isnan(z), -0.9, z))).astype(int)[:, None] + np.arange(-NEAR, NEAR + 1)
    inside = (place >= 0) & (place < bins.N_BINS)
    return np.where(inside, np.take_along_axis(values, np.clip(place, 0, bins.N_BINS - 1), axis=1), missing)


def _fit_first(outputs, classes, z):
    """Return the scale, and the offsets of all classes but the first."""
    seen = bins.possible()[bins.STAR]
    parts = [outputs[:, bins.GALAXY], outputs[:, bins.QSO], np.where(seen, outputs[:, bins.STAR], -np.inf)]
    kind = np.array([bins.CLASSES.index(name) for name in classes])
    right = np.full((len(z), 2 * NEAR + 1), -np.inf)
    for i, part in enumerate(parts):
        right[kind == i] = _taken(part[kind == i], z[kind == i], -np.inf)
    right[kind == 3, 0] = outputs[kind == 3, bins.NOTHING]
    return _fit([*parts, outputs[:, bins.NOTHING, None]], right, kind)


def _fit_second(outputs, z, second):
    """Return the scale, and the offset of no second object; it is right to name either object of a blend."""
    part, none = outputs[:, bins.SECOND], outputs[:, bins.NO_SECOND, None]
    right = np.concatenate([_taken(part, second, -np.inf), _taken(part, z, -np.inf)], axis=1)
    alone = np.isnan(second)
    right[alone] = -np.inf
    right[alone, 0] = none[alone, 0]
    return _fit([part, none], right, alone.astype(int))


def _fit(parts, right, kind):
    """Find scale and offsets for which scale * logits + offset gives what is right the greatest probability.

    Parameters
    ----------
    parts : list of ndarray, shape (n, outputs)
        Logits by class.
    right : ndarray, shape (n, outputs)
        Logits of what is right.
    kind : ndarray of int, shape (n,)
        True class.
    """

    def best(scale):
        sums = np.stack([_sum(np.float32(scale), part) for part in parts], axis=1)
        found = logsumexp(scale * right, axis=1)
        return minimize(_loss, np.zeros(len(parts) - 1), args=(sums, found, kind), method="BFGS")

    scale = minimize_scalar(lambda s: best(s).fun, bounds=SCALES, method="bounded", options={"xatol": 0.01}).x
    return float(scale), [float(value) for value in best(scale).x]


def _sum(scale, logits):
    """Return the logarithm of the sum of exp(scale * logits) of each row."""
    top = logits.max(axis=1)
    return np.log(np.exp(scale * (logits - top[:, None])).sum(axis=1)) + scale * top


def _loss(free, sums, found, kind):
    offset = np.concatenate([[0.0], free])
    losses = logsumexp(sums + offset, axis=1) - found - offset[kind]
    return np.mean(np.minimum(losses, WORST)) + 1e-4 * np.sum(free**2)

"""Calibrate a network's outputs, so that of the answers with probability p a part p is right."""

import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp

__all__ = ["fit_calibration"]


def fit_calibration(outputs, labels, weights=None, method="platt"):
    """Find scale and offset for which softmax(scale * outputs + offset) fits the labels best.

    Parameters
    ----------
    outputs : ndarray, shape (n, classes)
        Logits of rows that the network was not trained on.
    labels : ndarray of int, shape (n,)
        The true classes.
    weights : ndarray, shape (n,)
        Weights of the rows; equal by default.
    method : {'platt', 'temperature'}
        With an offset per class (Platt 1999, generalised to classes), or scale alone (Guo et al. 2017,
        ICML 70, 1321).

    Returns
    -------
    dict
        ``scale`` and ``offset`` for `museml.Model`.
    """
    classes = outputs.shape[1]
    free = classes - 1 if method == "platt" else 0
    start = np.zeros(1 + free)
    best = minimize(_loss, start, args=(outputs, labels, weights), method="BFGS").x
    scale, offset = _parts(best, classes)
    return {"scale": float(scale), "offset": [float(value) for value in offset]}


def _parts(parameters, classes):
    """Return scale, kept positive by a logarithm, and offset, of which the last is 0."""
    offset = np.zeros(classes)
    offset[: len(parameters) - 1] = parameters[1:]
    return np.exp(parameters[0]), offset


def _loss(parameters, outputs, labels, weights):
    """Return the mean negative log likelihood, with a weak prior against endless certainty."""
    scale, offset = _parts(parameters, outputs.shape[1])
    logits = scale * outputs + offset
    losses = logsumexp(logits, axis=1) - logits[np.arange(len(labels)), labels]
    return np.average(losses, weights=weights) + 0.01 * np.sum(parameters**2) / len(labels)

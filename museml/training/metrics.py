"""How well a classifier does, with intervals."""

import numpy as np
from astropy.stats import binom_conf_interval
from scipy.stats import rankdata

__all__ = ["calibration_error", "completeness_purity", "rate", "reliability", "roc_area"]

CONFIDENCE = 0.95


def rate(name, count, total, data=""):
    """Return a score for a model card: a part of a number, with its Wilson interval.

    Parameters
    ----------
    name, data : str
        What was measured, on which data.
    count, total : int
        So many of so many.

    Returns
    -------
    dict
        ``name``, ``value``, ``low``, ``high`` (95 %, Wilson 1927), ``n``, ``data``.
    """
    low, high = binom_conf_interval(count, total, CONFIDENCE, "wilson") if total else (0.0, 1.0)
    value = count / total if total else float("nan")
    return {"name": name, "value": float(value), "low": float(low), "high": float(high), "n": int(total), "data": data}


def completeness_purity(truth, probability, threshold, data=""):
    """Return the completeness and the purity above a threshold as scores for a model card.

    Parameters
    ----------
    truth : ndarray of bool
        Which are real.
    probability : ndarray
        Probability of being real.
    threshold : float
        Those above it are taken.
    data : str
        On which data.
    """
    taken = probability > threshold
    right = int(np.sum(taken & truth))
    return (
        rate(f"completeness at p > {threshold:g}", right, int(np.sum(truth)), data),
        rate(f"purity at p > {threshold:g}", right, int(np.sum(taken)), data),
    )


def roc_area(truth, probability):
    """Return the area under the ROC curve: the chance that a real one is ranked above another."""
    truth = np.asarray(truth, bool)
    positives = truth.sum()
    excess = rankdata(probability)[truth].sum() - positives * (positives + 1) / 2
    return float(excess / (positives * (len(truth) - positives)))


def reliability(truth, probability, data="", bins=5):
    """Compare probabilities with what came true, as scores for a model card.

    Returns
    -------
    tuple of dict
        One per bin of probability that is not empty: the rate that came true, as from `rate`; the name
        tells the bin and the mean probability in it.
    """
    edges = np.linspace(0, 1, bins + 1)
    place = np.clip(np.digitize(probability, edges) - 1, 0, bins - 1)
    scores = []
    for i in np.unique(place):
        true, mean = truth[place == i], np.mean(probability[place == i])
        name = f"true at p from {edges[i]:.1f} to {edges[i + 1]:.1f}, mean p {mean:.3f}"
        scores.append(rate(name, int(true.sum()), len(true), data))
    return tuple(scores)


def calibration_error(truth, probability, bins=10):
    """Return the expected calibration error (Naeini et al. 2015, AAAI 29, 2901).

    That is the mean over all rows of the difference, within the row's bin of probability, between the rate that came
    true and the mean probability.
    """
    if not len(truth):
        return float("nan")
    place = np.clip((np.asarray(probability) * bins).astype(int), 0, bins - 1)
    return float(np.abs(np.bincount(place, np.asarray(truth, float) - probability)).sum() / len(truth))

"""How well a classifier does, with intervals."""

import numpy as np
from astropy.stats import binom_conf_interval
from astropy.table import Table
from scipy.stats import rankdata

__all__ = ["completeness_purity", "rate", "reliability", "roc_area"]

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


def reliability(truth, probability, bins=10):
    """Compare probabilities with what came true.

    Returns
    -------
    `~astropy.table.Table`
        One row per bin that is not empty: ``low``, ``high``, ``n``, ``mean`` probability, ``rate`` that came
        true and its 95 % interval ``rate_low``, ``rate_high``.
    """
    edges = np.linspace(0, 1, bins + 1)
    place = np.clip(np.digitize(probability, edges) - 1, 0, bins - 1)
    rows = [_reliability_row(edges, i, truth[place == i], probability[place == i]) for i in np.unique(place)]
    return Table(rows=rows)


def _reliability_row(edges, i, truth, probability):
    score = rate("", int(truth.sum()), len(truth))
    row = {"low": edges[i], "high": edges[i + 1], "n": len(truth), "mean": float(np.mean(probability))}
    return row | {"rate": score["value"], "rate_low": score["low"], "rate_high": score["high"]}

"""Scores of an evaluation, each with its interval: success, calibration, offsets, purity and completeness."""

import numpy as np
from astropy.table import Table

from museml.training.evaluation import UNTOLD, is_right
from museml.training.metrics import calibration_error, rate, reliability

__all__ = ["BINS", "THRESHOLDS", "offset_scores", "score_answers", "success_in_bins", "warnings_of"]

#: column of the answers -> edges of the bins in which success is told, and what it is called
BINS = {
    "z_true": ((0, 0.5, 1, 1.5, 2, 2.85, 4, 5, 7), "z"),
    "snr_line": ((0, 3, 5, 7, 10, 20, 50, np.inf), "line S/N"),
    "snr_cont": ((-np.inf, 0.5, 1, 2, 3, 5, 10, np.inf), "continuum S/N"),
}
#: probabilities above which purity and completeness are told
THRESHOLDS = (0.5, 0.8, 0.9, 0.95, 0.99)
DESCRIPTIONS = {
    "name": "what was measured",
    "data": "on which spectra",
    "depth": "the exposure was made this many times shorter",
    "value": "the score",
    "low": "lower limit of its 95 % interval",
    "high": "upper limit",
    "n": "number of spectra",
}
#: a finer tolerance at which success is told, too
FINE = 0.002
#: by so much redshifts are too low that were made without going from air to vacuum, relative to 1+z
AIR = 2.78e-4
BY_CHANCE = 4.0  # standard errors


def score_answers(answers):
    """Return all scores of an evaluation.

    Parameters
    ----------
    answers : `~museml.training.evaluation.Answers`
        Of one or more depths.

    Returns
    -------
    `~astropy.table.Table`
        Columns name, data, depth, value, low, high (95 %) and n, as in a model card.
    """
    rows = []
    for depth in np.unique(answers["depth"]):
        part = answers[answers["depth"] == depth]
        rows += [{**score, "depth": float(depth)} for score in _scores(part)]
    table = Table(rows=rows, names=list(DESCRIPTIONS)) if rows else Table()
    table.meta = dict(answers.meta)
    for name in table.colnames:
        table[name].description = DESCRIPTIONS[name]
    return table


def success_in_bins(answers, column):
    """Return the rate of success in the bins of a column that are not empty; ``data`` names the bin.

    Rows without a redshift take no part.
    """
    part = answers[~np.ma.getmaskarray(answers["z_true"])]
    edges, word = BINS[column]
    place, right = np.digitize(np.ma.filled(part[column], 0.0), edges) - 1, is_right(part)
    return [
        rate("success", int(right[place == i].sum()), int(np.sum(place == i)), f"{word} {_range(edges, i)}")
        for i in range(len(edges) - 1)
        if np.any(place == i)
    ]


def offset_scores(answers):
    """Return the median signed offset of right redshifts for each type of spectrum; relative to 1+z."""
    right = answers[is_right(answers) & ~np.ma.getmaskarray(answers["offset"])]
    scores = []
    for kind in np.unique(right["type"]):
        values = np.asarray(right["offset"][right["type"] == kind], float)
        median = float(np.median(values))
        spread = 1.4826 * np.median(np.abs(values - median))
        error = 1.96 * 1.2533 * spread / np.sqrt(len(values))  # standard error of a median
        scores.append(_score("median offset", median, median - error, median + error, len(values), str(kind)))
        scores.append(_score("scatter of offsets", spread, np.nan, np.nan, len(values), str(kind)))
    return scores


def warnings_of(answers):
    """Return what in the labels or answers looks wrong, in words."""
    texts = []
    for score in offset_scores(answers[answers["depth"] == answers["depth"].min()]) if len(answers) else ():
        error = (score["high"] - score["low"]) / 2 / 1.96
        near = abs(score["value"] - AIR) < 0.25 * AIR and score["value"] > BY_CHANCE * error
        if score["name"] == "median offset" and score["n"] >= 5 and near:
            texts.append(
                f"The redshifts of the labels ({score['data']}) are too low by {score['value']:.1e} (1+z), as if "
                "wavelengths in air had been taken for wavelengths in vacuum."
            )
    return texts


def _scores(part):
    labelled = part[~np.ma.getmaskarray(part["z_true"])]
    fine, ranked = (int(np.sum(rows)) for rows in (is_right(labelled, FINE), labelled["rank"] > 0))
    yield _success(part, np.ones(len(part), bool), "all")
    yield rate(f"success within {FINE:g}(1+z)", fine, len(labelled), "with a redshift")
    yield rate("right among the first three", ranked, len(labelled), "with a redshift")
    for column, left_out in (("class_true", UNTOLD), ("type", "nothing")):
        names = set(part[column]) - {left_out}
        yield from (_success(part, part[column] == name, name) for name in sorted(names))
    yield from _classes(part)
    for column in BINS:
        yield from success_in_bins(part, column)
    yield from _probabilities(part)
    yield from offset_scores(part)


def _success(part, rows, name):
    return rate("success", int(is_right(part)[rows].sum()), int(np.sum(rows)), str(name))


def _probabilities(part):
    """Return purity, completeness and calibration of the redshifts that were given."""
    hit, p = part["rank"] == 1, np.ma.filled(part["p"], 0.0)
    total = int(np.sum(~np.ma.getmaskarray(part["z_true"])))
    for threshold in THRESHOLDS:
        taken = p > threshold
        yield rate(f"completeness at p > {threshold:g}", int(np.sum(hit & taken)), total, "all")
        yield rate(f"purity at p > {threshold:g}", int(np.sum(hit & taken)), int(taken.sum()), "all")
    given = ~np.ma.getmaskarray(part["z"])
    yield from reliability(hit[given], p[given], "all", bins=10)
    error = calibration_error(hit[given], p[given])
    yield _score("calibration error (ECE)", error, np.nan, np.nan, given.sum(), "all")


def _classes(part):
    told = part[part["class_true"] != UNTOLD]
    for name in np.unique(told["class_true"]):
        rows = told["class_true"] == name
        wanted = (name, "unknown") if name == "nothing" else (name,)
        yield rate("class right", int(np.isin(told["class"][rows], wanted).sum()), int(rows.sum()), str(name))


def _score(name, value, low, high, n, data):
    return {"name": name, "value": float(value), "low": float(low), "high": float(high), "n": int(n), "data": data}


def _range(edges, i):
    low, high = edges[i : i + 2]
    if np.isinf(low):
        return f"below {high:g}"
    return f"above {low:g}" if np.isinf(high) else f"{low:g} to {high:g}"

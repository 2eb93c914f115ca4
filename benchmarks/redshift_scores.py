"""Scores of classifiers of redshifts on labelled spectra, as tables that are stored as CSV."""

from itertools import pairwise
from pathlib import Path

import numpy as np
from astropy.table import Table
from redshift_sets import A478, WITHIN
from scipy.stats import binomtest

from museml.training.metrics import calibration_error, rate

__all__ = [
    "RESULTS",
    "by_class",
    "by_signal",
    "by_spectrum",
    "calibration",
    "of_spaxels",
    "offsets",
    "paired",
    "success",
    "summary",
    "write",
]

#: where the tables are kept
RESULTS = Path(__file__).parent / "results"
#: a redshift is right within these parts of 1+z
TOLERANCES = (0.005, 0.002)
SURE = 0.9
RANGES = ((0.0, 1.5), (1.5, 2.85), (2.85, 6.6))
SIGNALS = {"snr_line": (0, 3, 5, 7, 10, 20, 50, np.inf), "snr_cont": (0, 0.5, 1, 2, 3, 5, 10, np.inf)}
#: what is called bright: signal-to-noise ratio of the brightest line, or of the continuum per channel
BRIGHT = (10.0, 5.0)
SPAXELS = (1.0, 1.5, 2.0, 3.0, 30.0)
RANKS = ("z", "z_2", "z_3")


def offset(answers, truth, column="z", label="z"):
    """Return (z - true z) / (1 + true z); infinite where either is missing."""
    z, true = (np.ma.filled(np.ma.asarray(part, float), np.nan) for part in (answers[column], truth[label]))
    return np.nan_to_num((z - true) / (1 + true), nan=np.inf)


def hits(answers, truth, tolerance=TOLERANCES[0], column="z"):
    """Return which redshifts are right; in a blend, that of either object is."""
    return np.any([np.abs(offset(answers, truth, column, label)) < tolerance for label in ("z", "z_2")], axis=0)


def success(answers, truth):
    """Return which rows are right: the redshift, or that there is none."""
    empty = np.ma.getmaskarray(np.ma.masked_invalid(np.ma.asarray(truth["z"], float)))
    return np.where(empty, np.isin(answers["class"], ("nothing", "unknown")), hits(answers, truth))


def summary(name, classifier, answers, truth):
    """Return the row of a classifier in the table of rivals."""
    known = np.isin(truth["class"], ("galaxy", "QSO", "star"))
    hit, p = hits(answers, truth), probability(answers)
    galaxies = known & (truth["class"] == "galaxy")
    among = np.any([hits(answers, truth, column=column) for column in RANKS], axis=0)
    sure, given = p > SURE, ~np.ma.getmaskarray(answers["z"])
    return {
        "set": name,
        "classifier": classifier,
        "n": int(known.sum()),
        "right": share(hit, known),
        "low": interval(hit, known)[0],
        "high": interval(hit, known)[1],
        "right_galaxies": share(hit, galaxies),
        "among_three": share(among, known),
        "within_0.002": share(hits(answers, truth, TOLERANCES[1]), known),
        "purity": share(hit, sure),
        "completeness": share(hit & sure, known),
        "sure_and_wrong": int(np.sum(sure & ~hit)),
        "ece": calibration_error(hit[given], p[given]),
    }


def probability(answers):
    """Return the probability of each redshift, 0 where there is none."""
    p = np.ma.filled(np.ma.asarray(answers["p"], float), 0.0)
    return np.where(np.ma.getmaskarray(answers["z"]), 0.0, p)


def share(what, among):
    """Return which part of the rows is what is asked."""
    return float(np.mean(what[among])) if np.any(among) else float("nan")


def interval(what, among):
    """Return the 95 % interval of a share."""
    score = rate("", int(np.sum(what[among])), int(np.sum(among)))
    return score["low"], score["high"]


def paired(name, first, second, answers, others, truth):
    """Compare two classifiers on the same spectra, with the significance of McNemar (1947)."""
    known = np.isin(truth["class"], ("galaxy", "QSO", "star"))
    one, two = (hits(table, truth)[known] for table in (answers, others))
    only, other = int(np.sum(one & ~two)), int(np.sum(two & ~one))
    chance = binomtest(only, only + other).pvalue if only + other else 1.0
    both, neither = int(np.sum(one & two)), int(np.sum(~one & ~two))
    return {"set": name, "first": first, "second": second, "n": len(one), "both": both, "only_first": only,
            "only_second": other, "neither": neither, "chance": chance}  # fmt: skip


def by_signal(classifier, answers, truth):
    """Yield the success of galaxies by redshift and by signal-to-noise ratio, and that of the bright ones."""
    hit, z = hits(answers, truth), np.ma.filled(np.ma.asarray(truth["z"], float), np.nan)
    galaxies = np.asarray(truth["class"] == "galaxy")
    bright = (truth["snr_line"] > BRIGHT[0]) | (truth["snr_cont"] > BRIGHT[1])
    for low, high in RANGES:
        inside = galaxies & (z >= low) & (z < high)
        yield _bin(classifier, (low, high), "line S/N > 10 or continuum S/N > 5", "", hit, inside & bright)
        for column, edges in SIGNALS.items():
            place = np.digitize(np.nan_to_num(truth[column]), edges) - 1
            for i, (least, most) in enumerate(pairwise(edges)):
                yield _bin(classifier, (low, high), column, f"{least:g}-{most:g}", hit, inside & (place == i))


def _bin(classifier, redshifts, column, edges, hit, among):
    low, high = interval(hit, among)
    return {"classifier": classifier, "z_min": redshifts[0], "z_max": redshifts[1], "signal": column, "bin": edges,
            "n": int(among.sum()), "right": share(hit, among), "low": low, "high": high}  # fmt: skip


def by_class(name, classifier, answers, truth, least=2.0):
    """Yield how often each class is recognised, of all and of those with a continuum above a signal-to-noise ratio."""
    for kind in ("galaxy", "QSO", "star", "nothing"):
        rows = np.asarray(truth["class"] == kind)
        bright = rows & ((np.nan_to_num(truth["snr_cont"]) > least) | (kind == "nothing"))
        right = np.asarray(answers["class"] == kind)
        loose = right | (np.asarray(answers["class"] == "unknown") & (kind == "nothing"))
        if rows.any():
            yield {"set": name, "classifier": classifier, "class": kind, "n": int(rows.sum()),
                   "right": share(right, rows), "right_or_unknown": share(loose, rows), "n_bright": int(bright.sum()),
                   "right_bright": share(right, bright), "right_or_unknown_bright": share(loose, bright)}  # fmt: skip


def calibration(classifier, answers, truth, bins=10):
    """Yield, in bins of probability, the mean probability and the rate that came true."""
    hit, p = hits(answers, truth), probability(answers)
    place = np.clip((p * bins).astype(int), 0, bins - 1)
    given = ~np.ma.getmaskarray(answers["z"])
    for i in range(bins):
        rows = given & (place == i)
        if rows.any():
            low, high = interval(hit, rows)
            yield {"classifier": classifier, "bin": f"{i / bins:.1f}-{(i + 1) / bins:.1f}", "n": int(rows.sum()),
                   "mean_p": float(p[rows].mean()), "right": share(hit, rows), "low": low, "high": high}  # fmt: skip


def of_spaxels(classifier, answers, truth):
    """Yield the success on the spaxels of Abell 478 by continuum signal-to-noise ratio."""
    z = np.ma.filled(np.ma.asarray(answers["z"], float), np.nan)
    right, sure = np.abs(z - A478) < WITHIN, probability(answers) > SURE
    for low, high in pairwise(SPAXELS):
        rows = np.asarray((truth["snr_cont"] >= low) & (truth["snr_cont"] < high))
        yield {"classifier": classifier, "snr": f"{low:g}-{high:g}", "n": int(rows.sum()), "right": share(right, rows),
               "sure": int(np.sum(rows & sure)), "sure_and_right": int(np.sum(rows & sure & right))}  # fmt: skip


def by_spectrum(classifier, answers, truth):
    """Yield one row per spectrum: what it is and what it was called."""
    for answer, true, right in zip(answers, truth, hits(answers, truth), strict=True):
        values = {name: _rounded(answer[name]) for name in (*RANKS, "p", "p_2", "p_3")}
        yield {"classifier": classifier, "id": true["id"], "true_class": true["class"], "kind": true["kind"],
               "z_true": _rounded(true["z"]), "class": answer["class"], **values, "flags": int(answer["flags"]),
               "right": bool(right)}  # fmt: skip


def _rounded(value):
    return "" if np.ma.is_masked(value) or not np.isfinite(value) else round(float(value), 5)


def offsets(name, classifier, answers, truth):
    """Yield the median signed offset of right redshifts, and its scatter, by kind of object; in 1e-4 (1+z)."""
    values = offset(answers, truth)
    for kind in np.unique(truth["kind"]):
        rows = (truth["kind"] == kind) & (np.abs(values) < TOLERANCES[0])
        if rows.any():
            middle = np.median(values[rows])
            scatter = 1.4826 * np.median(np.abs(values[rows] - middle))
            yield {"set": name, "classifier": classifier, "kind": kind, "n": int(rows.sum()),
                   "median_1e-4": 1e4 * middle, "scatter_1e-4": 1e4 * scatter,
                   "error_1e-4": 1e4 * 1.2533 * scatter / np.sqrt(rows.sum())}  # fmt: skip


def write(rows, path):
    """Write rows as CSV with five digits."""
    table = Table(rows=list(rows))
    for column in table.itercols():
        if column.dtype.kind == "f":
            column.format = ".5g"
    table.write(path, format="ascii.csv", overwrite=True)

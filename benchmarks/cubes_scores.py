"""How good the answers in bench_cubes.py are, beside what theory allows."""

from pathlib import Path

import numpy as np
from astropy.stats import mad_std
from cubes_finders import OWN
from cubes_rivals import RIVALS
from scipy.optimize import brentq
from scipy.stats import norm

from museml.data.cubes import open_cube
from museml.data.psf import lsf_fwhm
from museml.detectors.false_alarms import expected_maxima
from museml.simulation.noise import LAG_ONE

__all__ = [
    "BINS", "FALSE", "ORDER", "RESULTS", "claims", "continuum_scores", "curve", "limit", "line_scores",
    "redshift_scores",
]  # fmt: skip

RESULTS = Path(__file__).parent / "results"
FALSE = (1, 10, 30)
ORDER = (*OWN, *RIVALS)
BRIGHT = 8.0  # S/N of the true lines whose fluxes and positions are compared
LAG_TWO = LAG_ONE**2 / 4  # about what smoothing by three weights leaves at two voxels
PIXELS, ANGSTROM = 3.0, 6.0  # within which a detection belongs to a line
NEAR = 2.5  # pixels within which a detection belongs to a continuum source
TOLERANCE = 0.002  # of a right redshift, times 1 + z
BINS = np.arange(3.0, 12.1, 0.75)  # of S/N


def line_scores(field, answer):
    """Return completeness of the isolated lines, false detections found and claimed, and errors."""
    answer, truth = answer[answer["kind"] == "line"], field.truth
    matched, isolated = match(answer, truth), np.flatnonzero(truth["kind"] == "line")
    false, row = np.cumsum(matched < 0), {"detections": len(answer), "false": int(np.sum(matched < 0))}
    for n in FALSE:
        row[f"complete_{n}"] = np.isin(isolated, matched[false < n]).mean()
        row[f"limit_{n}"] = np.mean(limit(field, truth["snr"][isolated], n))
        row[f"true_at_{n}_claimed"] = int(np.sum((matched < 0) & (answer["n_false"] <= n)))
    good = np.isin(matched, isolated[truth["snr"][isolated] > BRIGHT])
    rows, true = answer[good], truth[matched[good]]
    pull = np.array((rows["flux"] - true["flux"]) / rows["flux_err"])
    if np.isfinite(pull).any():
        row |= {"pull_median": np.nanmedian(pull), "pull_scatter": mad_std(pull, ignore_nan=True)}
    return row | {"offset_pixels": np.median(np.hypot(rows["x"] - true["x"], rows["y"] - true["y"]))}


def claims(name, answers):
    """Return how many false detections there are in many fields of one name where a number is claimed."""
    row = {"field": name, "finder": "lines", "cubes": 0} | {f"false_{n}": 0 for n in FALSE}
    for field, answer in answers:
        false = match(answer, field.truth) < 0
        row["cubes"] += 1
        row |= {f"false_{n}": row[f"false_{n}"] + int(np.sum(false & (answer["n_false"] <= n))) for n in FALSE}
    return row


def curve(field, answer, false=10):
    """Return S/N of the isolated lines, and which of them are above the score of so many false detections."""
    answer, isolated = answer[answer["kind"] == "line"], np.flatnonzero(field.truth["kind"] == "line")
    matched = match(answer, field.truth)
    return np.array(field.truth["snr"][isolated]), np.isin(isolated, matched[np.cumsum(matched < 0) < false])


def match(answer, truth):
    """Return, for each row, the row of the nearest true line, or -1."""
    lines = np.flatnonzero(truth["kind"] != "continuum")
    x, y, wave = (np.ma.filled(np.ma.asarray(truth[name], float), np.nan)[lines] for name in ("x", "y", "wave"))
    rows = []
    for row in answer:
        distance = np.hypot(row["x"] - x, row["y"] - y) / PIXELS
        distance = np.maximum(distance, np.abs(row["wave"] - wave) / ANGSTROM)
        rows.append(lines[distance.argmin()] if distance.min(initial=np.inf) < 1 else -1)
    return np.array(rows, int)


def limit(field, snr, false):
    """Return the probability that an ideal filter finds lines at a number of false detections."""
    cube = open_cube(field.path)
    wave = np.median(cube.wave)
    sigma = np.array([lsf_fwhm(wave) / 1.25, *2 * [cube.psf.fwhm_at(wave) / cube.pixel_scale]]) / 2.355
    correlations = np.exp(-1 / (4 * sigma**2))
    u = brentq(lambda u: expected_maxima(u, np.prod(cube.shape), correlations) - false, 2, 10)
    return norm.cdf(np.asarray(snr) / (inflation(sigma) if field.name == "correlated" else 1) - u)


def inflation(sigma):
    """Return how much noisier than the variances say the filtered field is in correlated noise."""
    factors = []
    for s in sigma:
        template = np.exp(-(np.arange(-20, 21) ** 2) / (2 * s**2))
        lag = np.correlate(template, template, "full")
        factors.append(1 + 2 * LAG_ONE * lag[41] / lag[40] + LAG_TWO * 2 * lag[42] / lag[40])
    return np.sqrt(np.prod(factors))


def continuum_scores(field, answer):
    """Return how many continuum sources were found, and detections that belong to none or repeat one."""
    answer, truth = answer[answer["kind"] == "continuum"], field.truth[field.truth["kind"] == "continuum"]
    row = {"sources": len(truth), "found": 0, "false": len(answer), "found_before_false": 0}
    if len(answer) and len(truth):
        distance = np.hypot(*(np.subtract.outer(np.array(answer[name]), np.array(truth[name])) for name in "xy"))
        nearest = np.where(distance.min(axis=1) < NEAR, distance.argmin(axis=1), -1)
        first = np.isin(np.arange(len(answer)), np.unique(nearest, return_index=True)[1]) & (nearest >= 0)
        before = first.argmin() if not first.all() else len(first)
        row |= {"found": int(first.sum()), "false": int(np.sum(~first)), "found_before_false": int(before)}
    return row


def redshift_scores(field, answer):
    """Return how many galaxies have the right redshift, all in all and before the first wrong one in the list."""
    truth = field.truth[field.truth["kind"] == "galaxy"]
    galaxies = truth[np.unique(truth["source"], return_index=True)[1]]
    answer = answer[np.isfinite(answer["z"])]
    right, seen = np.zeros(len(answer), bool), set()
    repeated = np.zeros(len(answer), bool)
    for number, row in enumerate(answer):
        near = np.hypot(row["x"] - galaxies["x"], row["y"] - galaxies["y"]) < PIXELS
        hits = np.flatnonzero(near & (np.abs(row["z"] - galaxies["z"]) < TOLERANCE * (1 + galaxies["z"])))
        right[number] = len(hits) > 0
        repeated[number] = right[number] and hits[0] in seen
        seen.update(hits[:1].tolist())
    right, p = right[~repeated], np.array(answer["p"])[~repeated]
    before = right.argmin() if not right.all() else len(right)
    sure = p > 0.9
    return {"galaxies": len(galaxies), "right_before_wrong": int(before), "right": int(right.sum()),
            "redshifts": len(right), "sure_right": int(np.sum(right & sure)), "sure": int(sure.sum())}  # fmt: skip

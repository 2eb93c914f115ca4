"""How good the answers in bench_radio.py are against the truth."""

from pathlib import Path

import numpy as np
from astropy.stats import mad_std
from radio_cost import OWN

from museml.catalogs.score import score_detections

__all__ = ["ORDER", "RESULTS", "at_reliability", "field_scores", "score"]

RESULTS = Path(__file__).parent / "results"
ORDER = (*OWN, "PyBDSF", "PyBDSF, Gaussians", "Aegean", "sep", "photutils", "astrodendro")
RADIUS = 6.0  # arcsec
BRIGHT = 10.0  # S/N of those whose fluxes, positions and sizes are compared
RELIABILITY = 0.95  # at which the completeness of faint ones is compared
FAINT = ((4, 5), (5, 6))  # S/N


def score(field, answer):
    """Return the score of an answer."""
    return score_detections(answer, field.truth, RADIUS)


def field_scores(field, answer):
    """Return counts from which rates over all seeds follow, and residuals of the bright ones."""
    result = score(field, answer)
    real, false = (int(np.sum(result.verdict == name)) for name in ("real", "false"))
    row = {"real": real, "false": false, "found": int((result.wanted & result.found).sum()),
           "wanted": int(result.wanted.sum())}  # fmt: skip
    hit = at_reliability(result)
    for low, high in FAINT:
        part = (result.snr >= low) & (result.snr < high)
        row |= {f"n_{low}{high}": int(part.sum()), f"found_{low}{high}": int((part & result.found).sum()),
                f"at95_{low}{high}": int((part & hit).sum())}  # fmt: skip
    return row | _residuals(result)


def at_reliability(result, least=RELIABILITY):
    """Return which true components are in the longest list, the best first, that is still so reliable.

    Matches of what is fainter than the limit count neither way, as in the reliability of the whole list.
    """
    order = np.argsort(-_rank(result.detections), kind="stable")
    verdict = result.verdict[order]
    real, false = np.cumsum(verdict == "real"), np.cumsum(verdict == "false")
    good = np.flatnonzero(real >= least * (real + false))
    kept = order[: good[-1] + 1] if len(good) else order[:0]
    found = np.zeros(len(result.found), bool)
    found[result.pairs.others[np.isin(result.pairs.rows, kept)]] = True
    return found


def _rank(answer):
    """Return the score of an answer's rows, or their S/N."""
    if "score" in answer.colnames:
        return np.asarray(answer["score"], float)
    return np.asarray(answer["peak"] / answer["rms"], float) if len(answer) else np.zeros(0)


def _residuals(result):
    """Return median and scatter of the flux ratio, the offset on the sky, and the ratio of the sizes."""
    rows, others = result.pairs.rows, result.pairs.others
    bright = result.snr[others] > BRIGHT
    rows, others = rows[bright], others[bright]
    ratio = _column(result.detections, "flux")[rows] / _column(result.truth, "flux")[others]
    size = _column(result.detections, "major")[rows] / _column(result.truth, "major")[others]
    offset = np.asarray(result.pairs.separation)[bright]
    return {
        "bright": len(rows),
        "flux_ratio": _middle(ratio), "flux_scatter": _scatter(ratio),
        "offset_arcsec": _middle(offset), "size_ratio": _middle(size), "size_scatter": _scatter(size),
    }  # fmt: skip


def _column(table, name):
    return np.ma.filled(np.ma.asarray(table[name], float), np.nan)


def _middle(values):
    return float(np.nanmedian(values)) if np.isfinite(values).any() else np.nan


def _scatter(values):
    return float(mad_std(values, ignore_nan=True)) if np.isfinite(values).any() else np.nan

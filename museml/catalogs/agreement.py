"""One redshift from two opinions on a source: the classifier's of its spectrum, and that of its lines as a set."""

import numpy as np

from museml.classification import Redshifts
from museml.errors import PredictionFlag

__all__ = ["agreed"]

#: exponents of the two probabilities. Both look at the same lines, so their product would count these twice; the
#: opinion on the set knows where in the cube the lines are, and what else is around ...
OF_LINES = 0.2, 0.8
OF_CONTINUUM = 0.5, 0.5  # ... and only the classifier sees what the continuum tells
UNNAMED = 0.03  # part of what an opinion leaves to others that a redshift gets that it does not name
LEAST = 1e-4  # that an opinion leaves to others
SAME = 2e-3  # difference in ln(1 + z) of one redshift
ERROR = 1.5e-4  # of a set's ln(1 + z)
NO_SET = 0.5  # of the odds, where a source without continuum has no set of lines
RIVAL = 0.1  # a second redshift this probable, relative to the first, makes the answer ambiguous
SUFFIXES = ("", "_2", "_3")
EMITTERS = "galaxy", "QSO"  # classes of sources that have sets of lines


def agreed(predictions, detections):
    """Return redshifts that take into account what the detector knows of the sources' sets of lines.

    The two probabilities are pooled: each redshift that one of them names gets the product of powers of both, and so
    does "another one", which keeps what is left. The set counts for more, except in sources with continuum. Sources
    without a set and without continuum are less sure than their spectra alone say. Blends stay as the classifier has
    them.

    Parameters
    ----------
    predictions : Predictions
        One row per source, in the order of the sources' numbers.
    detections : Detections
        All of the cube, with ``z`` and ``p_z`` of the sources that have a set of lines.

    Returns
    -------
    Predictions
        A new table; where the redshift is the set's and not the classifier's, with the flag LINE_SET.
    """
    known = ~np.ma.getmaskarray(np.ma.asarray(detections["p_z"]))
    if not isinstance(predictions, Redshifts) or not known.any():
        return predictions
    answer = predictions.copy()
    answer["class"] = Redshifts.fields[1].column(np.asarray(answer["class"], "U8"), len(answer))
    for row, number in zip(answer, sorted(set(np.asarray(detections["source"]).tolist())), strict=True):
        own = detections[detections["source"] == number]
        if not row["flags"] & PredictionFlag.BLEND:
            _agree(row, own[np.argmax(np.ma.filled(own["p_z"], -1))], "continuum" in own["kind"])
    return answer


def _agree(row, line, continuum):
    """Change one row."""
    opinions = _named(row, [(f"z{k}", f"p{k}") for k in SUFFIXES]), _named(line, [("z", "p_z"), ("z_2", "p_z_2")])
    if opinions[1]:
        _write(row, _pooled(opinions, OF_CONTINUUM if continuum else OF_LINES))
    elif opinions[0] and not continuum:
        _weaken(row)


def _named(row, columns):
    """Return (ln(1 + z), p) of the redshifts that an opinion names."""
    pairs = [(row[z], row[p]) for z, p in columns if not (np.ma.is_masked(row[z]) or np.ma.is_masked(row[p]))]
    return [(float(np.log1p(z)), float(p)) for z, p in pairs if np.isfinite(p)]


def _pooled(opinions, exponents):
    """Return (ln(1 + z), p, whether the classifier names it), the most probable first."""
    classifier, lines = opinions
    places = list(classifier)
    places += [one for one in lines if all(abs(one[0] - other[0]) > SAME for other in classifier)]
    weights = np.dot(exponents, [np.log(_opinion(named, places)) for named in opinions])
    p = np.exp(weights - weights.max())
    p = p[:-1] / p.sum()
    order = np.argsort(-p, kind="stable")
    return [(places[k][0], float(p[k]), bool(k < len(classifier))) for k in order]


def _opinion(named, places):
    """Return the probability that an opinion gives to each place, and to all others."""
    rest = max(1 - sum(p for _, p in named), LEAST)
    given = [sum(p for lnz, p in named if abs(lnz - place) < SAME) or UNNAMED * rest for place, _ in places]
    return np.maximum([*given, rest], UNNAMED * LEAST)


def _write(row, solutions):
    """Write the solutions into a row; the error of the classifier's redshift stays that of this redshift."""
    (lnz, p, named), rival = solutions[0], [*solutions, (0.0, 0.0, False)][1][1]
    if abs(np.expm1(lnz) - np.ma.filled(row["z"], np.nan)) > 1e-9 or not named:
        row["z_err"] = ERROR * np.exp(lnz)
    for suffix, (place, probability, _) in zip(SUFFIXES, solutions, strict=False):
        row[f"z{suffix}"], row[f"p{suffix}"] = np.expm1(place), probability
    if row["class"] not in EMITTERS:
        row["class"] = EMITTERS[0]
    row["flags"] &= ~PredictionFlag.AMBIGUOUS
    row["flags"] |= PredictionFlag.AMBIGUOUS if rival > RIVAL * p else 0
    row["flags"] |= 0 if named else PredictionFlag.LINE_SET


def _weaken(row):
    for name in (f"p{suffix}" for suffix in SUFFIXES):
        if not np.ma.is_masked(row[name]):
            row[name] = NO_SET * row[name] / (1 - row[name] + NO_SET * row[name])

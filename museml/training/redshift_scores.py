"""How well a network for redshifts does on simulations that it has not seen, as scores for its card."""

import numpy as np

from museml.data import redshift_bins as bins
from museml.data.log_grid import START, to_log_grid
from museml.training.metrics import rate, reliability
from museml.training.redshift_calibration import NEAR, near

__all__ = ["first_answers", "redshift_scores"]

#: ranges of redshift
RANGES = ((0.0, 1.5), (1.5, 2.85), (2.85, 6.75))
SURE = 0.9
#: S/N of the brightest line, and of the continuum per channel, one of which a good spectrum has
GOOD = (10.0, 5.0)
CLOSE = 0.002  # in ln(1+z)


def redshift_scores(model, batch, truth, data="held-out simulations"):
    """Return the scores of a model on simulated spectra.

    Right is a redshift within 0.002(1+z), and the class nothing where there is no object. In a blend the redshift
    of either object is right.

    Parameters
    ----------
    model : `~museml.Model`
        Its outputs are those of `museml.data.redshift_bins`.
    batch : `~museml.Batch`
        Spectra that it was not trained on.
    truth : `~astropy.table.Table`
        As `~museml.simulation.spectra.simulate_spectra` gives it.
    data : str
        What they are, in words.
    """
    found = bins.posterior(model.outputs(to_log_grid(batch, START)), START, model.calibration)
    kind, z, p = first_answers(found)
    right = is_right(kind, z, truth)
    return (
        *_by_range(right, truth, data),
        *_by_class(kind, truth, data),
        *_when_sure(kind, right, p, data),
        *reliability(right, p, data),
        *_blends(found, z, truth, data),
    )


def first_answers(found):
    """Return the most probable class, its redshift, and the probability near it or that of nothing.

    Parameters
    ----------
    found : `~museml.data.redshift_bins.Posterior`
        Probabilities of n spectra.

    Returns
    -------
    kind : ndarray of str
        Class.
    z : ndarray
        Redshift; NaN for nothing.
    p : ndarray
        Probability of the redshift, or of nothing.
    """
    sums = np.cumsum(np.pad(found.redshift, ((0, 0), (NEAR + 1, NEAR))), axis=1)
    window = sums[:, 2 * NEAR + 1 :] - sums[:, : -2 * NEAR - 1]
    best = window.argmax(axis=1)[:, None] + np.arange(-NEAR, NEAR + 1)
    best = np.clip(best, 0, bins.N_BINS - 1)
    peak = np.take_along_axis(best, np.take_along_axis(found.redshift, best, axis=1).argmax(axis=1)[:, None], axis=1)
    z, p = np.expm1(found.lnz[peak[:, 0]]), window.max(axis=1)
    by_class = np.stack([near(part, z) for part in (found.galaxy, found.qso, found.star)])
    kind = np.array(bins.CLASSES)[by_class.argmax(axis=0)]
    none = found.nothing > p
    return np.where(none, "nothing", kind), np.where(none, np.nan, z), np.where(none, found.nothing, p)


def is_right(kind, z, truth):
    """Say which answers are right."""
    true = [np.ma.filled(np.ma.asarray(truth[name], float), np.nan) for name in ("z", "z_2")]
    hit = [np.abs(np.log1p(z) - np.log1p(other)) < CLOSE for other in true]
    blend = np.asarray(truth["blend"], bool)
    return np.where(np.asarray(truth["class"]) == "nothing", kind == "nothing", hit[0] | (blend & hit[1]))


def _by_range(right, truth, data):
    """Return the success of galaxies by redshift: of good spectra, and of all."""
    z = np.ma.filled(np.ma.asarray(truth["z"], float), np.nan)
    good = (np.asarray(truth["snr_line"]) > GOOD[0]) | (np.asarray(truth["snr_cont"]) > GOOD[1])
    name = f"line S/N > {GOOD[0]:g} or continuum S/N > {GOOD[1]:g}"
    alone = (np.asarray(truth["class"]) == "galaxy") & ~np.asarray(truth["blend"], bool)
    for low, high in RANGES:
        rows = alone & (z >= low) & (z < high)
        text = f"redshift right, z from {low:g} to {high:g}"
        yield rate(f"{text}, {name}", int(right[rows & good].sum()), int((rows & good).sum()), data)
        yield rate(text, int(right[rows].sum()), int(rows.sum()), data)


def _by_class(kind, truth, data):
    classes, bright = np.asarray(truth["class"]), np.asarray(truth["snr_cont"]) > 2
    for name in bins.CLASSES:
        rows = (classes == name) & (bright | (name == "nothing"))
        text = "" if name == "nothing" else ", continuum S/N > 2"
        yield rate(f"class right, {name}{text}", int((kind[rows] == name).sum()), int(rows.sum()), data)


def _when_sure(kind, right, p, data):
    """Return how often redshifts with a high probability are right, and how many there are."""
    given = kind != "nothing"
    sure = given & (p > SURE)
    yield rate(f"right where p > {SURE:g} of a redshift", int(right[sure].sum()), int(sure.sum()), data)
    yield rate(f"p > {SURE:g} of a redshift", int(sure.sum()), int(given.sum()), data)


def _blends(found, z, truth, data):
    """Return how often a second object is seen where there is one, and where there is none."""
    blend, seen = np.asarray(truth["blend"], bool), found.no_second < 0.5
    yield rate("second object seen in blends", int(seen[blend].sum()), int(blend.sum()), data)
    yield rate("second object seen in others", int(seen[~blend].sum()), int((~blend).sum()), data)
    other = np.expm1(found.lnz[found.second.argmax(axis=1)])
    true = [np.ma.filled(np.ma.asarray(truth[name], float), np.nan) for name in ("z", "z_2")]
    pairs = [(z, other), (other, z)]
    both = [np.all([_close(a, b) for a, b in zip(pair, true, strict=True)], axis=0) for pair in pairs]
    right = np.any(both, axis=0) & seen & blend
    yield rate("both redshifts right where a second object is seen", int(right.sum()), int((seen & blend).sum()), data)


def _close(one, other):
    return np.abs(np.log1p(one) - np.log1p(other)) < CLOSE

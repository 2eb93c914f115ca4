"""Probabilities that hold, and how well components are found, in fields that a network was not trained on."""

import numpy as np
from scipy.spatial import cKDTree
from scipy.stats import beta
from tqdm import tqdm

from museml.data.images import open_image
from museml.data.patches import BEAM
from museml.detectors.patch_boxes import boxes_of, find_boxes
from museml.detectors.rms_map import noise_maps
from museml.simulation.fields import simulate_field
from museml.training.calibration import fit_calibration

__all__ = ["fit_odds", "patches_scores", "true_snr"]

RADIUS = 1.0  # beams within which a box is of a true component
LEAST = 0.005  # probability of the boxes that are looked at
RELIABILITY = 0.95  # of the whole list, for which completeness is told
SHOWN = ((4.0, 5.0), (5.0, 6.0), (6.0, 8.0), (5.0, np.inf))  # ranges of true S/N for the card
NAMES = ("clean", "mild", "strong")  # artefacts of the fields for the card
FIRST = 20_000  # seed of the first of these fields


def true_snr(boxes, x, y, snr, radius=RADIUS * BEAM):
    """Return the S/N of the true component that each box is of, 0 for a false one.

    Parameters
    ----------
    boxes : `~museml.detectors.patch_boxes.Boxes`
    x, y, snr : array_like, shape (components,)
        Of the truth.
    radius : float
        Greatest distance in pixels; each component has one box at most, the closest pairs go first.
    """
    ours, theirs = cKDTree(np.column_stack([boxes.x, boxes.y])), cKDTree(np.column_stack([x, y]))
    pairs = ours.sparse_distance_matrix(theirs, radius, output_type="ndarray")
    found, taken = np.zeros(len(boxes)), np.zeros(len(x), bool)
    for box, component, _ in pairs[np.argsort(pairs["v"], kind="stable")]:
        if not found[box] and not taken[component]:
            found[box], taken[component] = snr[component], True
    return found


def fit_odds(model, fields, fewest=1):
    """Return the calibration of a model, so that of the boxes with a probability of p a part p is real.

    Parameters
    ----------
    model : `~museml.Model`
        Not calibrated.
    fields : iterable of `~museml.training.patches_fields.PatchField`
        Those that it has not seen. Boxes of which it is not known whether they are real do not count.
    fewest : int
        Least number of real boxes, and of false ones.

    Returns
    -------
    dict
        See `museml.training.calibration`; empty if there are fewer.
    """
    odds, snr = [], []
    for field in tqdm(fields, desc="calibration", unit="field", disable=None):
        boxes = boxes_of(field.values.astype(np.float32), model, LEAST)
        odds.append(boxes.logit)
        snr.append(true_snr(boxes, *field.components[:, [0, 1, 6]].T))
    odds, snr = np.concatenate(odds)[:, None], np.concatenate(snr)
    if min(np.sum(snr > 0), np.sum(snr == 0)) < fewest:
        return {}
    known, logits = snr >= 0, np.concatenate([odds, np.zeros_like(odds)], axis=1)
    return fit_calibration(logits[known], np.where(snr[known] > 0, 0, 1))


def patches_scores(model, fields, side):
    """Return the scores for the card: completeness at a reliability of 95 % in fields with each kind of artefacts.

    Parameters
    ----------
    model : `~museml.Model`
        Calibrated.
    fields, side : int
        Number of fields of each kind, and their side in pixels.
    """
    return tuple(score for name in NAMES for score in _of_kind(model, name, fields, side))


def _of_kind(model, artefacts, number, side):
    odds, found, true = [], [], []
    for seed in range(FIRST, FIRST + number):
        field = simulate_field((side, side), seed, artefacts=artefacts)
        image = open_image(field.hdu)
        boxes = find_boxes(image, noise_maps(image), model, LEAST)
        known = [np.asarray(field.components[name]) for name in ("x", "y", "snr")]
        radius = RADIUS * image.beam.major / image.pixel_scale
        odds.append(boxes.logit), found.append(true_snr(boxes, *known, radius)), true.append(known[-1])
    found = np.concatenate(found)[np.argsort(-np.concatenate(odds), kind="stable")]
    reliability = np.cumsum(found > 0) / np.arange(1, len(found) + 1)
    kept = found[: np.max(np.flatnonzero(reliability >= RELIABILITY), initial=-1) + 1]
    return [_completeness(kept, np.concatenate(true), limits, artefacts) for limits in SHOWN]


def _completeness(found, true, limits, artefacts):
    """Return the part of the true components in a range of S/N that were found, as a score."""
    low, high = limits
    hits, number = (int(np.sum((snr >= low) & (snr < high))) for snr in (found, true))
    name = f"completeness at S/N {low:g} to {high:g}" if np.isfinite(high) else f"completeness from S/N {low:g} on"
    lower, upper = beta.ppf([0.025, 0.975], [hits, hits + 1], [number - hits + 1, number - hits])
    return {
        "name": f"{name}, reliability {RELIABILITY:g}", "value": hits / max(number, 1), "n": number,
        "low": float(np.nan_to_num(lower)), "high": float(np.nan_to_num(upper, nan=1.0)), "data": artefacts,
    }  # fmt: skip

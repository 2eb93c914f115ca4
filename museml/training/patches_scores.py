"""How well components are found in images that a network was not trained on."""

import numpy as np
from scipy.spatial import cKDTree
from scipy.stats import beta
from tqdm import tqdm

from museml.data.images import open_image
from museml.detectors.patch_boxes import find_boxes
from museml.detectors.rms_map import noise_maps
from museml.simulation.fields import simulate_field
from museml.training.calibration import fit_calibration

__all__ = ["NAMES", "fit_odds", "found_in", "patches_scores", "true_snr"]

RADIUS = 1.0  # beams within which a box is of a true component
LEAST = 0.005  # probability of the boxes that are looked at
RELIABILITY = 0.95  # of the whole list, for which completeness is told
SHOWN = ((4.0, 5.0), (5.0, 6.0), (6.0, 8.0), (5.0, np.inf))  # ranges of true S/N for the card
NAMES = ("clean", "mild", "strong")  # artefacts of the fields for the card
FIRST = 20_000  # seed of the first of these fields


def found_in(field, model):
    """Return what a model finds in a simulated field, and the true S/N of each box, -1 for a false one."""
    image = open_image(field.hdu)
    boxes = find_boxes(image, noise_maps(image), model, LEAST)
    return boxes, true_snr(boxes, field.components, RADIUS * image.beam.major / image.pixel_scale)


def true_snr(boxes, components, radius):
    """Return the S/N of the true component that each box is of, -1 for a false one.

    Parameters
    ----------
    boxes : `~museml.detectors.patch_boxes.Boxes`
    components : `~astropy.table.Table`
        With ``x``, ``y`` and ``snr``.
    radius : float
        Greatest distance in pixels; each component has one box at most, the closest pairs go first.
    """
    ours = cKDTree(np.column_stack([boxes.x, boxes.y]))
    theirs = cKDTree(np.column_stack([components["x"], components["y"]]))
    pairs = ours.sparse_distance_matrix(theirs, radius, output_type="ndarray")
    snr, taken = np.full(len(boxes), -1.0), np.zeros(len(components), bool)
    for box, component, _ in pairs[np.argsort(pairs["v"], kind="stable")]:
        if snr[box] < 0 and not taken[component]:
            snr[box], taken[component] = components["snr"][component], True
    return snr


def fit_odds(model, fields):
    """Return the calibration of a model, so that of the boxes with a probability of p a part p is real.

    Parameters
    ----------
    model : `~museml.Model`
        Not calibrated.
    fields : iterable of `~museml.simulation.fields.Field`
        Those that it has not seen, with the truth.
    """
    odds, real = [], []
    for field in tqdm(fields, desc="calibration", unit="field", disable=None):
        boxes, snr = found_in(field, model)
        odds.append(boxes.logit)
        real.append(snr > 0)
    odds, real = np.concatenate(odds), np.concatenate(real)
    return fit_calibration(np.column_stack([odds, np.zeros_like(odds)]), np.where(real, 0, 1))


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
        boxes, snr = found_in(field, model)
        odds.append(boxes.logit), found.append(snr), true.append(np.asarray(field.components["snr"]))
    order = np.argsort(-np.concatenate(odds), kind="stable")
    found, true = np.concatenate(found)[order], np.concatenate(true)
    reliability = np.cumsum(found > 0) / np.arange(1, len(found) + 1)
    kept = found[: np.max(np.flatnonzero(reliability >= RELIABILITY), initial=-1) + 1]
    return [_completeness(kept, true, limits, artefacts) for limits in SHOWN]


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

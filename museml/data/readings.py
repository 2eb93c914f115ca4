"""How the outputs of a network are read: as classes, as redshifts with classes, or as boxes in an image."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from museml.data import patches, redshift_bins
from museml.data.log_grid import start_of, to_log_grid
from museml.data.probabilities import apply_calibration
from museml.errors import ModelError

__all__ = ["READINGS", "Reading", "get_reading"]


@dataclass(frozen=True)
class Reading:
    """What to do before and after the network.

    Attributes
    ----------
    place : callable
        ``place(batch)`` brings a Batch onto the axis that the network takes.
    count : callable
        ``count(classes)`` tells how many outputs the network must have.
    classes : callable
        ``classes(outputs, batch, calibration)`` returns the probability of each class, shape (n, classes).
    """

    place: Callable
    count: Callable
    classes: Callable


def get_reading(name):
    """Return the `Reading` of a name, or raise `ModelError`."""
    if name not in READINGS:
        raise ModelError(f"the outputs of a model must be read as {' or '.join(READINGS)}, not {name!r}; update museml")
    return READINGS[name]


def _classes_of_redshifts(outputs, batch, calibration):
    return redshift_bins.posterior(outputs, start_of(batch), calibration).classes.astype(float)


def _classes_of_boxes(outputs, batch, calibration):
    best = np.asarray(outputs)[..., 0].reshape(len(batch), -1).max(axis=1)
    return apply_calibration(np.stack([best, np.zeros_like(best)], axis=1), calibration)


#: every reading that a model may name
READINGS = {
    "classes": Reading(lambda batch: batch, len, lambda outputs, batch, cal: apply_calibration(outputs, cal)),
    "boxes": Reading(lambda batch: batch, lambda classes: len(patches.QUANTITIES), _classes_of_boxes),
    "redshift": Reading(to_log_grid, redshift_bins.outputs_of, _classes_of_redshifts),
}

"""How the outputs of a network are read: as classes, or as redshifts with classes."""

from collections.abc import Callable
from dataclasses import dataclass

from museml.data import redshift_bins
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


#: every reading that a model may name
READINGS = {
    "classes": Reading(lambda batch: batch, len, lambda outputs, batch, cal: apply_calibration(outputs, cal)),
    "redshift": Reading(to_log_grid, redshift_bins.outputs_of, _classes_of_redshifts),
}

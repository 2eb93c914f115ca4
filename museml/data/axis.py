"""The axis that a model was made for, compared with that of the data."""

import numpy as np

__all__ = ["describe_axis", "same_axis"]

TOLERANCE = 0.05  # of a step


def same_axis(axis, wanted):
    """Say whether an axis is the one wanted, in whatever unit, within a small part of a step."""
    if axis is None or axis.shape != wanted.shape or not axis.unit.is_equivalent(wanted.unit):
        return False
    values = wanted.value
    step = np.abs(np.diff(values)).min() if len(values) > 1 else 1
    return bool(np.all(np.abs(axis.to_value(wanted.unit) - values) <= TOLERANCE * step))


def describe_axis(axis):
    """Return an axis in words."""
    return "none" if axis is None else f"{axis[0]:.2f} to {axis[-1]:.2f} in {len(axis)} steps"

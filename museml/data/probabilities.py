"""From the outputs of a network to calibrated probabilities."""

import numpy as np

from museml.errors import ModelError

__all__ = ["apply_calibration", "check_calibration"]


def check_calibration(calibration, classes):
    """Raise `ModelError` unless a calibration has a finite scale, and one offset or one for each class."""
    try:
        scale, offset = np.asarray(calibration["scale"], float), np.asarray(calibration["offset"], float)
        right = scale.shape == () and offset.shape in ((1,), (len(classes),)) and np.isfinite([*offset, scale]).all()
    except (KeyError, TypeError, ValueError):
        right = False
    if not right:
        raise ModelError(
            f"a calibration must have a number 'scale' and a list 'offset' with 1 or {len(classes)} numbers, "
            f"not {calibration!r}; calibrate the model again"
        )


def apply_calibration(outputs, calibration):
    """Return softmax(scale * outputs + offset) of a network's outputs, shape (n, classes)."""
    logits = np.asarray(outputs, float) * calibration["scale"] + np.asarray(calibration["offset"], float)
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)

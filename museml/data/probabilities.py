"""From the outputs of a network to calibrated probabilities."""

import numpy as np

__all__ = ["apply_calibration"]


def apply_calibration(outputs, calibration):
    """Return softmax(scale * outputs + offset) of a network's outputs, shape (n, classes)."""
    logits = np.asarray(outputs, float) * calibration["scale"] + np.asarray(calibration["offset"], float)
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)

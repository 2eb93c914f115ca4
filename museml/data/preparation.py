"""How a Batch becomes the array that a network takes: a list of named steps, kept with the model."""

from inspect import signature

import numpy as np

from museml.data.channels import spectrum_channels
from museml.errors import ModelError

__all__ = ["STEPS", "check_steps", "prepare_input"]


def stretch(values, mask, scale=1.0):
    """Compress large values: arcsinh(value / scale); masked values become 0."""
    return np.where(mask, 0, np.arcsinh(values / scale)), mask


def append_mask(values, mask):
    """Add a last channel that is 1 where the first channel is masked."""
    first = mask[..., :1]
    return np.concatenate([values, first], axis=-1), np.concatenate([mask, np.zeros_like(first)], axis=-1)


#: every step that a model may name: function of (values, mask, **settings) -> (values, mask);
#: one with an argument ``errors`` also gets the errors of the batch
STEPS = {"stretch": stretch, "append_mask": append_mask, "spectrum_channels": spectrum_channels}
#: arguments that are data, not settings
DATA = ("values", "mask", "errors")


def check_steps(steps):
    """Raise `ModelError` if a list of steps names one that does not exist, or has settings that it cannot have."""
    for step in steps:
        if not isinstance(step, dict) or step.get("step") not in STEPS:
            raise ModelError(
                f"the input preparation has a step {step!r}; known: {', '.join(STEPS)}; update museml or the model"
            )
        for name, value in _settings(step).items():
            known = [name for name in _arguments(step) if name not in DATA]
            if name not in known or not isinstance(value, int | float) or not 0 < value < np.inf:
                raise ModelError(
                    f"the settings of step {step['step']!r} must be positive numbers ({', '.join(known) or 'none'}), "
                    f"not {name}={value!r}; update museml or the model"
                )


def prepare_input(batch, steps):
    """Return the network's input.

    Parameters
    ----------
    batch : `~museml.Batch`
        What the network is asked about.
    steps : list of dict
        Each has ``step``, a name of `STEPS`, and that step's settings.

    Returns
    -------
    ndarray, shape (n, ...), float32
        Finite everywhere.
    """
    mask = batch.mask | ~np.isfinite(batch.values)
    values = np.where(mask, 0, batch.values)
    for step in steps:
        errors = {"errors": batch.errors} if "errors" in _arguments(step) else {}
        values, mask = STEPS[step["step"]](values, mask, **errors, **_settings(step))
    return np.asarray(values, np.float32)


def _arguments(step):
    return list(signature(STEPS[step["step"]]).parameters)


def _settings(step):
    return {name: value for name, value in step.items() if name != "step"}

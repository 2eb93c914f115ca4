"""Single bright pixels that no spectrograph can make of light: cosmic rays and hot pixels."""

from dataclasses import replace

import numpy as np

__all__ = ["mask_spikes"]

#: a spike is brighter than this, in standard errors
BRIGHT = 15.0
#: the neighbours of a spike have less than this part of its height; in a line they have more, even in coarse pixels
NEIGHBOURS = 0.1


def mask_spikes(batch):
    """Mask pixels that stick out alone.

    Parameters
    ----------
    batch : `~museml.Batch`
        Spectra on the pixels of their spectrograph.

    Returns
    -------
    `~museml.Batch`
        The same where there are none.
    """
    values = np.pad(batch.values, ((0, 0), (2, 2)), mode="reflect") if len(batch.axis) > 2 else None
    if values is None:
        return batch
    level = 0.5 * (values[:, :-4] + values[:, 4:])
    height = batch.values - level
    beside = np.maximum(np.abs(values[:, 1:-3] - level), np.abs(values[:, 3:-1] - level))
    spike = ~batch.mask & (height > BRIGHT * batch.errors) & (beside < NEIGHBOURS * height)
    if not spike.any():
        return batch
    values, errors = (np.where(spike, 0, part).astype(np.float32) for part in (batch.values, batch.errors))
    return replace(batch, values=values, errors=errors, mask=batch.mask | spike)

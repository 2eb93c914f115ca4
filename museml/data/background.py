"""Light below zero: what was taken off too much."""

import itertools
from dataclasses import replace

import numpy as np

__all__ = ["lift_background"]

#: pixels in a block of which the median is taken
BLOCK = 256
#: a median so far below zero, in standard errors of a pixel, is no noise
DEEP = -0.3


def lift_background(batch):
    """Raise spectra whose continuum is below zero until it is zero.

    Light is not negative; where the continuum is, by more than noise, too much background was taken off.

    Parameters
    ----------
    batch : `~museml.Batch`
        Spectra.

    Returns
    -------
    `~museml.Batch`
        The same where there is nothing to raise.
    """
    seen = ~batch.mask & (batch.errors > 0)
    snr = np.where(seen, batch.values / np.where(seen, batch.errors, 1), np.nan)
    rows = np.flatnonzero(_middle(snr) < DEEP)
    if not len(rows):
        return batch
    values = batch.values.copy()
    for row in rows:
        level = _level(batch.values[row], snr[row])
        values[row] = np.where(seen[row], values[row] - np.minimum(level, 0), 0)
    return replace(batch, values=values)


def _middle(snr):
    """Return the median of each row; 0 where there is nothing."""
    ordered = np.sort(snr, axis=1)  # NaN last
    count = np.isfinite(snr).sum(axis=1)
    return np.where(count > 0, ordered[np.arange(len(snr)), count // 2 * (count > 0)], 0)


def _level(values, snr):
    """Return the medians of blocks, joined by straight lines."""
    edges = np.linspace(0, len(values), max(2, len(values) // BLOCK + 1)).astype(int)
    blocks = [slice(*ends) for ends in itertools.pairwise(edges)]
    known = [block for block in blocks if np.isfinite(snr[block]).any()]
    places = [0.5 * (block.start + block.stop - 1) for block in known]
    return np.interp(np.arange(len(values)), places, [np.median(values[b][np.isfinite(snr[b])]) for b in known])

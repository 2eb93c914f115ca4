"""The grid of trial redshifts, even in ln(1+z)."""

import numpy as np

__all__ = ["CELL", "FINE", "LNZ", "N_CELLS", "START", "Z_MAX", "cells", "shifted"]

#: step of the trial redshifts in ln(1+z): 30 km/s, well below the width of a line
FINE = 1e-4
#: fine steps in a cell of the p(z) that is reported
CELL = 5
#: first trial; stars may come towards us
START = -0.002
Z_MAX = 6.7
N_CELLS = int(np.ceil((np.log1p(Z_MAX) - START) / (CELL * FINE)))
#: ln(1+z) of all trials
LNZ = START + FINE * np.arange(N_CELLS * CELL)


def shifted(values, offset):
    """Return ``values[offset + k]`` for each trial k; 0 beyond the ends.

    Parameters
    ----------
    values : ndarray, shape (n,)
        On an axis even in ln(wave), with the step `FINE`.
    offset : int
        Index of the first trial, may be negative.
    """
    out = np.zeros(len(LNZ), values.dtype)
    first, last = max(0, -offset), min(len(LNZ), len(values) - offset)
    if last > first:
        out[first:last] = values[first + offset : last + offset]
    return out


def cells(values):
    """Add up fine trials in the cells of the reported p(z)."""
    return values.reshape(-1, CELL).sum(axis=1)

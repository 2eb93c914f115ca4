"""Gaussian lines integrated over the pixels of a spectrograph."""

import numpy as np
from scipy.special import ndtr

__all__ = ["deposit"]

REACH = 4.0  # sigmas to which a Gaussian is followed


def deposit(values, row, centre, sigma, total, edges):
    """Add Gaussians to rows of an array, in place.

    Parameters
    ----------
    values : ndarray, shape (n, channels)
        What they are added to; contiguous.
    row : ndarray of int, shape (lines,)
        Row of each Gaussian.
    centre, sigma : ndarray, shape (lines,)
        Centre and standard deviation, in the unit of ``edges``.
    total : ndarray, shape (lines,)
        Integral.
    edges : ndarray, shape (channels + 1,)
        Borders of the pixels; each gets the mean of the Gaussian over it.
    """
    low = np.maximum(np.searchsorted(edges, centre - REACH * sigma) - 1, 0)
    high = np.minimum(np.searchsorted(edges, centre + REACH * sigma) + 1, len(edges))
    count = np.maximum(high - low, 0)  # borders of pixels, one more than there are pixels
    first = np.cumsum(count) - count
    which = np.repeat(np.arange(len(row)), count)
    border = np.arange(len(which)) - np.repeat(first - low, count)
    below = ndtr((edges[border] - centre[which]) / sigma[which])
    part = np.flatnonzero(which[1:] == which[:-1])
    owner, pixel = which[part], border[part]
    density = (below[part + 1] - below[part]) * total[owner] / np.diff(edges)[pixel]
    np.add.at(values, (row[owner], pixel), density.astype(values.dtype))

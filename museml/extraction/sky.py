"""The local sky: a plane through the pixels around a source that hold no other source."""

import numpy as np
from astropy.stats import mad_std

__all__ = ["LEAST_RING", "plane", "without_neighbours"]

LEAST_RING = 12  # pixels; fewer tell no sky
CLIPS = 5  # rounds of leaving out neighbours
OFF = 3.0  # robust standard deviations off the plane: a neighbour


def plane(offsets):
    """Return the columns of a plane, shape (3, pixels); the first parameter is the value at the source."""
    y, x = offsets
    reach = max(np.abs(y).max(initial=1), np.abs(x).max(initial=1))
    return np.stack([np.ones(len(x)), y / reach, x / reach])


def without_neighbours(pixels, offsets, white):
    """Leave out pixels that are off the plane in white light: those of neighbours.

    Parameters
    ----------
    pixels : ndarray of bool, shape (pixels,)
        Which may hold sky alone.
    offsets : tuple of ndarray, shape (pixels,)
        Distances in y and x from the source, in pixels.
    white : ndarray, shape (pixels,)
        White-light image, without the sources that are known; NaN where there are no data.

    Returns
    -------
    ndarray of bool, shape (pixels,)
    """
    pixels = pixels & np.isfinite(white)
    for _ in range(CLIPS):
        if np.count_nonzero(pixels) < LEAST_RING:
            break
        columns = plane(offsets)[:, pixels].T
        residual = white[pixels] - columns @ np.linalg.lstsq(columns, white[pixels])[0]
        residual -= np.median(residual)
        pixels = pixels.copy()
        pixels[pixels] = np.abs(residual) <= OFF * mad_std(residual)
    return pixels

"""Two objects in one spectrum."""

import numpy as np

__all__ = ["blend"]


def blend(flux, rng, share=0.1, ratio=(0.2, 1.0)):
    """Mix some spectra with that of another row, which is the less significant of the two.

    Parameters
    ----------
    flux : ndarray, shape (n, channels)
        Clean spectra, normalised to significance 1; rows of zeros are no objects and are left alone.
    rng : `~numpy.random.Generator`
        Source of randomness.
    share : float
        Share of blends.
    ratio : (float, float)
        Range of the second object's significance relative to the first's, even in the logarithm.

    Returns
    -------
    mixed : ndarray, shape (n, channels), float32
        The spectra; rows that are no blends are as they were.
    partner : ndarray of int, shape (n,)
        Row of the second object, -1 where there is none.
    ratio : ndarray, shape (n,), float32
        Significance of the second object relative to the first, 0 where there is none.
    """
    n, mixed = len(flux), flux.astype(np.float32)
    objects = np.flatnonzero(mixed.any(axis=1))
    partner, ratios = np.full(n, -1), np.zeros(n, np.float32)
    if len(objects) < 2 or not share:
        return mixed, partner, ratios
    first = np.flatnonzero(rng.random(len(objects)) < share)
    second = (first + rng.integers(1, len(objects), len(first))) % len(objects)  # never the object itself
    partner[objects[first]] = objects[second]
    ratios[objects[first]] = np.exp(rng.uniform(*np.log(ratio), len(first)))
    mixed[objects[first]] += ratios[objects[first], None] * flux[objects[second]].astype(np.float32)
    return mixed, partner, ratios

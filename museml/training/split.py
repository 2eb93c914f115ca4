"""Split data by object, region or seed, so that nothing is on both sides."""

import numpy as np

__all__ = ["split_groups"]


def split_groups(groups, fraction, seed):
    """Choose whole groups at random.

    Parameters
    ----------
    groups : array_like, shape (n,)
        Group of each row: the object, region or simulation it comes from.
    fraction : float
        Part of the groups to choose; at least one is chosen and at least one is left, if there are two.
    seed : int
        The same seed chooses the same groups.

    Returns
    -------
    ndarray of bool, shape (n,)
        True where the row's group was chosen.
    """
    groups = np.asarray(groups)
    names = np.random.default_rng(seed).permutation(np.unique(groups))
    count = int(np.clip(round(fraction * len(names)), 1, max(len(names) - 1, 1)))
    return np.isin(groups, names[:count])

"""Parts of a sample that share no object."""

import numpy as np

from museml.errors import InputError

__all__ = ["split_objects", "train_rows"]


def split_objects(objects, parts, seed=0):
    """Deal objects out to parts of nearly the same number of rows, so that no object is in two.

    Parameters
    ----------
    objects : sequence of str
        Which object each row shows.
    parts : int
        Number of parts.
    seed : int
        Of the order in which they are dealt.

    Returns
    -------
    ndarray of int
        The part of each row, from 0. It does not depend on the order of the rows.

    Raises
    ------
    InputError
        If there are fewer objects than parts.
    """
    names, index, sizes = np.unique(np.asarray(objects, str), return_inverse=True, return_counts=True)
    if len(names) < parts:
        raise InputError(f"a split into {parts} parts needs as many objects; there are {len(names)}; give more spectra")
    shuffled = np.random.default_rng(seed).permutation(len(names))
    order = shuffled[np.argsort(-sizes[shuffled], kind="stable")]
    part, filled = np.empty(len(names), int), np.zeros(parts, int)
    for name in order:  # the largest first, each to the part that is emptiest
        part[name] = np.argmin(filled)
        filled[part[name]] += sizes[name]
    return part[index]


def train_rows(part, test, parts):
    """Return the rows for training, validation and test, when one part is held out for the test.

    The next part is for validation, which decides when training stops.
    """
    validation = (test + 1) % parts
    chosen = {"test": part == test, "validation": part == validation}
    chosen["training"] = ~(chosen["test"] | chosen["validation"])
    return {name: np.flatnonzero(rows) for name, rows in chosen.items()}

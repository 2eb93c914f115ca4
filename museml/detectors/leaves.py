"""Leaves of the dendrogram of an image: its peaks, each with the pixels that are its own."""

from dataclasses import dataclass
from importlib import import_module

import numpy as np

from museml.errors import MissingPackageError

__all__ = ["Leaves", "compiled", "find_leaves", "leaf_labels"]


@dataclass(frozen=True)
class Leaves:
    """Leaves of a dendrogram, numbered in the order of their places in the image.

    Attributes
    ----------
    labels : ndarray of int, shape (pixels,)
        The leaf of each pixel that was given, -1 for none.
    peak : ndarray of int, shape (leaves,)
        Place of the highest pixel of each leaf among those that were given.
    trunk : ndarray of int, shape (leaves,)
        Number of the trunk that each leaf grows from; leaves of one trunk are connected above the minimum value.
    level : ndarray, shape (leaves,)
        Value of the pixel where the leaf meets another structure; NaN if it meets none.
    """

    labels: np.ndarray
    peak: np.ndarray
    trunk: np.ndarray
    level: np.ndarray

    def __len__(self):
        return len(self.peak)

    def take(self, kept):
        """Return some of the leaves, numbered anew.

        Parameters
        ----------
        kept : ndarray of bool, shape (leaves,)
        """
        number = np.append(np.where(kept, np.cumsum(kept) - 1, -1), -1)  # the last one is for the label -1
        return Leaves(number[self.labels], self.peak[kept], self.trunk[kept], self.level[kept])


def find_leaves(values, index, columns, min_delta=0.0, min_npix=0):
    """Find the leaves among the pixels of an image that are above a minimum value.

    They are those of the package astrodendro, for the same minimum value, delta and number of pixels.

    Parameters
    ----------
    values : ndarray, shape (pixels,)
        Values of the pixels above the minimum value; finite.
    index : ndarray of int, shape (pixels,)
        Their places in the flat image, ascending.
    columns : int
        Width of the image.
    min_delta : float
        Least height of a leaf above the pixel where it meets another structure; of one that meets none, above its
        own lowest pixel.
    min_npix : int
        Least number of pixels of a leaf.

    Returns
    -------
    Leaves

    Raises
    ------
    MissingPackageError
        If numba is not installed.
    """
    order = np.argsort(values)[::-1]
    values, index = np.ascontiguousarray(values, float), np.ascontiguousarray(index, np.int64)
    tree = compiled("component_tree").grow(values, index, order, int(columns), float(min_delta), int(np.ceil(min_npix)))
    label, top, parent, root = tree
    seeds = np.unique(label[label >= 0])
    number = np.full(len(values) + 1, -1, np.int32)  # the last one is for the label -1
    number[seeds] = np.arange(len(seeds))
    meeting = parent[seeds]
    level = np.where(meeting >= 0, values[meeting] if len(seeds) else np.nan, np.nan)
    return Leaves(number[label], top[seeds], np.unique(root[seeds], return_inverse=True)[1], level)


def leaf_labels(image, min_value, min_delta=0.0, min_npix=0):
    """Return an image of the leaves' numbers from 1, 0 where there is none.

    Parameters
    ----------
    image : ndarray, shape (y, x)
        NaN where there are no data.
    min_value : float
        Pixels must be above it.
    min_delta, min_npix
        As for `find_leaves`.
    """
    index = np.flatnonzero(image > min_value)
    labels = np.zeros(image.shape, np.int32)
    labels.flat[index] = find_leaves(image.flat[index], index, image.shape[1], min_delta, min_npix).labels + 1
    return labels


def compiled(name):
    """Return a module of this room that is compiled by numba.

    Raises
    ------
    MissingPackageError
        If numba is not installed.
    """
    try:
        return import_module(f"museml.detectors.{name}")
    except ModuleNotFoundError as error:
        if error.name != "numba":
            raise
        raise MissingPackageError(
            "finding sources in images needs the package numba, which is not installed; pip install 'museml[images]'"
        ) from error

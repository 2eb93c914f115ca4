"""The tree of an image's structures, grown pixel by pixel; compiled with numba, which this file needs at import."""

import numpy as np
from numba import njit

__all__ = ["grow"]


@njit(cache=True)
def grow(values, index, order, columns, min_delta, min_npix):
    """Grow the tree from the highest pixel down, by the rules of Rosolowsky et al. 2008 (ApJ 679, 1338).

    A pixel without neighbours in the tree begins a leaf, one with a single structure beside it joins that, and one
    between several merges them: leaves that are too low or too small become part of what they meet, two or
    more structures that remain become the children of a branch.

    Parameters
    ----------
    values : ndarray, shape (n,)
        Of the pixels above the threshold.
    index : ndarray of int64, shape (n,)
        Their places in the flat image, ascending.
    order : ndarray of int, shape (n,)
        Places in ``values``, the highest value first.
    columns : int
        Width of the image.
    min_delta : float
        Least height of a leaf above the pixel where it meets another structure.
    min_npix : int
        Least number of pixels of a leaf.

    Returns
    -------
    label : ndarray of int32, shape (n,)
        For each pixel the pixel that began its leaf; -1 in branches and in leaves that do not count.
    top, parent, root : ndarray of int32, shape (n,)
        At the pixel that began a leaf: its highest pixel, the pixel that began its parent (-1 if none), and the one
        that began the trunk.
    """
    n = len(values)
    beside = _neighbours(index, columns)
    owner = np.full(n, -1, np.int32)  # the pixel that began the structure of a pixel
    ancestor = np.arange(n).astype(np.int32)
    joined = np.full(n, -1, np.int32)  # of a leaf that is no more: what it became part of
    parent = np.full(n, -1, np.int32)
    is_leaf = np.zeros(n, np.bool_)
    top = np.arange(n).astype(np.int32)
    low = values.copy()
    size = np.zeros(n, np.int32)
    met = np.empty(4, np.int32)
    for pixel in order:
        count = 0
        for side in range(4):
            other = beside[side, pixel]
            if other >= 0 and owner[other] >= 0:
                structure = _root(ancestor, owner[other])
                known = False
                for k in range(count):
                    known = known or met[k] == structure
                if not known:
                    met[count] = structure
                    count += 1
        here = _meet(pixel, values, met, count, is_leaf, top, size, ancestor, joined, parent, min_delta, min_npix)
        owner[pixel] = here
        low[here] = values[pixel]
        size[here] += 1
    return _label(values, owner, ancestor, joined, parent, is_leaf, top, low, size, min_delta, min_npix)


@njit(cache=True)
def _meet(pixel, values, met, count, is_leaf, top, size, ancestor, joined, parent, min_delta, min_npix):
    """Return the structure that a pixel belongs to, having merged those that it touches."""
    if count == 0:
        is_leaf[pixel] = True
        return pixel
    if count == 1:
        return met[0]
    here, kept = met[count - 1], 0
    for k in range(count):
        if not _weak(met[k], values[pixel], values, is_leaf, top, size, min_delta, min_npix):
            here = met[k]
            kept += 1
    if kept > 1:
        here = pixel
    for k in range(count):
        other = met[k]
        if other == here:
            continue
        if _weak(other, values[pixel], values, is_leaf, top, size, min_delta, min_npix):
            joined[other] = here
            size[here] += size[other]
            if values[top[other]] > values[top[here]] and is_leaf[here]:
                top[here] = top[other]
        else:
            parent[other] = here
        ancestor[other] = here
    return here


@njit(cache=True)
def _weak(structure, value, values, is_leaf, top, size, min_delta, min_npix):
    """Whether a structure is a leaf too low or too small to be kept where it meets a pixel of this value."""
    height = values[top[structure]] - value
    return is_leaf[structure] and (height == 0 or height < min_delta or size[structure] < min_npix)


@njit(cache=True)
def _root(links, start):
    """Follow the links to their end, and shorten them on the way."""
    while links[start] != start:
        links[start] = links[links[start]]
        start = links[start]
    return start


@njit(cache=True)
def _label(values, owner, ancestor, joined, parent, is_leaf, top, low, size, min_delta, min_npix):
    n = len(values)
    label, root = np.full(n, -1, np.int32), np.full(n, -1, np.int32)
    for pixel in range(n):
        leaf = owner[pixel]
        while joined[leaf] >= 0:
            leaf = joined[leaf]
        if not is_leaf[leaf]:
            continue
        alone = parent[leaf] < 0
        if alone and (values[top[leaf]] - low[leaf] < min_delta or size[leaf] < min_npix):
            continue
        label[pixel] = leaf
        root[leaf] = _root(ancestor, leaf)
    return label, top, parent, root


@njit(cache=True)
def _neighbours(index, columns):
    """Return the pixels left, right, above and below each pixel, -1 where there is none; shape (4, n)."""
    n = len(index)
    beside = np.full((4, n), -1, np.int32)
    behind = 0
    for pixel in range(n):
        if pixel and index[pixel - 1] == index[pixel] - 1 and index[pixel] % columns:
            beside[0, pixel] = pixel - 1
            beside[1, pixel - 1] = pixel
        while index[behind] < index[pixel] - columns:
            behind += 1
        if index[behind] == index[pixel] - columns:
            beside[2, pixel] = behind
            beside[3, behind] = pixel
    return beside

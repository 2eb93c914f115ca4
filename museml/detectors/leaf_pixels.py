"""The pixels that the shape of a leaf is measured on: its own, and those just beside them."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

__all__ = ["LeafPixels", "leaf_pixels", "pixels_above", "read_places"]

PAIRS = 2**22  # pixels beside leaves' pixels that are laid out at a time


@dataclass(frozen=True)
class LeafPixels:
    """Pixels of many leaves, one after the other.

    Attributes
    ----------
    x, y : ndarray, shape (pixels,)
        Places in the image.
    values : ndarray, shape (pixels,)
        Jy/beam above the background.
    first : ndarray of int, shape (leaves + 1,)
        Where each leaf begins among them.
    missing : ndarray of int, shape (leaves,)
        Pixels of each leaf that hold no data.
    """

    x: np.ndarray
    y: np.ndarray
    values: np.ndarray
    first: np.ndarray
    missing: np.ndarray

    def take(self, leaves):
        """Return the pixels of some of the leaves, in the order that is asked for."""
        sizes = np.diff(self.first)[leaves]
        first = np.append(0, np.cumsum(sizes))
        places = np.arange(first[-1]) + np.repeat(self.first[:-1][leaves] - first[:-1], sizes)
        return LeafPixels(self.x[places], self.y[places], self.values[places], first, self.missing[leaves])


def pixels_above(image, maps, least, strips, sign=1):
    """Return place and value of the pixels whose signal-to-noise ratio is above a number.

    Parameters
    ----------
    image : `~museml.data.images.ImageData`
    maps : `~museml.detectors.rms_map.NoiseMaps`
    least : float
    strips : list of slice
        Rows that are read together.
    sign : int
        -1 for the reversed image.

    Returns
    -------
    index : ndarray of int64
        Places in the flat image, ascending.
    snr : ndarray of float32
    """
    parts = [_strip_above(image, maps, least, rows, sign) for rows in strips]
    return (np.concatenate(columns) for columns in zip(*parts, strict=True))


def signal_to_noise(image, maps, rows):
    """Return the signal-to-noise ratio of the pixels in some rows; NaN where there are no data or no noise."""
    columns = slice(0, image.shape[1])
    background, rms = maps.block(rows, columns)
    return np.divide(image.block(rows, columns) - background, rms, out=np.full_like(rms, np.nan), where=rms > 0)


def leaf_pixels(image, maps, index, labels, number, reach, strips):
    """Return the pixels of leaves and those within ``reach`` pixels of them.

    Parameters
    ----------
    image, maps, strips
        As for `pixels_above`.
    index, labels : ndarray of int
        Places in the flat image, ascending, and the leaf of each, -1 for none.
    number : int
        Of leaves.
    reach : float
        In pixels.
    """
    owned = labels >= 0
    leaf, place = _widened(labels[owned], index[owned], reach, image.shape)
    values = read_places(image, maps, place, strips)
    valid = np.isfinite(values)
    missing = np.bincount(leaf[~valid], minlength=number)
    first = np.searchsorted(leaf[valid], np.arange(number + 1))
    y, x = np.divmod(place[valid], image.shape[1])
    return LeafPixels(x.astype(float), y.astype(float), values[valid], first, missing)


def _strip_above(image, maps, least, rows, sign):
    snr = sign * signal_to_noise(image, maps, rows).ravel()
    index = np.flatnonzero(snr > least)
    return index + rows.start * image.shape[1], snr[index]


def _widened(leaf, index, reach, shape):
    """Return leaf and place of the pixels, sorted by leaf, without repetition."""
    steps = np.arange(-int(reach), int(reach) + 1)
    dy, dx = (step.ravel() for step in np.meshgrid(steps, steps, indexing="ij"))
    near = np.hypot(dx, dy) <= reach
    order = np.argsort(leaf, kind="stable")
    pieces = np.array_split(order, len(order) * near.sum() // PAIRS + 1)
    pairs = [_pairs(leaf[piece], index[piece], dy[near], dx[near], shape) for piece in pieces]
    return np.divmod(np.unique(np.concatenate(pairs)), shape[0] * shape[1])


def _pairs(leaf, index, dy, dx, shape):
    """Return the distinct pairs of leaf and place, as one number each."""
    y, x = np.divmod(index, shape[1])
    y, x = y[:, None] + dy, x[:, None] + dx
    inside = (y >= 0) & (y < shape[0]) & (x >= 0) & (x < shape[1])
    first = np.broadcast_to(leaf[:, None], y.shape)[inside].astype(np.int64) * (shape[0] * shape[1])
    return np.unique(first + (y * shape[1] + x)[inside])


def read_places(image, maps, place, strips):
    """Return the values above the background, in Jy/beam, at places in the flat image.

    Parameters
    ----------
    image, maps, strips
        As for `pixels_above`.
    place : ndarray of int
        In any order.
    """
    order = np.argsort(place, kind="stable")
    values = np.empty(len(place))
    edges = np.searchsorted(place[order], [rows.start * image.shape[1] for rows in strips] + [np.iinfo(np.int64).max])
    columns = slice(0, image.shape[1])
    for rows, (low, high) in zip(strips, pairwise(edges), strict=True):
        if high > low:
            strip = image.block(rows, columns) - maps.block(rows, columns)[0]
            here = order[low:high]
            values[here] = strip.ravel()[place[here] - rows.start * image.shape[1]]
    return values

"""Blended sources in an image taken apart, each peak that rises well above its saddle for itself."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

__all__ = ["deblend", "peaks", "vertex"]

NEIGHBOURS = tuple((dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if (dy, dx) != (0, 0))


def peaks(image):
    """Return y and x of the pixels that no neighbour exceeds; of equal neighbours the first counts."""
    return np.nonzero(_uphill(image) == np.arange(image.size).reshape(image.shape))


def vertex(image, y, x):
    """Return the offsets (y, x) of peaks from their pixels, at most half a pixel, by parabolas through 3 pixels."""
    around = sliding_window_view(np.pad(image, 1, mode="edge"), (3, 3))[y, x]
    return _vertex(around[:, :, 1]), _vertex(around[:, 1])


def deblend(image, labels, rise, contrast):
    """Divide each labelled region among its peaks.

    Every pixel belongs to the peak to which the steepest ascent leads. A peak that rises too little
    above its highest saddle joins the peak beyond the saddle.

    Parameters
    ----------
    image : ndarray, shape (y, x)
        Signal-to-noise ratio.
    labels : ndarray of int, same shape
        Regions; 0 outside.
    rise : float
        Least rise above the saddle, against noise.
    contrast : float
        Least rise as a fraction of the saddle, against errors that scale with the light; both are
        added in quadrature.

    Returns
    -------
    ndarray of int, same shape
        New labels, from 1, in the order of the peaks' pixels.
    """
    image = np.where(labels > 0, image, -np.inf)
    basin = _basins(image, labels)
    peak, saddles = _saddles(image, basin)
    root = _merge(peak, saddles, rise, contrast)
    number = np.unique(root[basin[labels > 0]], return_inverse=True)[1]
    divided = np.zeros(labels.shape, int)
    divided[labels > 0] = number + 1
    return divided


def _vertex(values):
    left, middle, right = values.T
    curvature = 2 * middle - left - right
    offset = np.divide((right - left) / 2, curvature, out=np.zeros_like(curvature), where=curvature > 0)
    return np.clip(offset, -0.5, 0.5)


def _uphill(image):
    """Return for each pixel the flat index of its highest neighbour, or its own."""
    best, index = image.astype(float), np.arange(image.size).reshape(image.shape)
    target = index.copy()
    for dy, dx in NEIGHBOURS:
        here, there = _shifted(image.shape, dy, dx)
        better = (image[there] > best[here]) | ((image[there] == best[here]) & (index[there] < target[here]))
        better &= image[there] > -np.inf
        best[here] = np.where(better, image[there], best[here])
        target[here] = np.where(better, index[there], target[here])
    return target


def _shifted(shape, dy, dx):
    """Return the slices of all pixels that have a neighbour at (dy, dx), and of those neighbours."""
    here = tuple(slice(max(0, -d), n - max(0, d)) for d, n in zip((dy, dx), shape, strict=True))
    there = tuple(slice(max(0, d), n - max(0, -d)) for d, n in zip((dy, dx), shape, strict=True))
    return here, there


def _basins(image, labels):
    """Return for each pixel the number of the peak above it, by following the ascent to its end."""
    target = _uphill(image).ravel()
    while not np.array_equal(target, target[target]):
        target = target[target]
    return np.unique(np.where(labels.ravel() > 0, target, -1), return_inverse=True)[1].reshape(labels.shape)


def _saddles(image, basin):
    """Return the height of each basin's peak, and (height, basin, basin) of all saddles, highest first."""
    peak = np.full(basin.max() + 1, -np.inf)
    np.maximum.at(peak, basin, image)
    rows = []
    for dy, dx in NEIGHBOURS[4:]:
        here, there = _shifted(image.shape, dy, dx)
        height = np.minimum(image[here], image[there])
        border = (basin[here] != basin[there]) & (height > -np.inf)
        rows.append((height[border], basin[here][border], basin[there][border]))
    height, one, other = (np.concatenate(part) for part in zip(*rows, strict=True))
    order = np.argsort(-height, kind="stable")
    return peak, zip(height[order], one[order], other[order], strict=True)


def _merge(peak, saddles, rise, contrast):
    """Return for each basin the one it joins; the lower of two peaks joins when it rises too little."""
    root = np.arange(len(peak))

    def find(basin):
        while root[basin] != basin:
            basin = root[basin]
        return basin

    for height, one, other in saddles:
        high, low = sorted((find(one), find(other)), key=lambda basin: -peak[basin])
        if peak[low] - height < np.hypot(rise, contrast * max(height, 0)):
            root[low] = high
    return np.array([find(basin) for basin in range(len(peak))])

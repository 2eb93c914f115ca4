"""Faint neighbours of point sources, found in what is left when these are taken out of the images."""

from dataclasses import replace

import numpy as np
from scipy.ndimage import maximum_filter
from scipy.spatial import cKDTree
from skimage.feature import peak_local_max

from museml.catalogs.merge import group
from museml.detectors.band_images import background, matched_filter
from museml.detectors.deblending import vertex
from museml.detectors.point_fit import fit_points, move_points

__all__ = ["peel", "seen"]

PASSES = 8
BEYOND = 0.3  # what a new source must be, relative to the light taken out around it: the PSF is not known exactly
APART = 1.0  # distance in FWHM of the PSF from known sources
TOGETHER = 2.0  # distance in FWHM of the PSF below which only the best of the new sources of one pass is taken
FARTHEST = 0.6  # how far a place may move from the peak, in FWHM


def peel(images, positions, outside, threshold, fwhm):
    """Find sources in the residuals of known point sources, again and again until there are none.

    Parameters
    ----------
    images : list of `~museml.detectors.band_images.BandImage`
        White light and, if there are several, the bands; without background.
    positions : ndarray, shape (n, 2)
        x and y of the point sources.
    outside : ndarray of bool, shape (y, x)
        Where not to look: on sources wider than the PSF.
    threshold : float
        Least signal-to-noise ratio.
    fwhm : float
        FWHM of the PSF in pixels.

    Returns
    -------
    positions : ndarray, shape (n + new sources, 2)
        x and y: of the sources that were known, where they fit best, then of the new ones.
    images : list of `~museml.detectors.band_images.BandImage`
        The same, less the background that is left when the sources are taken out.
    """
    start, best = positions, images
    for number in range(PASSES):
        positions, _ = move_points(best[1:] or best, start, FARTHEST * fwhm)
        rest, best = zip(*[_residual(image, positions, outside) for image in images], strict=True)
        new = _new(*np.max(rest, axis=0), outside, positions, threshold, fwhm)
        if not len(new) or number == PASSES - 1:
            break
        start = np.vstack([start, new])
    return positions, list(best)


def seen(images, positions):
    """Return the highest signal-to-noise ratio of each source in the images, with its neighbours taken out."""
    fits = [(image.scale, fit_points(image.data, image.weight, image.kernel, positions)) for image in images]
    return np.max([fit.flux / (scale * fit.error) for scale, fit in fits], axis=0)


def _residual(image, positions, outside):
    """Return the signal-to-noise ratios of the residual and of the light taken out; and the image less background."""
    points, valid = fit_points(image.data, image.weight, image.kernel, positions).image, image.weight > 0
    rest = image.data - points
    left = np.where(valid, background(rest, valid, outside & valid), 0)
    filtered = (matched_filter(values, image.weight, image.kernel) / image.scale for values in (rest - left, points))
    return tuple(filtered), replace(image, data=image.data - left)


def _new(snr, light, outside, known, threshold, fwhm):
    """Return x and y of peaks that are high enough, away from known sources and from each other."""
    y, x = peak_local_max(snr, exclude_border=False).T
    limit = np.maximum(threshold, BEYOND * maximum_filter(light, 3))
    keep = (snr[y, x] >= limit[y, x]) & (cKDTree(known).query(np.column_stack([x, y]))[0] > APART * fwhm)
    y, x = y[keep & ~outside[y, x]], x[keep & ~outside[y, x]]
    source = group(x, y, snr[y, x], TOGETHER * fwhm)
    best = [np.flatnonzero(source == k)[np.argmax(snr[y, x][source == k])] for k in range(1, source.max(initial=0) + 1)]
    y, x = y[best], x[best]
    dy, dx = vertex(snr, y, x)
    return np.column_stack([x + dx, y + dy])

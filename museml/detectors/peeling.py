"""Faint neighbours of point sources, found in what is left when these are taken out of the images."""

import numpy as np
from scipy.ndimage import maximum_filter, shift
from scipy.signal import fftconvolve
from scipy.sparse import csr_array, diags_array, vstack
from scipy.sparse.linalg import spsolve
from scipy.spatial import cKDTree
from skimage.feature import peak_local_max

from museml.catalogs.merge import group
from museml.detectors.band_images import background, matched_filter
from museml.detectors.deblending import vertex

__all__ = ["fit_points", "peel", "point_snr"]

PASSES = 6
SLACK = 1e-6  # keeps the fit of sources at one place possible
BEYOND = 1.0  # what a new source must be, relative to the light taken out around it: the PSF is not known exactly
APART = 1.0  # distance in FWHM of the PSF from known sources, and 2 times this from each other in one pass


def peel(images, x, y, outside, threshold, fwhm):
    """Find sources in the residuals of known point sources, again and again until there are none.

    Parameters
    ----------
    images : list of `~museml.detectors.band_images.BandImage`
        Without background.
    x, y : ndarray, shape (n,)
        Positions of the point sources.
    outside : ndarray of bool, shape (y, x)
        Where not to look: on sources wider than the PSF.
    threshold : float
        Least signal-to-noise ratio.
    fwhm : float
        FWHM of the PSF in pixels.

    Returns
    -------
    ndarray, shape (new sources, 3)
        x, y, and the signal-to-noise ratio in the residual image that shows the source best.
    """
    known, found = np.column_stack([x, y]), np.zeros((0, 3))
    for _ in range(PASSES if len(known) else 0):
        snr, light = _residual(images, known, outside)
        limit = np.maximum(threshold, BEYOND * maximum_filter(light, 3))
        limit[outside] = np.inf
        new = _new(snr, limit, known, fwhm)
        if not len(new):
            break
        known, found = np.vstack([known, new[:, :2]]), np.vstack([found, new])
    return found


def fit_points(data, weight, kernel, positions):
    """Fit the brightness of point sources to an image, of all at once.

    Parameters
    ----------
    data, weight : ndarray, shape (y, x)
        Values and inverse variances.
    kernel : ndarray
        The PSF, which adds up to 1.
    positions : ndarray, shape (n, 2)
        x and y.

    Returns
    -------
    flux : ndarray, shape (n,)
        The flux of each.
    image : ndarray, shape (y, x)
        The image of all.
    """
    shapes = vstack([_stamp(kernel, x, y, data.shape) for x, y in positions], format="csr")
    weighted = shapes @ diags_array(weight.ravel())
    power = weighted @ shapes.T
    power += SLACK * power.max() * diags_array(np.ones(len(positions)))
    flux = np.atleast_1d(spsolve(power.tocsc(), weighted @ data.ravel()))
    return flux, (shapes.T @ flux).reshape(data.shape)


def point_snr(image, positions):
    """Return the signal-to-noise ratio through the PSF that each source would have without its neighbours.

    Parameters
    ----------
    image : `~museml.detectors.band_images.BandImage`
        Without background.
    positions : ndarray, shape (n, 2)
        x and y.
    """
    if not len(positions):
        return np.zeros(0)
    flux, _ = fit_points(image.data, image.weight, image.kernel, positions)
    x, y = np.rint(positions).astype(int).T
    power = fftconvolve(image.weight, image.kernel**2, "same")[y, x]
    return flux * np.sqrt(np.maximum(power, 0)) / image.scale


def _residual(images, positions, outside):
    """Return the highest signal-to-noise ratio of the residuals, and of the light taken out."""
    snr, light = [], []
    for image in images:
        _, points = fit_points(image.data, image.weight, image.kernel, positions)
        valid = image.weight > 0
        rest = image.data - points
        rest = np.where(valid, rest - background(rest, valid, outside & valid), 0)
        snr.append(matched_filter(rest, image.weight, image.kernel) / image.scale)
        light.append(matched_filter(points, image.weight, image.kernel) / image.scale)
    return np.max(snr, axis=0), np.max(light, axis=0)


def _new(snr, limit, known, fwhm):
    """Return x, y and height of peaks above the limit, away from known sources and from each other."""
    y, x = peak_local_max(snr, exclude_border=False).T
    keep = (snr[y, x] >= limit[y, x]) & (cKDTree(known).query(np.column_stack([x, y]))[0] > APART * fwhm)
    y, x = y[keep], x[keep]
    source = group(x, y, snr[y, x], 2 * APART * fwhm)
    best = [np.flatnonzero(source == k)[np.argmax(snr[y, x][source == k])] for k in range(1, source.max(initial=0) + 1)]
    y, x = y[best], x[best]
    dy, dx = vertex(snr, y, x)
    return np.column_stack([x + dx, y + dy, snr[y, x]])


def _stamp(kernel, x, y, shape):
    """Return the PSF at a position as a sparse row over the image's pixels."""
    column, row = int(np.rint(x)), int(np.rint(y))
    rows, columns = (np.arange(n) - n // 2 for n in kernel.shape)
    rows, columns = np.meshgrid(rows + row, columns + column, indexing="ij")
    inside = (rows >= 0) & (rows < shape[0]) & (columns >= 0) & (columns < shape[1])
    values = shift(kernel, (y - row, x - column), order=3, mode="nearest")[inside]
    index = np.ravel_multi_index((rows[inside], columns[inside]), shape)
    return csr_array((values, (np.zeros(len(index), int), index)), shape=(1, shape[0] * shape[1]))

"""Point sources fitted to images: the brightness of all at once, and their places between pixels."""

from dataclasses import dataclass

import numpy as np
from astropy.stats import gaussian_fwhm_to_sigma
from numpy.lib.stride_tricks import sliding_window_view
from scipy.ndimage import laplace, spline_filter
from scipy.sparse import csr_array, diags_array
from scipy.sparse.linalg import spsolve

__all__ = ["PointFit", "fit_points", "light_inside", "move_points", "widths", "within"]

SLACK = 1e-6  # keeps the fit of sources at one place possible
LEAST_ALONE = 0.05  # least part of a source's shape that is its own
STEP = 0.5  # farthest that a place moves at once, pixels
MOVES = 3


@dataclass(frozen=True)
class PointFit:
    """Point sources of one image.

    Attributes
    ----------
    flux, error : ndarray, shape (n,)
        Flux and its standard error, to which the other sources contribute; it is infinite where there are no data.
    image : ndarray, shape (y, x)
        The image of all.
    """

    flux: np.ndarray
    error: np.ndarray
    image: np.ndarray


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
    PointFit
    """
    shape, half = data.shape, kernel.shape[0] // 2
    positions = within(positions, shape)
    stamps, corners = _stamps(kernel, positions)
    design = _design(stamps, corners, [n + 2 * half for n in shape])
    weight, data = (np.pad(values, half).ravel() for values in (weight, data))
    weighted = design @ diags_array(weight)
    power = (weighted @ design.T).tocsr()
    diagonal = power.diagonal()
    power += diags_array(np.full(len(positions), max(SLACK * diagonal.max(initial=0), np.finfo(float).tiny)))
    flux = np.atleast_1d(spsolve(power.tocsc(), weighted @ data))
    image = (design.T @ flux).reshape([n + 2 * half for n in shape])[half : half + shape[0], half : half + shape[1]]
    return PointFit(flux, np.where(diagonal > 0, _errors(power), np.inf), image)


def move_points(images, positions, farthest):
    """Move point sources to where they fit the images best, and fit their brightness.

    Parameters
    ----------
    images : list of `~museml.detectors.band_images.BandImage`
        Without background; the places are the same in all.
    positions : ndarray, shape (n, 2)
        x and y to begin with.
    farthest : float
        How far a source may move, in pixels.

    Returns
    -------
    positions : ndarray, shape (n, 2)
    fits : list of PointFit
        One for each image.
    """
    shape = images[0].data.shape
    start = positions = within(positions, shape)
    for _ in range(MOVES):
        fits = [fit_points(image.data, image.weight, image.kernel, positions) for image in images]
        moved = positions + _steps(images, fits, positions)
        positions = within(start + np.clip(moved - start, -farthest, farthest), shape)
    return positions, [fit_points(image.data, image.weight, image.kernel, positions) for image in images]


def widths(image, positions, fwhm):
    """Return how much wider than the PSF the cores of sources are, each without the others.

    Parameters
    ----------
    image : `~museml.detectors.band_images.BandImage`
        Without background.
    positions : ndarray, shape (n, 2)
        x and y.
    fwhm : float
        FWHM of the PSF in pixels; the fit, within this radius, leaves place and brightness free.

    Returns
    -------
    excess, error : ndarray, shape (n,)
        Excess of the squared width over that of the PSF, relative to the latter, and its standard error.
    """
    positions = within(positions, image.data.shape)
    fit, half = fit_points(image.data, image.weight, image.kernel, positions), image.kernel.shape[0] // 2
    shapes, corners = _stamps(image.kernel, positions)
    broader, _ = _stamps(laplace(image.kernel), positions)
    terms = np.stack([shapes, *_gradients(image.kernel, positions)[0].transpose(1, 0, 2, 3), broader], axis=1)
    rest, weight = (_windows(np.pad(v, half), corners, 2 * half + 1) for v in (image.data - fit.image, image.weight))
    weight = weight * _near(positions, half, fwhm)
    power = np.einsum("ncij,ndij,nij->ncd", terms, terms, weight)
    power += SLACK**2 * np.trace(power, axis1=1, axis2=2)[:, None, None] * np.eye(4) + np.finfo(float).tiny * np.eye(4)
    covariance = np.linalg.inv(power)
    alone = rest + fit.flux[:, None, None] * shapes
    more = np.einsum("nd,ndij,nij,nij->n", covariance[:, 3], terms, weight, alone)
    unit = 2 / (np.maximum(np.abs(fit.flux), np.finfo(float).tiny) * (fwhm * gaussian_fwhm_to_sigma) ** 2)
    return unit * more, unit * image.scale * np.sqrt(covariance[:, 3, 3])


def _near(positions, half, radius):
    """Return which pixels of each source's stamp lie within a radius of it."""
    pixel = np.arange(-half, half + 1)
    x, y = (positions - np.rint(positions)).T[:, :, None]
    return np.hypot((pixel - y)[:, :, None], (pixel - x)[:, None, :]) <= radius


def light_inside(kernel, positions, labels):
    """Return the part of each point source's light that falls on the pixels of its own label.

    Parameters
    ----------
    kernel : ndarray
        The PSF, which adds up to 1.
    positions : ndarray, shape (n, 2)
        x and y.
    labels : ndarray of int, shape (y, x)
        The source of each pixel, from 1; 0 where there is none.
    """
    stamps, corners = _stamps(kernel, within(positions, labels.shape))
    half = kernel.shape[0] // 2
    own = _windows(np.pad(labels, half), corners, 2 * half + 1) == np.arange(1, len(positions) + 1)[:, None, None]
    return (stamps * own).sum(axis=(1, 2))


def within(positions, shape):
    """Return positions (x, y) drawn to the nearest point that lies on a pixel of an image."""
    return np.clip(positions, -0.49, np.array(shape[::-1]) - 0.51)


def _errors(power):
    """Return the errors of the fluxes: what the neighbours' shapes share is not a source's own."""
    diagonal = power.diagonal()
    shared = (power.multiply(power) @ (1 / diagonal)) - diagonal
    return 1 / np.sqrt(np.maximum(diagonal - shared, LEAST_ALONE * diagonal))


def _steps(images, fits, positions):
    """Return the steps (x, y) that lower the residuals of all images most, for each source on its own."""
    slope, curvature = np.zeros((len(positions), 2)), np.full((len(positions), 2, 2), 1e-30)
    for image, fit in zip(images, fits, strict=True):
        half = image.kernel.shape[0] // 2
        changes, corners = _gradients(image.kernel, positions)
        changes = -changes * fit.flux[:, None, None, None]
        rest = _windows(np.pad(image.data - fit.image, half), corners, 2 * half + 1)
        weight = _windows(np.pad(image.weight, half), corners, 2 * half + 1)
        slope += np.einsum("ncij,nij,nij->nc", changes, weight, rest)
        curvature += np.einsum("ncij,ndij,nij->ncd", changes, changes, weight)
    curvature[:, [0, 1], [0, 1]] *= 1 + SLACK
    steps = np.linalg.solve(curvature, slope[..., None])[..., 0]
    return np.clip(np.nan_to_num(steps), -STEP, STEP)


def _design(stamps, corners, shape):
    """Return the sources' images as sparse rows over the pixels of a padded image."""
    side = stamps.shape[1]
    inside = np.add.outer(np.arange(side) * shape[1], np.arange(side)).ravel()
    index = (corners[:, 0] * shape[1] + corners[:, 1])[:, None] + inside
    starts = np.arange(len(stamps) + 1) * side**2
    return csr_array((stamps.ravel(), index.ravel(), starts), shape=(len(stamps), shape[0] * shape[1]))


def _windows(image, corners, side):
    return sliding_window_view(image, (side, side))[corners[:, 0], corners[:, 1]]


def _stamps(kernel, positions):
    """Return the kernel at each position, and the stamps' first pixels (y, x) in an image padded by half a kernel."""
    (down, across), corners = _shifts(kernel, positions, _spline)
    return down @ _coefficients(kernel) @ across.transpose(0, 2, 1), corners


def _gradients(kernel, positions):
    """Return the kernel's derivatives along x and y at each position, and the first pixels as `_stamps` does."""
    coefficients = _coefficients(kernel)
    (down, across), corners = _shifts(kernel, positions, _spline)
    (ddown, dacross), _ = _shifts(kernel, positions, _spline_slope)
    pairs = (down, dacross), (ddown, across)
    return np.stack([one @ coefficients @ other.transpose(0, 2, 1) for one, other in pairs], axis=1), corners


def _coefficients(kernel):
    return spline_filter(np.pad(kernel, 2), order=3, mode="mirror")


def _shifts(kernel, positions, function):
    """Return, along y and x, the matrices that turn spline coefficients into a shifted kernel's pixels."""
    x, y = np.transpose(positions)
    places = [np.rint(y).astype(int), np.rint(x).astype(int)]
    matrices = []
    for length, place, centre in zip(kernel.shape, places, (y, x), strict=True):
        node, pixel = np.arange(length + 4) - 2, np.arange(length)
        matrices.append(function(pixel[None, :, None] - (centre - place)[:, None, None] - node))
    return matrices, np.column_stack(places)


def _spline(t):
    """Return the cubic B-spline."""
    t = np.abs(t)
    return np.where(t < 1, 2 / 3 - t**2 + t**3 / 2, np.clip(2 - t, 0, None) ** 3 / 6)


def _spline_slope(t):
    """Return the derivative of the cubic B-spline."""
    size = np.abs(t)
    return np.sign(t) * np.where(size < 1, -2 * size + 1.5 * size**2, -(np.clip(2 - size, 0, None) ** 2) / 2)

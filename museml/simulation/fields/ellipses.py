"""Ellipses as covariance matrices, and elliptical Gaussians added to an image."""

import numpy as np
from astropy.stats import gaussian_fwhm_to_sigma

from museml.data.ellipses import moments

__all__ = ["add_gaussian", "axes_of", "covariance", "reach"]

EXTENT = 5.0  # standard deviations at which a Gaussian ends


def covariance(major, minor, angle):
    """Return covariance matrices of elliptical Gaussians.

    Parameters
    ----------
    major, minor : array_like
        FWHM along the axes.
    angle : array_like
        Angle of the major axis in degrees from the +y towards the -x direction: on the sky from north to east.

    Returns
    -------
    ndarray, shape (..., 2, 2)
        For (x, y), in the square of the unit of the axes.
    """
    return moments(*(np.asarray(size, float) * gaussian_fwhm_to_sigma for size in (major, minor)), angle)


def axes_of(matrices):
    """Return major and minor axis (FWHM) and angle (degrees, 0 to 180, as for `covariance`) of covariance matrices."""
    values, vectors = np.linalg.eigh(np.asarray(matrices, float).reshape(-1, 2, 2))
    sizes = np.sqrt(np.maximum(values, 0)) / gaussian_fwhm_to_sigma
    angle = np.rad2deg(np.arctan2(-vectors[:, 0, 1], vectors[:, 1, 1])) % 180
    return sizes[:, 1], sizes[:, 0], np.where(angle > 180 - 1e-9, 0.0, angle)


def reach(matrices):
    """Return how far Gaussians extend along y, in pixels."""
    return EXTENT * np.sqrt(matrices[..., 1, 1])


def add_gaussian(image, first, x, y, peak, matrix):
    """Add an elliptical Gaussian to a block of rows.

    Parameters
    ----------
    image : ndarray
        The block; it is changed.
    first : int
        Row of the field with which it begins.
    x, y : float
        Centre in pixels of the field.
    peak : float
        Value at the centre.
    matrix : ndarray, shape (2, 2)
        Covariance in pixels.
    """
    columns = _span(x, EXTENT * matrix[0, 0] ** 0.5, image.shape[1])
    rows = _span(y - first, EXTENT * matrix[1, 1] ** 0.5, image.shape[0])
    if columns.start >= columns.stop or rows.start >= rows.stop:
        return
    (a, b), (_, c) = np.linalg.inv(matrix)
    dx = np.arange(columns.start, columns.stop) - x
    dy = (np.arange(rows.start, rows.stop) + first - y)[:, None]
    image[rows, columns] += peak * np.exp(-0.5 * (a * dx**2 + 2 * b * dx * dy + c * dy**2))


def _span(centre, half, length):
    return slice(max(int(np.ceil(centre - half)), 0), min(int(np.floor(centre + half)) + 1, length))

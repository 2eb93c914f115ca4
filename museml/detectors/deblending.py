"""Blended sources in a signal-to-noise image taken apart, and the positions of peaks between pixels."""

import warnings

import numpy as np
from astropy.utils.exceptions import AstropyDeprecationWarning
from numpy.lib.stride_tricks import sliding_window_view
from photutils.segmentation import SegmentationImage, deblend_sources
from skimage.morphology import reconstruction

__all__ = ["deblend", "vertex"]

RISE = 2.5  # least rise of a blended peak above the saddle, in signal-to-noise ratio
CONTRAST = 0.03  # the same as a fraction of the light: flat-field errors between slices reach 3 %
LEVELS = 2  # thresholds within one least rise


def deblend(snr, labels):
    """Divide each labelled region among its peaks, with `~photutils.segmentation.deblend_sources`.

    The least rise of a peak above its saddle is that against noise and that against errors which scale with the
    light, added in quadrature. The image is stretched such that it is 1 everywhere; then the peaks are lowered by 1,
    and those that rise less than this are gone.

    Parameters
    ----------
    snr : ndarray, shape (y, x)
        Signal-to-noise ratio, above 0 in the regions.
    labels : ndarray of int, same shape
        Connected regions; 0 outside.

    Returns
    -------
    ndarray of int, same shape
        New labels, from 1.
    """
    if not labels.any():
        return labels
    stretched = np.where(labels > 0, np.arcsinh(snr * CONTRAST / RISE) / CONTRAST, 0)
    lowered = reconstruction(stretched - 1, stretched)
    levels = 1 + int(LEVELS * lowered.max())
    settings = {"n_levels": levels, "contrast": 0, "mode": "linear", "progress_bar": False}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AstropyDeprecationWarning)  # 3.0 shows a bar unless told, 3.1 has none
        return deblend_sources(lowered, SegmentationImage(labels), 1, **settings).data


def vertex(image, y, x):
    """Return the offsets (y, x) of peaks from their pixels, at most half a pixel, by parabolas through 3 pixels."""
    around = sliding_window_view(np.pad(image, 1, mode="edge"), (3, 3))[y, x]
    return _vertex(around[:, :, 1]), _vertex(around[:, 1])


def _vertex(values):
    left, middle, right = values.T
    curvature = 2 * middle - left - right
    offset = np.divide((right - left) / 2, curvature, out=np.zeros_like(curvature), where=curvature > 0)
    return np.clip(offset, -0.5, 0.5)

"""Segments of the continuum sources in a cube's white-light and band images."""

from dataclasses import dataclass, replace

import numpy as np
from photutils.segmentation import SegmentationImage
from scipy.ndimage import label, maximum_filter, maximum_position
from scipy.spatial import cKDTree
from skimage.segmentation import relabel_sequential, watershed

from museml.data.psf import DEFAULT_PSF, as_psf
from museml.detectors.band_images import background, band_images
from museml.detectors.collapse import collapse
from museml.detectors.deblending import deblend, vertex
from museml.detectors.peeling import peel, point_snr

__all__ = ["Segments", "find_segments"]

ISOPHOTE = 2.5  # signal-to-noise ratio down to which a segment reaches
SHARPNESS = 0.15  # least ratio of a peak through the sharpened and the plain PSF; 3/4 for a point source
POINT = 0.65  # the same from which a source counts as a point source
POINT_ERROR = 1.5  # error of the sharpened signal-to-noise ratio that is granted
EMPTY = 0.15  # least fraction of the field, free of sources, that the background is measured on
PASSES = 4  # in which background and sources are told apart


@dataclass(frozen=True)
class Segments:
    """What `find_segments` finds.

    Attributes
    ----------
    images : list of `~museml.detectors.band_images.BandImage`
        White light, then the bands from blue to red; then the same through the sharpened filter.
    snr, sharp : ndarray, shape (y, x)
        The highest signal-to-noise ratio of the images, through the PSF and the sharpened PSF.
    segmentation : `~photutils.segmentation.SegmentationImage`
        One label for each source; 0 where there is none.
    peaks : ndarray of int, shape (2, sources)
        y and x of the pixel of each source's peak, in the order of the labels.
    positions : ndarray, shape (sources, 3)
        x, y and signal-to-noise ratio of each source's peak.
    regions : ndarray of int, shape (y, x)
        Connected regions above the isophote, in which several sources may be blended.
    flux, variance : ndarray, shape (y, x)
        Flux integrated over wavelength, without background, and its variance.
    fwhm : float
        FWHM of the PSF in pixels, at the middle wavelength.
    psf_is_default : bool
        Whether the PSF is a mere assumption.
    """

    images: list
    snr: np.ndarray
    sharp: np.ndarray
    segmentation: SegmentationImage
    peaks: np.ndarray
    positions: np.ndarray
    regions: np.ndarray
    flux: np.ndarray
    variance: np.ndarray
    fwhm: float
    psf_is_default: bool

    def n_false(self, snr):
        """Return the expected number of false peaks at least as high as ``snr`` in all images together."""
        return sum(image.n_false(snr) for image in self.images)


def find_segments(cube, psf=None, threshold=5.0, bands=4):
    """Find the continuum sources in a cube's white-light and band images.

    Parameters
    ----------
    cube : `~museml.data.cubes.CubeData`
    psf : `~museml.data.psf.PSF` or float
        The PSF or its FWHM in arcsec; by default what the cube tells, else 0.8 arcsec.
    threshold : float
        Least signal-to-noise ratio of a source's peak.
    bands : int
        Number of bands beside white light.

    Returns
    -------
    Segments
    """
    is_default = psf is None and cube.psf is None
    psf = as_psf(psf) if psf is not None else cube.psf or DEFAULT_PSF
    collapsed = collapse(cube, bands)
    plain, sources = _filtered(band_images(collapsed, psf, cube.pixel_scale))
    images = plain + _like(band_images(collapsed, psf, cube.pixel_scale, sharp=True), plain, sources)
    snr, sharp = _highest(plain), _highest(images[len(plain) :])
    labels, peaks, regions = _label(snr, sharp, threshold)
    positions = _positions(snr, sharp, peaks, regions, threshold)
    fwhm = float(psf.fwhm_at(np.mean(cube.wave))) / cube.pixel_scale
    if not is_default:
        white = images[len(plain)].snr[tuple(peaks)]
        point = white > POINT * point_snr(plain[0], positions[:, :2]) - POINT_ERROR
        wide = np.append(False, ~point)[labels]
        new = peel(plain, *positions[:, :2].T, wide, threshold, fwhm)
        labels, peaks, positions = _added(labels, peaks, positions, new, fwhm)
    flux, variance = collapsed.integrated()
    flux = np.where(variance > 0, flux - background(flux, variance > 0, sources), 0)
    found = SegmentationImage(labels), peaks, positions, regions
    return Segments(images, snr, sharp, *found, flux, variance, fwhm, is_default)


def _filtered(images):
    """Return the images without background, and where the sources are; the two are told apart in passes."""
    sources = np.zeros(images[0].data.shape, bool)
    for _ in range(PASSES):
        filtered = [image.without_background(sources) for image in images]
        found = _highest(filtered) > ISOPHOTE
        valid = filtered[0].weight > 0
        if np.count_nonzero(valid & ~found) < EMPTY * np.count_nonzero(valid):
            break
        sources = found
    return filtered, sources


def _like(images, plain, sources):
    """Return sharpened images filtered; the sharpened sources' own rings are no measure of false peaks."""
    pairs = zip(images, plain, strict=True)
    return [replace(image.without_background(sources), excess=other.excess) for image, other in pairs]


def _highest(images):
    return np.max([image.snr for image in images], axis=0)


def _label(snr, sharp, threshold):
    """Return the sources' labels, the pixels of their peaks, and the regions.

    A source may have its peak in either image; one that has it in both is known by the sharp one.
    """
    regions = _regions(np.maximum(snr, sharp))
    labels = _above(sharp, np.maximum(threshold, SHARPNESS * snr))
    blurred = _above(snr, np.full_like(snr, threshold))
    known = _peaks(sharp, labels)
    new = blurred * ~np.isin(blurred, blurred[tuple(known)]) * (labels == 0)
    peaks = np.hstack([known, _peaks(snr, new)])
    labels = relabel_sequential(np.where(new > 0, new + labels.max(), labels))[0]
    inside = (snr > ISOPHOTE) | (labels > 0)
    return watershed(np.zeros_like(snr), labels, connectivity=2, mask=inside), peaks, regions


def _regions(image):
    return label(image > ISOPHOTE, np.ones((3, 3)))[0]


def _above(image, threshold):
    """Return labels of the peaks of an image, of those above the threshold at their places."""
    labels = deblend(image, _regions(image))
    peaks = tuple(_peaks(image, labels))
    kept = np.append(False, image[peaks] >= threshold[peaks])
    return labels * kept[labels]


def _peaks(image, labels):
    """Return y and x of the labels' peaks, in the order of the labels; shape (2, labels)."""
    index = np.unique(labels[labels > 0])
    return np.array(maximum_position(image, labels, index), int).reshape(-1, 2).T


def _positions(snr, sharp, peaks, regions, threshold):
    """Return x, y and signal-to-noise ratio of the peaks.

    What a blended source has through the PSF is partly its brighter neighbour's; through the sharpened PSF it is its
    own.
    """
    y, x = peaks
    here = tuple(peaks)
    is_sharp = maximum_filter(sharp, 3)[here] == sharp[here]
    dy, dx = np.where(is_sharp, vertex(sharp, y, x), vertex(snr, y, x))
    height, region = np.maximum(snr, sharp)[here], regions[here]
    brightest = np.zeros(regions.max() + 1)
    np.maximum.at(brightest, region, height)
    minor = (height < brightest[region]) & (sharp[here] >= threshold)
    return np.column_stack([x + dx, y + dy, np.where(minor, sharp[here], height)])


def _added(labels, peaks, positions, new, fwhm):
    """Add new sources, each with the pixels within a FWHM that are nearer to it than to any other."""
    positions = np.vstack([positions, new])
    pixels = np.column_stack([index.ravel() for index in np.indices(labels.shape)[::-1]])
    if not len(new):
        return labels, peaks, positions
    distance, nearest = (values.reshape(labels.shape) for values in cKDTree(positions[:, :2]).query(pixels))
    mine = (nearest >= peaks.shape[1]) & (distance <= fwhm)
    added = np.clip(np.rint(new[:, 1::-1]).astype(int).T, 0, np.array(labels.shape)[:, None] - 1)
    return np.where(mine, nearest + 1, labels), np.hstack([peaks, added]), positions

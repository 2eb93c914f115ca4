"""Segments of the continuum sources in a cube's white-light and band images."""

from dataclasses import dataclass, replace

import numpy as np
from photutils.segmentation import SegmentationImage
from scipy.ndimage import binary_erosion, distance_transform_edt, label, maximum_filter, maximum_position
from scipy.spatial import cKDTree
from skimage.segmentation import relabel_sequential, watershed

from museml.data.psf import cube_psf
from museml.detectors.band_images import band_images
from museml.detectors.collapse import collapse
from museml.detectors.deblending import deblend, vertex
from museml.detectors.peeling import peel, seen
from museml.detectors.point_fit import widths

__all__ = ["Segments", "find_segments"]

ISOPHOTE = 2.5  # signal-to-noise ratio down to which a segment reaches
SHARPNESS = 0.15  # least ratio of a peak through the sharpened and the plain PSF; 3/4 for a point source
WIDER = 0.3  # excess of the squared width, relative to that of the PSF, up to which a source counts as a point source
WIDER_ERROR = 2.5  # standard errors that are granted
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
    wide : ndarray of bool, shape (sources,)
        Whether a source's core is wider than the PSF.
    bands : list of `~museml.detectors.band_images.BandImage`
        The images of the bands, or white light if there is but one, without the background that is left when
        the sources are taken out.
    edges : ndarray, shape (bands + 1,)
        Wavelengths between which the bands lie.
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
    wide: np.ndarray
    bands: list
    edges: np.ndarray
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
    psf, origin = cube_psf(cube, psf)
    is_default = origin == "default"
    collapsed = collapse(cube, bands)
    plain, sources = _filtered(band_images(collapsed, psf, cube.pixel_scale))
    images = plain + _like(band_images(collapsed, psf, cube.pixel_scale, sharp=True), plain, sources)
    snr, sharp = _highest(plain), _highest(images[len(plain) :])
    labels, peaks, regions = _label(snr, sharp, threshold)
    positions = _positions(snr, sharp, peaks, regions, threshold)
    fwhm = float(psf.fwhm_at(np.mean(cube.wave))) / cube.pixel_scale
    found, wide, cleaned = (labels, peaks, positions), np.ones(len(positions), bool), plain
    if not is_default and len(positions):
        found, wide, cleaned = _peeled(plain, *found, threshold, fwhm)
    segments = SegmentationImage(found[0]), *found[1:], regions
    return Segments(images, snr, sharp, *segments, wide, cleaned[1:] or cleaned, collapsed.edges, fwhm, is_default)


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
    rising = ~binary_erosion(sharp != 0, np.ones((3, 3)))  # where the sharpened filter ends is no peak
    labels = _above(sharp, np.where(rising, np.inf, np.maximum(threshold, SHARPNESS * snr)))
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


def _peeled(plain, labels, peaks, positions, threshold, fwhm):
    """Measure the point sources and find their faint neighbours; what is no source without its neighbours goes."""
    known = len(positions)
    excess, error = widths(plain[0], positions[:, :2], fwhm)
    wide = excess > WIDER + WIDER_ERROR * error
    outside = distance_transform_edt(~np.append(False, wide)[labels]) <= fwhm if wide.any() else labels < 0
    places, plain = peel(plain, positions[:, :2], outside, threshold, fwhm)
    wide = np.append(wide, np.zeros(len(places) - known, bool))
    fitted = np.column_stack([places, seen(plain, places)])
    fitted[wide] = positions[wide[:known]]
    kept = wide | (fitted[:, 2] >= threshold)
    return _without(*_added(labels, peaks, places, known, fwhm), fitted, kept), wide[kept], plain


def _without(labels, peaks, positions, kept):
    """Leave out sources."""
    number = np.append(0, np.cumsum(kept) * kept)
    return number[labels], peaks[:, kept], positions[kept]


def _added(labels, peaks, places, known, fwhm):
    """Add new sources, each with the pixels within a FWHM that are nearer to it than to any other."""
    if len(places) == known:
        return labels, peaks
    pixels = np.column_stack([index.ravel() for index in np.indices(labels.shape)[::-1]])
    distance, nearest = (values.reshape(labels.shape) for values in cKDTree(places).query(pixels))
    mine = (nearest >= known) & (distance <= fwhm)
    added = np.clip(np.rint(places[known:, ::-1]).astype(int).T, 0, np.array(labels.shape)[:, None] - 1)
    return np.where(mine, nearest + 1, labels), np.hstack([peaks, added])

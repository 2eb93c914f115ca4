"""Continuum sources, by a matched filter on white-light and band images."""

import numpy as np
from astropy.nddata import overlap_slices
from numpy.lib.stride_tricks import sliding_window_view
from scipy.signal import fftconvolve

from museml.detection import Detections, Detector
from museml.detectors.segments import find_segments
from museml.errors import DetectionFlag, SettingError

__all__ = ["ContinuumDetector", "measure"]

WIDE = 0.5  # by how much, relatively, a segment's sum exceeds the PSF's flux when a source is wider than the PSF
WIDE_SNR = 5.0  # the same in standard errors
MISSING = 0.01  # part of the PSF on masked pixels from which a source is flagged


class ContinuumDetector(Detector):
    """Finds sources by their continuum, in white light and in bands of equal width.

    The cube is collapsed with inverse-variance weights, the background taken out, and each image filtered with
    the PSF and with a sharpened PSF that separates neighbours. A source is a peak in any of these images;
    its ``snr`` is the highest of them, or, beside a brighter neighbour, that of the sharpened image.
    ``n_false`` follows from the measured smoothness of the noise (Adler's formula), summed over the images,
    times the number of negative peaks over their expected number where that exceeds 1.

    Parameters
    ----------
    threshold : float
        Least signal-to-noise ratio.
    psf : `~museml.data.psf.PSF` or float
        The PSF or its FWHM in arcsec; by default what the cube tells, else 0.8 arcsec.
    bands : int
        Number of bands beside white light.
    """

    name = "continuum"
    accepts = ("cube",)

    def __init__(self, *, threshold=5.0, psf=None, bands=4):
        self.threshold = threshold
        self.psf = psf
        self.bands = bands

    def find(self, data):
        """Return the `~museml.Detections` in a `~museml.data.cubes.CubeData`."""
        if not self.threshold >= 1:
            raise SettingError(f"threshold must be a signal-to-noise ratio of at least 1, not {self.threshold!r}")
        if not self.bands >= 1:
            raise SettingError(f"bands must be at least 1, not {self.bands!r}")
        return measure(data, find_segments(data, self.psf, self.threshold, self.bands))


def measure(cube, segments):
    """Return the Detections of segments that were found in a cube.

    Parameters
    ----------
    cube : `~museml.data.cubes.CubeData`
    segments : `~museml.detectors.segments.Segments`
    """
    number = segments.peaks.shape[1]
    if not number:
        return Detections.empty()
    x, y = _positions(segments)
    ra, dec = cube.pixel_to_sky(x, y)
    snr, blended = _snr(segments)
    flux, error = _fluxes(segments)
    columns = {
        "id": np.arange(number) + 1, "source": np.argsort(np.argsort(-snr, kind="stable")) + 1,
        "kind": ["continuum"] * number, "ra": ra, "dec": dec, "x": x, "y": y, "snr": snr,
        "flux": flux, "flux_err": error, "score": snr, "n_false": segments.n_false(snr),
        "flags": _flags(segments, x, y, blended),
    }  # fmt: skip
    return Detections.from_columns(columns)


def _positions(segments):
    """Return x and y of the peaks, by parabolas through three pixels of the image that has the peak."""
    y, x = segments.peaks
    sharp, plain = (_around(image, y, x) for image in (segments.sharp, segments.snr))
    is_sharp = sharp.max(axis=(1, 2)) == sharp[:, 1, 1]
    around = np.where(is_sharp[:, None, None], sharp, plain)
    return x + _vertex(around[:, 1]), y + _vertex(around[:, :, 1])


def _around(image, y, x):
    """Return the 3 x 3 pixels around each position."""
    return sliding_window_view(np.pad(image, 1, mode="edge"), (3, 3))[y, x]


def _vertex(values):
    """Return the offset, at most half a pixel, of the vertex of parabolas through three values each."""
    left, middle, right = values.T
    curvature = 2 * middle - left - right
    offset = np.divide((right - left) / 2, curvature, out=np.zeros_like(curvature), where=curvature > 0)
    return np.clip(offset, -0.5, 0.5)


def _snr(segments):
    """Return each source's signal-to-noise ratio, and whether it is blended with another.

    What a blended source has through the PSF is partly its brighter neighbour's; through the sharpened PSF
    it is its own.
    """
    plain, sharp = (image[tuple(segments.peaks)] for image in (segments.snr, segments.sharp))
    snr, region = np.maximum(plain, sharp), segments.regions[tuple(segments.peaks)]
    brightest = np.zeros(region.max() + 1)
    np.maximum.at(brightest, region, snr)
    blended = np.bincount(region)[region] > 1
    minor = blended & (snr < brightest[region]) & (sharp >= segments.threshold)
    return np.where(minor, sharp, snr), blended


def _fluxes(segments):
    """Return flux and error: of the PSF fitted to each segment, or, of a source that is wider, the segment's sum."""
    fits = np.array([_fit(segments, k) for k in range(segments.peaks.shape[1])])
    flux, error, total, total_error = fits.T
    wide = total - flux > np.maximum(WIDE_SNR * total_error, WIDE * flux)
    scale = segments.images[0].scale
    return np.where(wide, total, flux), scale * np.where(wide, total_error, error)


def _fit(segments, number):
    """Return flux and error of the PSF fitted to a segment, and its sum and error."""
    kernel = segments.images[0].kernel
    place, part = overlap_slices(segments.flux.shape, kernel.shape, segments.peaks[:, number])
    near = (segments.segmentation.data[place] == number + 1) & (segments.variance[place] > 0)
    shape, weight = kernel[part][near], 1 / segments.variance[place][near]
    power = np.sum(weight * shape**2)
    inside = segments.segmentation.data == number + 1
    fit = np.sum(weight * shape * segments.flux[place][near]) / power
    return fit, power**-0.5, segments.flux[inside].sum(), segments.variance[inside].sum() ** 0.5


def _flags(segments, x, y, blended):
    height, width = segments.snr.shape
    margin = segments.fwhm
    edge = (x < margin) | (y < margin) | (x > width - 1 - margin) | (y > height - 1 - margin)
    white = segments.images[0]
    missing = fftconvolve(white.weight == 0, white.kernel, "same")[tuple(segments.peaks)]
    flags = DetectionFlag.EDGE * edge + DetectionFlag.MASKED * (missing > MISSING) + DetectionFlag.BLEND * blended
    return flags + DetectionFlag.DEFAULT_PSF * segments.psf_is_default

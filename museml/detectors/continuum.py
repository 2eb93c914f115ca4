"""Continuum sources, by a matched filter on white-light and band images."""

import numpy as np
from astropy.nddata import overlap_slices
from scipy.signal import fftconvolve

from museml.data.psf import as_psf
from museml.detection import Detections, Detector
from museml.detectors.segments import find_segments
from museml.errors import DetectionFlag
from museml.settings import check_number

__all__ = ["ContinuumDetector", "measure"]

WIDE = 0.5  # by how much, relatively, a segment's sum exceeds the PSF's flux when a source is wider than the PSF
WIDE_SNR = 5.0  # the same in standard errors
MISSING = 0.01  # part of the PSF on masked pixels from which a source is flagged


class ContinuumDetector(Detector):
    """Finds sources by their continuum, in white light and in bands of equal width.

    The cube is collapsed with inverse-variance weights, the background taken out, and each image filtered with
    the PSF and with a sharpened PSF that separates neighbours. A source is a peak in any of these images;
    its ``snr`` is the highest of them, or, beside a brighter neighbour, that of the sharpened image. Blended peaks
    are told apart by photutils' multi-threshold deblending. Then point sources are taken out, and what is found in
    the residual images is added.

    Two point sources are told apart when they are 1.6 FWHM of the PSF or more from each other, or 1.7 when one is
    eight times as bright as the other. Closer ones are one detection without the flag BLEND, at a place between them.

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
        self.check_settings()
        return measure(data, find_segments(data, self.psf, self.threshold, self.bands))

    def check_settings(self):
        """Raise `~museml.errors.SettingError` where a setting breaks a rule."""
        check_number("threshold", self.threshold, 1, example=5.0)
        check_number("bands", self.bands, 1, example=4, whole=True)
        if self.psf is not None:
            as_psf(self.psf)


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
    x, y, snr = segments.positions.T
    ra, dec = cube.pixel_to_sky(x, y)
    flux, error = _fluxes(segments)
    columns = {
        "id": np.arange(number) + 1, "source": np.argsort(np.argsort(-snr, kind="stable")) + 1,
        "kind": ["continuum"] * number, "ra": ra, "dec": dec, "x": x, "y": y, "snr": snr,
        "flux": flux, "flux_err": error, "score": snr, "n_false": segments.n_false(snr),
        "flags": _flags(segments),
    }  # fmt: skip
    return Detections.from_columns(columns)


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


def _flags(segments):
    x, y, _ = segments.positions.T
    here = tuple(segments.peaks)
    height, width = segments.snr.shape
    margin = segments.fwhm
    edge = (x < margin) | (y < margin) | (x > width - 1 - margin) | (y > height - 1 - margin)
    white = segments.images[0]
    missing = fftconvolve(white.weight == 0, white.kernel, "same")[here]
    blended = np.bincount(segments.regions[here])[segments.regions[here]] > 1
    flags = DetectionFlag.EDGE * edge + DetectionFlag.MASKED * (missing > MISSING) + DetectionFlag.BLEND * blended
    return flags + DetectionFlag.DEFAULT_PSF * segments.psf_is_default

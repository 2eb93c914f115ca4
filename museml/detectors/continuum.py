"""Continuum sources, by a matched filter on white-light and band images."""

import numpy as np
from scipy.signal import fftconvolve

from museml.data.psf import as_psf, psf_cards
from museml.detection import Detections, Detector
from museml.detectors.photometry import photometry
from museml.detectors.segments import find_segments
from museml.errors import DetectionFlag
from museml.settings import check_number

__all__ = ["ContinuumDetector", "measure"]

MISSING = 0.01  # part of the PSF on masked pixels from which a source is flagged


class ContinuumDetector(Detector):
    """Finds sources by their continuum, in white light and in bands of equal width.

    The cube is collapsed with inverse-variance weights, the background taken out, and each image filtered with
    the PSF and with a sharpened PSF that separates neighbours. A source is a peak in any of these images;
    blended peaks are told apart by photutils' multi-threshold deblending. Then the PSF is fitted to all sources at
    once, places and fluxes; what is found in the residual images is added, and so on until nothing is left. ``snr``
    is the flux in the image that shows the source best, divided by its error, of which the neighbours are a part; of
    a source that is wider than the PSF it is the height of its peak.

    Two point sources are told apart when they are 1.4 FWHM of the PSF or more from each other, and the fainter is
    bright enough beside the other. Closer ones are one detection without the flag BLEND, at a place between them.
    When the PSF is a mere assumption (flag DEFAULT_PSF), nothing is fitted.

    ``mag`` is the AB magnitude in white light, through a filter that lets every photon in the cube's range through,
    and ``color`` that of the blue half of the range minus that of the red half.

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

    def __init__(self, *, threshold=4.7, psf=None, bands=4):
        self.threshold = threshold
        self.psf = psf
        self.bands = bands

    def find(self, data):
        """Return the `~museml.Detections` in a `~museml.data.cubes.CubeData`."""
        self.check_settings()
        detections = measure(data, find_segments(data, self.psf, self.threshold, self.bands))
        detections.meta |= psf_cards(data, self.psf)
        return detections

    def check_settings(self):
        """Raise `~museml.errors.SettingError` where a setting breaks a rule."""
        check_number("threshold", self.threshold, 1, example=4.7)
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
    columns = {
        "id": np.arange(number) + 1, "source": np.argsort(np.argsort(-snr, kind="stable")) + 1,
        "kind": ["continuum"] * number, "ra": ra, "dec": dec, "x": x, "y": y, "snr": snr,
        "score": snr, "n_false": segments.n_false(snr), "flags": _flags(segments),
        **{name: np.ma.masked_invalid(values) for name, values in photometry(segments).items()},
    }  # fmt: skip
    return Detections.from_columns(columns)


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

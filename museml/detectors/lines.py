"""Emission lines, by a matched filter in three dimensions."""

from dataclasses import dataclass

import numpy as np
from astropy.stats import gaussian_fwhm_to_sigma
from scipy.ndimage import map_coordinates
from scipy.signal import fftconvolve

from museml.config import conf
from museml.data.psf import as_psf, cube_psf
from museml.detection import Detections, Detector
from museml.detectors.baseline import Baseline, measure_baseline
from museml.detectors.false_alarms import MODEST, FalseAlarms
from museml.detectors.line_measure import measure_lines
from museml.detectors.line_search import Findings, search_lines
from museml.detectors.matched_filter import MatchedFilter
from museml.detectors.peaks import keep_separate
from museml.errors import DetectionFlag, SettingError
from museml.settings import check_number, is_number

__all__ = ["LineDetector", "LineSearch"]

ENGINES = ("auto", "numpy", "keras")


@dataclass(frozen=True)
class LineSearch:
    """What `LineDetector.search` knows of a cube afterwards.

    Attributes
    ----------
    matched : `~museml.detectors.matched_filter.MatchedFilter`
        The filter.
    baseline : `~museml.detectors.baseline.Baseline`
        The continuum.
    findings : `~museml.detectors.line_search.Findings`
        Peaks and noise.
    """

    matched: MatchedFilter
    baseline: Baseline
    findings: Findings


class LineDetector(Detector):
    """Finds emission lines of unresolved or small objects.

    Each voxel gets the signal-to-noise ratio S/N = sum(d w t) / sqrt(sum(w t^2)) of a line there:
    d are the data without continuum, w the inverse variances, t the PSF times a Gaussian line. The
    best of several line widths counts. Since the voxels of real cubes are correlated, S/N is divided
    by its own robust scatter, region by region. Its local maxima are the detections; those that are
    blends are taken apart. The number of false ones to expect comes from the theory of Gaussian
    fields and from the negative peaks, apart for sky lines and the rest; ``score`` is minus its
    decadic logarithm.

    Parameters
    ----------
    threshold : float
        Lowest signal-to-noise ratio of a detection.
    widths : tuple of float
        Intrinsic FWHM of the lines looked for, in Angstrom; the line-spread function is added.
    psf : `~museml.data.psf.PSF` or float
        The PSF, or its FWHM in arcsec; by default what the cube's FSF keywords tell.
    block : int
        Channels in the blocks whose medians make up the continuum; lines must be narrower than half of it.
    engine : str
        What computes the filter: 'numpy' on the processor's cores, 'keras' on the device of ``museml.conf.device``;
        'auto' is 'keras' where that device is 'gpu'.
    """

    name = "lines"

    def __init__(self, *, threshold=5.0, widths=(2.0, 6.0), psf=None, block=150, engine="auto"):
        self.threshold = threshold
        self.widths = widths
        self.psf = psf
        self.block = block
        self.engine = engine

    def find(self, cube, keep=None):
        """Return the `Detections` of lines in a `~museml.data.cubes.CubeData`; for ``keep`` see `search`."""
        return self.detections(cube, self.search(cube, keep))

    def search(self, cube, keep=None):
        """Filter a cube: the part of the work that takes time.

        Parameters
        ----------
        cube : `~museml.data.cubes.CubeData`
            The cube.
        keep : object
            Is given the filtered planes, see `~museml.detectors.line_search.search_lines`.

        Returns
        -------
        LineSearch
        """
        self.check_settings()
        matched = self._filter()(cube.wave, cube.pixel_scale, cube_psf(cube, self.psf)[0], tuple(self.widths))
        baseline = measure_baseline(cube, self.block, matched.psf)
        return LineSearch(matched, baseline, search_lines(cube, matched, baseline, keep))

    def detections(self, cube, search):
        """Return the `Detections` that follow from a `search` of the same cube."""
        matched, findings, sky = search.matched, search.findings, search.baseline.sky()
        peaks, negative = self._select(findings, matched)
        if not len(peaks):
            return Detections.empty()
        lines = measure_lines(cube, matched, search.baseline, findings.noise, peaks)
        lines = lines[np.isfinite(lines["flux_err"])]  # no valid voxel under the PSF, no flux
        peaks = _peaks_of(lines, peaks)
        kept = _stand_out(peaks["snr"], lines["peak"], self.threshold)
        lines, peaks = lines[kept], peaks[kept]
        log_false = _log_false(peaks, negative, findings.noise, sky, _overlaps(matched))
        return self._table(cube, matched, peaks, lines, log_false, sky)

    def check_settings(self):
        """Raise `SettingError` where a setting breaks a rule."""
        check_number("threshold", self.threshold, MODEST, example=5.0)
        check_number("block", self.block, 20, example=150, whole=True)
        several = isinstance(self.widths, (tuple, list, np.ndarray)) and len(self.widths)
        if not several or not all(is_number(width, 0) for width in self.widths):
            raise SettingError(f"widths must be FWHM of at least 0 Angstrom, not {self.widths!r}; give (2.0, 6.0)")
        if self.psf is not None:
            as_psf(self.psf)
        if self.engine not in ENGINES:
            raise SettingError(f"engine must be 'auto', 'numpy' or 'keras', not {self.engine!r}; choose one of these")

    def _filter(self):
        """Return the kind of filter; Keras is woken up before several threads may do so."""
        if self.engine == "numpy" or (self.engine == "auto" and conf.device != "gpu"):
            return MatchedFilter
        from museml.detectors.keras_filter import KerasMatchedFilter
        from museml.networks.backend import load_keras

        load_keras()
        return KerasMatchedFilter

    def _select(self, findings, matched):
        """Return the peaks that are detections, and the negative ones, which show what false ones are like."""
        independent = matched.step * 128 / (2 * matched.fwhm(np.median(self.widths), matched.wave[0]))
        excess = findings.noise.spaxel_scatter(independent)
        correlation, reach = _template_correlation(matched)
        kept = []
        for peaks, floor in ((findings.peaks, self.threshold), (findings.negative, MODEST)):
            peaks = peaks.copy()
            peaks["snr"] /= excess(peaks["z"], peaks["y"], peaks["x"])
            kept.append(keep_separate(peaks[peaks["snr"] >= floor], correlation, reach, floor))
        return kept

    def _table(self, cube, matched, peaks, lines, log_false, sky):
        ra, dec = cube.pixel_to_sky(peaks["x"], peaks["y"])
        source = np.unique(lines["object"], return_inverse=True)[1] + 1
        flags = self._flags(cube, matched, peaks, sky) | np.where(lines["masked"], DetectionFlag.MASKED, 0)
        flags |= np.where(lines["fit"], 0, DetectionFlag.FIT_FAILED)
        columns = {"id": np.arange(1, len(lines) + 1), "source": source, "kind": np.full(len(lines), "line")}
        columns |= {"ra": ra, "dec": dec} | {name: peaks[name] for name in ("x", "y", "snr")}
        columns |= {name: lines[name] for name in ("flux", "flux_err", "fwhm")}
        columns |= {name: np.ma.masked_invalid(lines[name]) for name in ("wave_err", "fwhm_err")}
        columns["wave"] = np.clip(lines["wave"], matched.wave[0], matched.wave[-1])
        columns |= {"score": -log_false / np.log(10), "n_false": np.exp(log_false), "flags": flags}
        return Detections.from_columns(columns)

    def _flags(self, cube, matched, peaks, sky):
        z, y, x = (np.rint(peaks[name]).astype(int) for name in "zyx")
        pixels = matched.psf.fwhm_at(matched.wave[z]) / matched.pixel_scale
        channels = matched.fwhm(np.take(self.widths, peaks["width"]), matched.wave[z]) / matched.step
        distances = ((y, cube.shape[1], pixels), (x, cube.shape[2], pixels), (z, cube.shape[0], channels))
        edge = np.any([np.minimum(p, n - 1 - p) < reach for p, n, reach in distances], axis=0)
        flags = np.where(edge, DetectionFlag.EDGE, 0) | np.where(sky[z], DetectionFlag.SKY, 0)
        unknown = cube_psf(cube, self.psf)[1] == "default"
        return flags | (DetectionFlag.DEFAULT_PSF if unknown else 0)


def _peaks_of(lines, peaks):
    """Return the peak of each line, at its measured place; of several lines in one peak, each has a part of the S/N."""
    peaks, blended = peaks[lines["peak"]], np.bincount(lines["peak"])[lines["peak"]] > 1
    peaks["y"], peaks["x"] = lines["y"], lines["x"]
    peaks["snr"][blended] = np.minimum(peaks["snr"], lines["flux"] / lines["flux_err"])[blended]
    return peaks


def _stand_out(snr, peak, threshold):
    """Say which lines are above the threshold, or the best of their peak if none is."""
    best = np.zeros(peak.max(initial=-1) + 1)
    np.maximum.at(best, peak, snr)
    return (snr >= threshold) | (snr == best[peak])


def _log_false(peaks, negative, noise, sky, overlaps):
    """Return the logarithm of the expected number of false detections as sure as each peak.

    Sky lines and the rest of the spectrum each have their own false detections, and sky lines are
    expected to leave residuals; equally sure is what has equal numbers of them per voxel.
    """
    answer = np.zeros(len(peaks))
    for on_sky in np.unique(sky):
        chosen, sample = (sky[np.rint(some["z"]).astype(int)] == on_sky for some in (peaks, negative))
        part = np.mean(sky == on_sky)
        field = noise.voxels * part, noise.correlations
        false = FalseAlarms(*field, negative["snr"][sample], overlaps, residuals=on_sky)
        answer[chosen] = false.log(peaks["snr"][chosen]) - np.log(part)
    return answer


def _overlaps(matched):
    """Return the correlation of the line of each width with the next wider one."""
    fwhm = np.sort([matched.fwhm(width, np.median(matched.wave)) for width in matched.widths])
    return np.sqrt(2 * fwhm[1:] * fwhm[:-1] / (fwhm[1:] ** 2 + fwhm[:-1] ** 2))


def _template_correlation(matched):
    """Return how much of an object's peak is seen at offsets (dz, dy, dx), and how far that matters."""
    middle = len(matched.wave) // 2
    image = matched.psf_image(middle, middle + 1)
    spatial = fftconvolve(image, image)
    spatial, centre = spatial / spatial.max(), len(image) - 1
    sigma = matched.fwhm(max(matched.widths), matched.wave).max() / matched.step * gaussian_fwhm_to_sigma

    def correlation(dz, dy, dx):
        return np.exp(-((dz / sigma) ** 2) / 4) * map_coordinates(spatial, (dy + centre, dx + centre), order=1)

    return correlation, (4 * sigma, centre)

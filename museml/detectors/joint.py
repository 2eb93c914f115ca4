"""Lines and continuum sources in one list, put together into sources."""

import os

import numpy as np
from astropy.table import vstack

from museml.catalogs.merge import consecutive, group, repeated
from museml.data.psf import cube_psf
from museml.detection import Detector
from museml.detectors.continuum import ContinuumDetector
from museml.detectors.lines import LineDetector
from museml.errors import SettingError
from museml.settings import check_number

__all__ = ["JointDetector", "common_score"]

NEAR = 0.75  # radius of a source in FWHM of the PSF: faint lines scatter by half of this, and gas may be displaced
LEAST = 0.01  # smallest radius of a source, arcsec
HIGHEST = 300.0  # score from which n_false is too small a number to be held


class JointDetector(Detector):
    """Finds emission lines and continuum sources, and puts them together into sources.

    Both lists are made by the detectors 'lines' and 'continuum'. The best detection is the seed of the first source;
    what lies nearer to it than the radius belongs to it. The best of the others is the seed of the second source, and
    so on. A line that repeats a better one of the same source is left out, and so is a line that the
    model 'reality' takes for a residual. Sources are numbered by their best detection.

    ``n_false`` of a line counts false lines only, before the model has judged them, that of a continuum source false
    continuum sources only. ``score`` is -log10(n_false), the same for both. ``p_real`` is the model's, for lines;
    continuum sources have none, their n_false tells.

    Parameters
    ----------
    threshold : float
        Least signal-to-noise ratio of lines and of continuum sources.
    psf : `~museml.data.psf.PSF` or float
        The PSF or its FWHM in arcsec; by default what the cube tells, else 0.8 arcsec.
    radius : float
        Radius of a source in arcsec; by default 3/4 of the FWHM of the PSF.
    reality : bool, str or path
        Whether to ask the model 'reality' which lines are real; or the name or the file of another model.
    min_p_real : float
        Lines less probable than this are left out; 0 keeps all.
    """

    name = "joint"

    def __init__(self, *, threshold=5.0, psf=None, radius=None, reality=True, min_p_real=0.5):
        self.threshold = threshold
        self.psf = psf
        self.radius = radius
        self.reality = reality
        self.min_p_real = min_p_real

    def find(self, data):
        """Return the `~museml.Detections` in a `~museml.data.cubes.CubeData`."""
        self.check_settings()
        parts = [part.find(data) for part in self._parts()]
        detections = vstack([part for part in parts if len(part)] or parts[:1], metadata_conflicts="silent")
        detections.meta = {}
        if self.reality and "line" in detections["kind"]:
            detections = self._judged(data, detections)
        return self._merged(data, detections)

    def check_settings(self):
        """Raise `SettingError` where a setting breaks a rule, and `UnknownNameError` for a model that is not there."""
        from museml.classifiers.reality import RealityClassifier

        for part in self._parts():
            part.check_settings()
        check_number("min_p_real", self.min_p_real, 0, 1, example=0.5)
        if self.radius is not None:
            check_number("radius", self.radius, LEAST, example=0.8)
        if not isinstance(self.reality, (bool, str, os.PathLike)):
            raise SettingError(
                f"reality must be true, false, or the name or file of a model, not {self.reality!r}; "
                "give true for the model 'reality'"
            )
        if self.reality:
            RealityClassifier(model=self._model).check_settings()

    def _parts(self):
        return [kind(threshold=self.threshold, psf=self.psf) for kind in (LineDetector, ContinuumDetector)]

    def provenance(self):
        """Return the metadata of a result, with name and checksum of the model that is asked."""
        from museml.classifiers.reality import RealityClassifier

        about = super().provenance()
        if self.reality:
            model = RealityClassifier(model=self._model).provenance()
            about |= {key: model[key] for key in ("MODEL", "MODEL_ID")}
        return about

    @property
    def _model(self):
        return "reality" if self.reality is True else self.reality

    def _judged(self, data, detections):
        """Return the detections with p_real, without the lines that are probably residuals."""
        from museml.classifiers.reality import p_real

        detections["p_real"][:] = p_real(data, detections, self._model)
        residual = np.ma.filled(detections["p_real"] < self.min_p_real, False)
        return detections[~residual]

    def _merged(self, data, detections):
        """Return the detections with the numbers of their sources and a common score."""
        if not len(detections):
            return detections
        detections["score"][:] = common_score(detections["n_false"], detections["snr"])
        detections = detections[np.lexsort((-detections["snr"], -detections["score"]))]
        rank = -np.arange(len(detections))
        source = group(detections["x"], detections["y"], rank, self._pixels(data))
        once = ~repeated(source, *(_values(detections[name]) for name in ("wave", "fwhm")), rank)
        detections["source"][:] = consecutive(source, rank)
        return detections[once]

    def _pixels(self, data):
        if self.radius is not None:
            return self.radius / data.pixel_scale
        psf, _ = cube_psf(data, self.psf)
        return NEAR * float(psf.fwhm_at(np.mean(data.wave))) / data.pixel_scale


def common_score(n_false, snr):
    """Return -log10(n_false); where n_false is too small a number to be held, what it tends to for Gaussian noise.

    Parameters
    ----------
    n_false, snr : array_like
        Expected number of false detections, and signal-to-noise ratio.
    """
    n_false, snr = np.asarray(n_false, float), np.asarray(snr, float)
    score = -np.log10(np.maximum(n_false, 10.0**-HIGHEST))
    return np.where(score < HIGHEST, score, np.maximum(HIGHEST, snr**2 / (2 * np.log(10))))


def _values(column):
    return np.ma.filled(np.ma.asarray(column, float), np.nan)

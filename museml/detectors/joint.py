"""Lines, sets of lines and continuum sources in one list, put together into sources."""

import os

import numpy as np
from astropy.table import vstack
from scipy.special import expit

from museml.catalogs.merge import consecutive, group, known_lines, repeated, tied
from museml.catalogs.probability import LN10, UNFORESEEN, probability_real
from museml.data.psf import cube_psf
from museml.detection import Detections, Detector
from museml.detectors.continuum import ContinuumDetector
from museml.detectors.filtered_cube import FilteredCube
from museml.detectors.line_sets import LineSetDetector
from museml.detectors.lines import LineDetector
from museml.errors import DetectionFlag, SettingError
from museml.settings import check_flag, check_number

__all__ = ["JointDetector", "common_score"]

NEAR = 0.75  # radius of a source in FWHM of the PSF: faint lines scatter by half of this, and gas may be displaced
LEAST = 0.01  # smallest radius of a source, arcsec
LEAST_P_Z = 0.2  # of sets that are taken in
SLACK = 1.05  # S/N in a set over that in the list of lines, whose filter fits less well
#: what a set tells of a line whose wing it is, and of each of its lines
OF_WING = ("z", "p_z", "z_2", "p_z_2")
OF_SET = ("set", "p_real", *OF_WING)
WIDE = 3.0  # radius of sources over that within which the wings of a line are, of an extended object
HIGHEST = 300.0  # score from which n_false is too small a number to be held


class JointDetector(Detector):
    """Finds emission lines, sets of lines and continuum sources, and puts them together into sources.

    The lists are made by the detectors 'lines', 'line_sets' and 'continuum', the first two in one way through the
    cube. A line that is found both alone and in a set is one row. Then the best detection is the seed of the first
    source; what lies nearer to it than the radius belongs to it, and so do all lines of its set. The best of the others
    is the seed of the second source, and so on. A line that repeats a better one of the same source is left out.
    Sources are numbered by their best detection.

    ``p_real`` is the probability that a detection is real: the density of false detections at its S/N, as its detector
    counts them, is compared with the density of true ones that the list itself shows, and the odds are
    multiplied by what the model 'reality' says of the line's surroundings. A line that is part of a set is at least as
    probable as the set. What is less probable than ``min_p_real`` is left out. ``n_false`` is that of the
    detector, before the model has judged; ``score`` is -log10(n_false), the same for all kinds.

    Parameters
    ----------
    threshold : float
        Least signal-to-noise ratio of lines and of continuum sources; by default that of each detector.
    psf : `~museml.data.psf.PSF` or float
        The PSF or its FWHM in arcsec; by default what the cube tells, else 0.8 arcsec.
    radius : float
        Radius of a source in arcsec; by default 3/4 of the FWHM of the PSF.
    line_sets : bool
        Whether to look for sources whose lines are too faint one by one.
    reality : bool, str or path
        Whether to ask the model 'reality' which lines are real; or the name or the file of another model.
    min_p_real : float
        Detections less probable than this are left out; 0 keeps all.
    """

    name = "joint"

    def __init__(self, *, threshold=None, psf=None, radius=None, line_sets=True, reality=True, min_p_real=0.5):
        self.threshold = threshold
        self.psf = psf
        self.radius = radius
        self.line_sets = line_sets
        self.reality = reality
        self.min_p_real = min_p_real

    def find(self, data):
        """Return the `~museml.Detections` in a `~museml.data.cubes.CubeData`."""
        self.check_settings()
        radius = self._pixels(data)
        detections = self._found(data, radius)
        if not len(detections):
            return Detections.empty()
        detections["p_real"][:] = self._probabilities(data, detections)
        detections = detections[np.asarray(detections["p_real"]) >= self.min_p_real]
        return _merged(detections, radius)

    def check_settings(self):
        """Raise `SettingError` where a setting breaks a rule, and `UnknownNameError` for a model that is not there."""
        from museml.classifiers.reality import RealityClassifier

        for part in self._parts():
            part.check_settings()
        check_number("min_p_real", self.min_p_real, 0, 1, example=0.5)
        check_flag("line_sets", self.line_sets)
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
        threshold = {} if self.threshold is None else {"threshold": self.threshold}
        return [kind(psf=self.psf, **threshold) for kind in (LineDetector, ContinuumDetector)]

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

    def _pixels(self, data):
        if self.radius is not None:
            return self.radius / data.pixel_scale
        psf = cube_psf(data, self.psf)[0]
        return NEAR * float(psf.fwhm_at(np.mean(data.wave))) / data.pixel_scale

    def _found(self, data, radius):
        """Return what all detectors have found, each line once, with the number of its set in the column ``set``."""
        lines, continuum = self._parts()
        kept = FilteredCube(data.shape) if self.line_sets else None
        search = lines.search(data, kept)
        single, sets = lines.detections(data, search), Detections.empty()
        if self.line_sets:
            sets = LineSetDetector(min_p_z=LEAST_P_Z, psf=self.psf).detections(data, kept, search)
        parts = [*_each_once(single, sets, radius, lines.threshold), continuum.find(data)]
        return _stacked(parts)

    def _probabilities(self, data, detections):
        """Return the probability that each detection is real."""
        evidence, line = self._evidence(data, detections), np.asarray(detections["kind"]) == "line"
        weak = np.asarray(detections["weak"])
        sky = (np.asarray(detections["flags"]) & DetectionFlag.SKY) > 0
        answer = np.zeros(len(detections))
        for rows, unforeseen in ((line & ~weak, UNFORESEEN), (~line, 0.0)):
            columns = (detections[name][rows] for name in ("snr", "score"))
            answer[rows] = probability_real(*columns, evidence[rows], sky[rows], unforeseen)
        of_sets = _of_sets(detections, evidence)
        _doubt(detections, of_sets)
        return np.maximum(answer, of_sets)

    def _evidence(self, data, detections):
        """Return the logarithm of the odds that the model gives; 0 where it is not asked or does not know."""
        from museml.classifiers.reality import p_real

        if not self.reality:
            return np.zeros(len(detections))
        probability = np.clip(np.ma.filled(p_real(data, detections, self._model), 0.5), 1e-6, 1 - 1e-6)
        return np.log(probability / (1 - probability))


def common_score(n_false, snr):
    """Return -log10(n_false); where n_false is too small a number to be held, what it tends to for Gaussian noise.

    Parameters
    ----------
    n_false, snr : array_like
        Expected number of false detections, and signal-to-noise ratio.
    """
    n_false, snr = np.asarray(n_false, float), np.asarray(snr, float)
    score = -np.log10(np.maximum(n_false, 10.0**-HIGHEST))
    return np.where(score < HIGHEST, score, np.maximum(HIGHEST, snr**2 / (2 * LN10)))


def _each_once(single, sets, radius, threshold):
    """Return the lines, and the lines of sets that are not among them; both know their set and what is said of it."""
    for table, number in ((single, np.zeros(len(single), int)), (sets, np.asarray(sets["source"]))):
        table["set"], table["weak"] = number, np.full(len(table), table is sets)
    match = known_lines(single, sets, radius)
    wing = _wings(sets, match, threshold)
    match[wing] = known_lines(single, sets[wing], WIDE * radius)
    number, owner = np.asarray(sets["source"]), np.zeros(len(single), int)
    explained = np.bincount(number, weights=match >= 0, minlength=1)[number]
    for row in np.lexsort((np.ma.filled(sets["p_z"], 0), explained)):  # the best last
        if match[row] >= 0:
            owner[match[row]] = number[row]
            for name in OF_WING if wing[row] else OF_SET:
                single[name][match[row]] = sets[name][row]
    kept = (explained == 0) | np.isin(number, owner)  # another set explains all lines of the rest, and more of them
    return single, sets[(match < 0) & ~wing & kept]


def _wings(sets, match, threshold):
    """Tell which lines are of sets whose strongest should have been found alone, but is the wing of a brighter one."""
    wing = np.zeros(len(sets), bool)
    for number in np.unique(np.asarray(sets["source"])):
        rows = np.flatnonzero(np.asarray(sets["source"]) == number)
        strongest = rows[np.argmax(sets["snr"][rows])]
        wing[rows] = sets["snr"][strongest] > SLACK * threshold and match[strongest] < 0
    return wing


def _stacked(parts):
    """Return all parts in one table with a common score."""
    for part in parts:
        for name in {"set", "weak"} - set(part.colnames):
            part[name] = np.zeros(len(part), bool if name == "weak" else int)
    found = vstack([part for part in parts if len(part)] or parts[:1], metadata_conflicts="silent")
    found.meta = {}
    found["score"][:] = common_score(found["n_false"], found["snr"])
    return found


def _of_sets(detections, evidence):
    """Return the probability of each row's set: its detector's, less the model's doubts about its lines."""
    number, p_set = np.asarray(detections["set"]), np.clip(np.ma.filled(detections["p_real"], 0), 1e-9, 1 - 1e-9)
    total, count = (np.bincount(number, weights=weights) for weights in (np.minimum(evidence, 0), np.ones(len(number))))
    odds = np.log(p_set / (1 - p_set)) + (total / np.maximum(count, 1))[number]
    return np.where(number > 0, expit(odds), 0.0)


def _doubt(detections, of_sets):
    """Lower the probabilities of redshifts as those of their sets have been."""
    rows = np.flatnonzero(of_sets > 0)
    ratio = of_sets[rows] / np.clip(np.ma.filled(detections["p_real"], 1)[rows], 1e-9, 1)
    for name in ("p_z", "p_z_2"):
        detections[name][rows] *= np.minimum(ratio, 1)


def _merged(detections, radius):
    """Return the detections with the numbers of their sources, each line once."""
    detections = detections[np.lexsort((-detections["snr"], -detections["score"]))]
    rank = -np.arange(len(detections))
    source = tied(group(detections["x"], detections["y"], rank, radius), detections["set"], rank)
    once = ~repeated(source, *(_values(detections[name]) for name in ("wave", "fwhm")), rank)
    detections["source"][:] = consecutive(source, rank)
    _share_redshift(detections)
    detections.remove_columns(["set", "weak"])
    return detections[once]


def _share_redshift(detections):
    """Give all rows of a source the redshift of the most probable set in it."""
    p_z = np.ma.filled(detections["p_z"], -1)
    for number in np.unique(np.asarray(detections["source"])[p_z >= 0]):
        rows = np.flatnonzero(detections["source"] == number)
        best = max(
            rows, key=lambda row: p_z[row] * np.sum(np.ma.filled(detections["z"][rows] == detections["z"][row], False))
        )
        for name in OF_WING:
            detections[name][rows] = detections[name][best]


def _values(column):
    return np.ma.filled(np.ma.asarray(column, float), np.nan)

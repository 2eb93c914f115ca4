"""Sources in radio images, by the dendrogram of the local signal-to-noise ratio."""

import numpy as np

from museml.detection import Detector, ImageDetections
from museml.detectors.artefacts import doubt
from museml.detectors.false_alarms import FalseAlarms
from museml.detectors.leaf_pixels import leaf_pixels, pixels_above
from museml.detectors.leaf_shapes import fit_shapes
from museml.detectors.leaf_table import beams_at, measured, near_edge
from museml.detectors.leaves import find_leaves
from museml.detectors.rms_map import beam_pixels, noise_maps, strips
from museml.errors import DetectionFlag
from museml.settings import check_flag, check_number

__all__ = ["DendrogramDetector"]

REACH = 0.5  # distance in beams up to which the pixels beside a leaf are used to measure it
DOUBTFUL = 1.5  # what the signal-to-noise ratio is divided by, from which a source is flagged
DEEP = 3.3  # depth of the negative peaks that are counted


class DendrogramDetector(Detector):
    """Finds the sources of a radio image as the leaves of its dendrogram.

    Parameters
    ----------
    threshold : float
        Least peak of a source, in units of the local rms.
    min_value : float
        Level down to which the tree grows, in units of the local rms.
    min_delta : float
        Least height of a leaf above the place where it meets another, in units of the local rms; no more than
        ``threshold`` is above ``min_value``, so that every peak above the threshold may be alone.
    min_npix : float
        Least area of a leaf, in beams.
    box : float
        Side of the boxes in which background and rms are measured, in beams.
    adaptive : bool
        Whether the rms rises where artefacts are.
    keep_artefacts : bool
        Whether to keep what is probably an artefact of a bright source, with the flag ARTEFACT.
    """

    name = "dendrogram"
    accepts = ("image",)
    answers = ImageDetections

    def __init__(
        self,
        *,
        threshold=4.5,
        min_value=2.5,
        min_delta=2.0,
        min_npix=0.2,
        box=10.0,
        adaptive=True,
        keep_artefacts=False,
    ):
        self.threshold = threshold
        self.min_value = min_value
        self.min_delta = min_delta
        self.min_npix = min_npix
        self.box = box
        self.adaptive = adaptive
        self.keep_artefacts = keep_artefacts

    def check_settings(self):
        """Raise `~museml.errors.SettingError` where a setting breaks a rule."""
        check_number("min_value", self.min_value, 0.5, example=2.5)
        check_number("threshold", self.threshold, self.min_value, example=max(4.5, self.min_value))
        check_number("min_delta", self.min_delta, 0, example=2.0)
        check_number("min_npix", self.min_npix, 0, example=0.2)
        check_number("box", self.box, 2, example=10.0)
        check_flag("adaptive", self.adaptive)
        check_flag("keep_artefacts", self.keep_artefacts)

    def find(self, data):
        """Return the `~museml.ImageDetections` in a `~museml.data.images.ImageData`."""
        self.check_settings()
        return self.search(data, noise_maps(data, box=self.box, adaptive=self.adaptive))

    def search(self, data, maps):
        """Return the `~museml.ImageDetections` in an image whose `~museml.detectors.rms_map.NoiseMaps` are known."""
        parts = strips(data.shape, 1)
        index, snr = pixels_above(data, maps, self.min_value, parts)
        area = data.beam.area(data.pixel_scale)
        delta = min(self.min_delta, self.threshold - self.min_value)
        leaves = find_leaves(snr, index, data.shape[1], delta, self.min_npix * area)
        doubts = self._doubts(data, maps, index[leaves.peak], snr[leaves.peak], parts)
        score = snr[leaves.peak] / doubts
        kept = (snr[leaves.peak] if self.keep_artefacts else score) >= self.threshold
        if not kept.any():
            return ImageDetections.empty()
        leaves = leaves.take(kept)
        shapes, missing = _shapes(data, maps, leaves, index, snr, parts)
        leaf, score = shapes.leaf, score[kept][shapes.leaf]
        scores = {"score": score, "n_false": self._false_alarms(data, maps, parts)(score)}
        found = measured(data, maps, shapes, leaves.trunk[leaf], missing[leaf], **scores)
        found["flags"] |= DetectionFlag.ARTEFACT * (doubts[kept][leaf] > DOUBTFUL)
        return found

    def _doubts(self, data, maps, place, snr, parts):
        """Return by what to divide the signal-to-noise ratio of peaks, 1 for those below the threshold."""
        doubts, high = np.ones(len(snr)), snr >= self.threshold
        y, x = np.divmod(place[high], data.shape[1])
        doubts[high] = doubt(data, maps, x, y, snr[high], parts)
        return doubts

    def _false_alarms(self, data, maps, parts):
        index, snr = pixels_above(data, maps, DEEP, parts, sign=-1)
        peaks = snr[find_leaves(snr, index, data.shape[1]).peak]
        correlation = np.exp(-4 * np.log(2) / beam_pixels(data) ** 2)
        return FalseAlarms(np.prod(data.shape), (correlation, correlation), peaks)


def _shapes(data, maps, leaves, index, snr, parts):
    """Return the fitted shapes of leaves, and how many of their pixels hold no data."""
    beam = beam_pixels(data)
    pixels = leaf_pixels(data, maps, index, leaves.labels, len(leaves), REACH * beam, parts)
    y, x = np.divmod(index[leaves.peak], data.shape[1])
    rms = maps.at(x, y)[1]
    whole = (pixels.missing == 0) & ~near_edge(data, x, y)
    shapes = fit_shapes(pixels, x, y, snr[leaves.peak] * rms, rms, beams_at(data, x, y), beam, divide=whole)
    return shapes, pixels.missing

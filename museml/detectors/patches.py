"""Components of images by a network that sees patches in units of the local noise."""

import os
from functools import cache

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from museml.catalogs.overlap import iou, near_pairs
from museml.detection import Detector, ImageDetections
from museml.detectors.box_shapes import fit_boxes
from museml.detectors.leaf_table import measured
from museml.detectors.patch_boxes import find_boxes
from museml.detectors.rms_map import noise_maps
from museml.errors import ModelError, SettingError
from museml.model import find_model, load_model
from museml.settings import check_number

__all__ = ["PatchesDetector", "boxes_model"]

LEAST = 1e-6  # probability of the boxes that are looked at, if all are asked for


class PatchesDetector(Detector):
    """Finds components in radio images by a network (one-stage, like YOLO; Redmon et al. 2016, Cornu et al. 2024).

    The image, less its background and over its local noise, is cut into tiles that overlap, and brought to pixels of a
    quarter of the beam's width, in which the beam is round. For each cell of four by four such pixels the network tells
    the probability of a component and the place, flux, axes and position angle that it would have. Of boxes that
    overlap the most probable is kept, within tiles and across their seams. Gaussians are fitted to the image in and
    around the boxes that are kept, since their places and fluxes are more exact than those that the network tells.

    ``p_real`` is the probability that a component is real, calibrated on simulated fields, ``score`` the
    logarithm of its odds, and ``n_false`` the sum of 1 - ``p_real`` of all that score at least as high. Components
    whose boxes overlap are one source.

    Parameters
    ----------
    model : str or path
        Name or file of a model with the reading 'boxes'; ``museml models`` lists those installed.
    min_p_real : float
        Components less probable than this are left out.
    """

    name = "patches"
    accepts = ("image",)
    answers = ImageDetections

    def __init__(self, *, model="patches", min_p_real=0.9):
        self.model = model
        self.min_p_real = min_p_real

    def check_settings(self):
        """Raise `SettingError` where a setting breaks a rule, and `UnknownNameError` for a model that is not there."""
        if not isinstance(self.model, (str, os.PathLike)):
            raise SettingError(f"model must be the name or the file of a model, not {self.model!r}; give 'patches'")
        check_number("min_p_real", self.min_p_real, 0, 1, example=0.9)
        find_model(self.model)

    def provenance(self):
        """Return the metadata of a result, with name and checksum of the model."""
        model = boxes_model(self.model)
        return {**super().provenance(), "MODEL": model.card.name, "MODEL_ID": model.sha256}

    def find(self, data):
        """Return the `~museml.ImageDetections` in a `~museml.data.images.ImageData`."""
        self.check_settings()
        maps = noise_maps(data)
        boxes = find_boxes(data, maps, boxes_model(self.model), max(self.min_p_real, LEAST))
        return described(data, maps, boxes)


def described(image, maps, boxes, trunk=None):
    """Return boxes as `~museml.ImageDetections`; what is fitted to the image is told of them.

    Those of which the fit leaves nothing are left out.

    Parameters
    ----------
    image : `~museml.data.images.ImageData`
    maps : `~museml.detectors.rms_map.NoiseMaps`
        Its background and noise.
    boxes : `~museml.detectors.patch_boxes.Boxes`
        The best first.
    trunk : array_like of int
        Boxes with the same number are of one source; -1 tells nothing.
    """
    if not len(boxes):
        return ImageDetections.empty()
    shapes, missing = fit_boxes(image, maps, boxes)
    scores = {"score": boxes.logit, "n_false": np.cumsum(1 - boxes.p_real), "p_real": boxes.p_real}
    detections = measured(image, maps, shapes, linked(boxes.corners, trunk), missing, **scores)
    return detections[np.asarray(detections["peak"]) > 0]


def linked(corners, trunk=None):
    """Return the numbers of sources: of one are components of one trunk, or with boxes that overlap."""
    first, second = near_pairs(corners)
    touching = iou(corners[first], corners[second]) > 0
    first, second = first[touching], second[touching]
    if trunk is not None:
        known = np.flatnonzero(np.asarray(trunk) >= 0)
        _, leader, number = np.unique(np.asarray(trunk)[known], return_index=True, return_inverse=True)
        first, second = np.append(first, known), np.append(second, known[leader[number]])
    graph = coo_array((np.ones(len(first)), (first, second)), shape=(len(corners), len(corners)))
    return connected_components(graph, directed=False)[1]


@cache
def _read_once(path):
    model = load_model(path)
    if model.reading != "boxes":
        raise ModelError(
            f"a model for patches must be read as 'boxes'; {model.card.name!r} is read as {model.reading!r}; "
            "choose another"
        )
    return model


def boxes_model(name):
    """Return a model for patches by its name or file; it is read once."""
    return _read_once(find_model(name))

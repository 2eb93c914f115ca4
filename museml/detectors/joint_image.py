"""Components of images by the dendrogram and by the network, in one list with one probability."""

from dataclasses import replace

import numpy as np

from museml.catalogs.match import match_positions
from museml.detection import Detector, ImageDetections
from museml.detectors.dendrogram import DendrogramDetector
from museml.detectors.patch_boxes import Boxes, find_boxes
from museml.detectors.patches import PatchesDetector, boxes_model, described
from museml.detectors.rms_map import noise_maps

__all__ = ["JointImageDetector", "joint_odds", "stacked"]

LEAST = 0.05  # probability by the network of the boxes that are looked at
UNSEEN = -4.0  # logarithm of the odds of what the network has no box for
HEIGHTS = (4.0, 6.0)  # of leaves over the noise, between which they tell more the higher they are
#: logarithm of the odds: of anything, for each unit of the network's, for a leaf, for each unit of its height, and for
#: a leaf without a box; fitted by `museml.training.joint_odds` to simulated fields of seeds 60 to 63, clean, mild and
#: strong
ODDS = (0.116, 0.794, 0.193, 0.635, 2.893)


class JointImageDetector(Detector):
    """Finds components of radio images by the dendrogram and by the network, and puts the two lists together.

    A leaf of the detector 'dendrogram' and a box of 'patches' within a beam of each other, the closest first, are one
    component. What only one of the two has found is taken in, too. ``p_real`` follows from what the network says and
    from whether there is a leaf and how high it is, with weights that were fitted to simulated fields; ``score`` is the
    logarithm of its odds, and ``n_false`` the sum of 1 - ``p_real`` of all that score at least as high. Gaussians
    are fitted to all components at once, as in 'patches'. Components of one trunk, or whose boxes overlap, are one
    source.

    Parameters
    ----------
    threshold : float
        Least peak of a leaf, in units of the local rms.
    model : str or path
        Name or file of the network's model.
    min_p_real : float
        Components less probable than this are left out.
    """

    name = "joint"
    accepts = ("image",)
    answers = ImageDetections

    def __init__(self, *, threshold=4.0, model="patches", min_p_real=0.9):
        self.threshold = threshold
        self.model = model
        self.min_p_real = min_p_real

    def check_settings(self):
        """Raise `~museml.errors.SettingError` where a setting breaks a rule."""
        DendrogramDetector(threshold=self.threshold).check_settings()
        PatchesDetector(model=self.model, min_p_real=self.min_p_real).check_settings()

    def provenance(self):
        """Return the metadata of a result, with name and checksum of the model."""
        model = boxes_model(self.model)
        return {**super().provenance(), "MODEL": model.card.name, "MODEL_ID": model.sha256}

    def find(self, data):
        """Return the `~museml.ImageDetections` in a `~museml.data.images.ImageData`."""
        self.check_settings()
        maps = noise_maps(data)
        boxes = find_boxes(data, maps, boxes_model(self.model), LEAST)
        leaves = DendrogramDetector(threshold=self.threshold).search(data, maps)
        found, height, trunk = stacked(data, boxes, leaves)
        found = replace(found, logit=joint_odds(found.logit, height))
        order = np.argsort(-found.logit, kind="stable")
        order = order[found.p_real[order] >= self.min_p_real]
        return described(data, maps, found.rows(order), trunk[order])


def stacked(image, boxes, leaves):
    """Return boxes and leaves in one list, each component once.

    Parameters
    ----------
    image : `~museml.data.images.ImageData`
    boxes : `~museml.detectors.patch_boxes.Boxes`
    leaves : `~museml.ImageDetections`
        Of the detector 'dendrogram'.

    Returns
    -------
    boxes : `~museml.detectors.patch_boxes.Boxes`
        Leaves without a box have the odds `UNSEEN`.
    height : ndarray
        Of their leaves in units of the noise; NaN for boxes without one.
    trunk : ndarray of int
        Number of the leaf's source; -1 without one.
    """
    mine, theirs = _pairs(image, boxes, leaves)
    only = np.setdiff1d(np.arange(len(leaves)), theirs)
    height, trunk = np.full(len(boxes), np.nan), np.full(len(boxes), -1)
    score, source = np.asarray(leaves["score"], float), np.asarray(leaves["source"])
    height[mine], trunk[mine] = score[theirs], source[theirs]
    both = zip(_columns(boxes), _columns(_as_boxes(image, leaves[only])), strict=True)
    joined = Boxes(*(np.concatenate(pair) for pair in both))
    return joined, np.concatenate([height, score[only]]), np.concatenate([trunk, source[only]])


def joint_odds(odds, height):
    """Return the logarithm of the odds that components are real.

    Parameters
    ----------
    odds : array_like
        Of the network; `UNSEEN` if it has none.
    height : array_like
        Of the leaf in units of the noise; NaN without one.
    """
    return features(odds, height) @ np.array(ODDS)


def features(odds, height):
    """Return what the odds are linear in, shape (n, 5)."""
    odds, height = np.asarray(odds, float), np.asarray(height, float)
    leaf = np.isfinite(height)
    above = np.where(leaf, np.clip(height, *HEIGHTS) - HEIGHTS[0], 0.0)
    return np.column_stack([np.ones_like(odds), odds, leaf, above, odds == UNSEEN])


def _columns(boxes):
    return [getattr(boxes, name) for name in Boxes.__dataclass_fields__]


def _as_boxes(image, leaves):
    """Return leaves as boxes, whose odds are not known."""
    x, y, flux, major, minor, pa = (np.asarray(leaves[n], float) for n in ("x", "y", "flux", "major", "minor", "pa"))
    scale, odds = image.pixel_scale, np.full(len(leaves), UNSEEN)
    return Boxes(odds, x, y, flux, major / scale, minor / scale, image.pixel_angle(x, y, pa))


def _pairs(image, boxes, leaves):
    """Return rows of boxes and of leaves that are one."""
    ra, dec = image.pixel_to_sky(boxes.x, boxes.y)
    pairs = match_positions(ra, dec, leaves["ra"], leaves["dec"], image.beam.major)
    return pairs.rows, pairs.others

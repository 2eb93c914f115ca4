"""How much leaves of the dendrogram and boxes of the network tell, together, of what is real."""

import numpy as np
from scipy.optimize import minimize
from tqdm import tqdm

from museml.data.images import open_image
from museml.detectors.dendrogram import DendrogramDetector
from museml.detectors.joint_image import LEAST, JointImageDetector, features, stacked
from museml.detectors.patch_boxes import find_boxes
from museml.detectors.patches import boxes_model
from museml.detectors.rms_map import noise_maps
from museml.training.patches_scores import true_snr

__all__ = ["fit_joint_odds"]

PRIOR = 1e-5  # weight of the squares of the weights


def fit_joint_odds(fields, model="patches"):
    """Return the weights `museml.detectors.joint_image.ODDS`, by logistic regression.

    Parameters
    ----------
    fields : iterable of `~museml.simulation.fields.Field`
        With the truth; what lies within a beam of a true component, each with one at most, is real.
    model : str or path
        Name or file of the network's model.

    Returns
    -------
    ndarray
    """
    parts = [_judged(field, model) for field in tqdm(fields, desc="fields", unit="field", disable=None)]
    known, real = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return minimize(_loss, np.zeros(known.shape[1]), args=(known, real), method="BFGS").x


def _judged(field, model):
    image = open_image(field.hdu)
    boxes = find_boxes(image, noise_maps(image), boxes_model(model), LEAST)
    leaves = DendrogramDetector(threshold=JointImageDetector().threshold).find(image)
    found, height, _ = stacked(image, boxes, leaves)
    truth = (np.asarray(field.components[name]) for name in ("x", "y", "snr"))
    return features(found.logit, height), true_snr(found, *truth, image.beam.major / image.pixel_scale) > 0


def _loss(weights, known, real):
    odds = known @ weights
    return np.mean(np.logaddexp(0, odds) - real * odds) + PRIOR * np.sum(weights**2)

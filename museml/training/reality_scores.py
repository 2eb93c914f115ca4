"""How well the model of real lines does on cubes that it has not seen."""

import numpy as np

from museml.detectors.lines import LineDetector
from museml.training.metrics import completeness_purity, rate, reliability, roc_area
from museml.training.reality_samples import list_probability
from museml.training.trials import REAL

__all__ = ["reality_scores", "remaining"]

SURE = 0.9


def reality_scores(sample, p_real):
    """Return scores for a model card, by origin and together.

    Parameters
    ----------
    sample : `~museml.training.reality_samples.Sample`
        All detections of cubes that the model has not seen.
    p_real : ndarray
        What the model says of each.
    """
    truth, listed = sample.labels == REAL, list_probability(sample, p_real)
    scores = []
    for name in np.unique(sample.origin):
        rows = sample.origin == name
        scores += remaining(truth[rows], sample.detections["snr"][rows], listed[rows], str(name))
        scores += completeness_purity(truth[rows], listed[rows], 0.5, str(name))
        false = listed[rows & ~truth]
        scores.append(rate(f"residuals with p > {SURE}", int(np.sum(false > SURE)), len(false), str(name)))
    area = {"name": "area under the ROC curve", "value": roc_area(truth, p_real), "n": len(truth), "data": "all"}
    return (*(score for score in scores if score["n"]), area, *reliability(truth, listed, "all"))


def remaining(truth, snr, probability, data=""):
    """Return the part of the false detections that is left at equal completeness, as a list of one or no score.

    The detector alone shows what is above its default threshold. The model shows as many of the real lines, those of
    the highest probability, among all that the detector finds above a lower threshold.

    Parameters
    ----------
    truth : ndarray of bool
        Which are real.
    snr, probability : ndarray
        By which the detector and the model choose.
    data : str
        On which data.
    """
    shown = np.asarray(snr) > LineDetector().threshold
    real, false = np.sum(shown & truth), np.sum(shown & ~truth)
    if not real or not false:
        return []
    least = np.sort(probability[truth])[::-1][real - 1]
    left = min(int(np.sum(probability[~truth] >= least)), int(false))
    return [rate("false detections left at equal completeness", left, int(false), data)]

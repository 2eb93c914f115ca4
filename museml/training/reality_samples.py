"""Detections with cut-outs and labels, from many cubes, for the model of real lines."""

from dataclasses import dataclass, replace

import numpy as np
from astropy.table import vstack
from scipy.optimize import minimize
from scipy.special import expit, log_expit, logit

from museml.catalogs.probability import UNFORESEEN, probability_real
from museml.data.batch import Batch
from museml.data.preparation import prepare_input
from museml.detection import Detections
from museml.errors import DetectionFlag
from museml.training.trials import REAL

__all__ = ["PREPARATION", "Sample", "fit_evidence", "list_probability", "stack_samples", "stack_trials"]

PREPARATION = ({"step": "stretch", "scale": 1.0},)
HEAVIEST = 8.0  # weight of a row over the mean, at most
SUREST = 1e-9  # probabilities of the model are this far from 0 and 1, at least
FIRST_STEPS = ((0.0, 0.0), (0.3, 0.0), (0.0, -0.5))  # of the logarithm of the scale, and of the offset


@dataclass(frozen=True)
class Sample:
    """Cut-outs with their labels.

    Attributes
    ----------
    batch : `~museml.Batch`
        Cut-outs.
    labels : ndarray of int
        See `museml.training.trials`.
    weights : ndarray
        With them, a row of either label is equally probable at each S/N, on and off sky lines.
    origin, cube : ndarray
        The sort of cube that each is from, and its number.
    detections : `~museml.Detections`
        The rows.
    """

    batch: Batch
    labels: np.ndarray
    weights: np.ndarray
    origin: np.ndarray
    cube: np.ndarray
    detections: Detections

    def __len__(self):
        return len(self.labels)

    @property
    def arrays(self):
        """Input of the network, labels and weights."""
        return prepare_input(self.batch, PREPARATION), self.labels, self.weights

    def rows(self, chosen):
        """Return the sample of some rows."""
        names = ("labels", "weights", "origin", "cube", "detections")
        parts = {name: getattr(self, name)[chosen] for name in names}
        return replace(self, batch=_chosen(self.batch, chosen), **parts)


def stack_trials(trials):
    """Return the `Sample` of a list of (origin, Trial)."""
    samples = []
    for origin, trial in trials:
        count = len(trial.labels)
        about = np.ones(count), np.full(count, origin), np.zeros(count, int)
        samples.append(Sample(trial.batch, trial.labels, *about, trial.detections))
    sample = stack_samples(samples)
    return replace(sample, weights=_balanced(sample))


def stack_samples(samples):
    """Return several samples as one; each cube gets a number of its own."""
    offsets = np.cumsum([0] + [max(sample.cube, default=0) + 1 for sample in samples])
    parts = {"cube": np.concatenate([s.cube + offset for s, offset in zip(samples, offsets, strict=False)])}
    parts |= {name: np.concatenate([getattr(s, name) for s in samples]) for name in ("labels", "weights", "origin")}
    values = np.concatenate([sample.batch.values for sample in samples])
    stacked = {"values": values, "errors": np.broadcast_to(np.float32(0), values.shape)}
    stacked["mask"] = np.broadcast_to(np.concatenate([s.batch.mask[:, :1] for s in samples]), values.shape)
    ids = tuple(map(str, range(len(values))))
    batch = replace(samples[0].batch, ids=ids, flags=None, lines=None, **stacked)
    detections = vstack([sample.detections for sample in samples], metadata_conflicts="silent")
    return Sample(batch=batch, detections=detections, **parts)


def list_probability(sample, p_real):
    """Return the probability that each row is real in the list of its cube, as the detector 'joint' gives it.

    Parameters
    ----------
    sample : Sample
        All detections of some cubes.
    p_real : ndarray
        What the model says of each.
    """
    answer = np.zeros(len(sample))
    evidence = _log_odds(p_real)
    for cube in np.unique(sample.cube):
        rows = np.flatnonzero(sample.cube == cube)
        found = sample.detections[rows]
        columns = found["snr"], found["score"], evidence[rows], _on_sky(found)
        answer[rows] = probability_real(*columns, UNFORESEEN)
    return answer


def fit_evidence(sample, p_real):
    """Find how far a model may be trusted, so that the probabilities in lists are true.

    Parameters
    ----------
    sample : Sample
        All detections of cubes that the model was not trained on.
    p_real : ndarray
        What the model says of each, not yet calibrated.

    Returns
    -------
    dict
        ``scale`` and ``offset`` of its logits, for `museml.Model`.
    """
    real, evidence = sample.labels == REAL, _log_odds(p_real)

    def loss(parameters):
        trusted = expit(np.exp(parameters[0]) * evidence + parameters[1])
        listed = list_probability(sample, trusted).clip(1e-6, 1 - 1e-6)
        return -np.log(np.where(real, listed, 1 - listed)).mean()

    options = {"xatol": 0.01, "fatol": 1e-5, "initial_simplex": FIRST_STEPS}
    scale, offset = minimize(loss, np.zeros(2), method="Nelder-Mead", options=options).x
    return {"scale": float(np.exp(scale)), "offset": [float(offset), 0.0]}


def _log_odds(probability):
    return logit(np.clip(probability, SUREST, 1 - SUREST))


def _chosen(batch, rows):
    values, mask = batch.values[rows], np.broadcast_to(batch.mask[rows, :1], batch.values[rows].shape)
    parts = {"values": values, "mask": mask, "errors": np.broadcast_to(np.float32(0), values.shape)}
    return replace(batch, ids=tuple(np.array(batch.ids)[rows]), flags=batch.flags[rows], lines=None, **parts)


def _on_sky(detections):
    return (np.asarray(detections["flags"]) & DetectionFlag.SKY) > 0


def _balanced(sample):
    """Return weights with which, in each origin, S/N and sky line do not tell the labels, and these weigh the same."""
    real, weights = sample.labels == REAL, np.ones(len(sample))
    for name in np.unique(sample.origin):
        rows = np.flatnonzero(sample.origin == name)
        found = sample.detections[rows]
        share = _share(real[rows], np.log(np.asarray(found["snr"])), _on_sky(found))
        weights[rows] = np.minimum(0.5 / np.where(real[rows], share, 1 - share), HEAVIEST)
    return weights / weights.mean()


def _share(real, x, sky):
    """Return the probability that a row is real: a logistic function of a parabola in x, with and without sky line."""
    x = x - x.mean()
    terms = np.stack([np.ones(len(x)), x, x**2, sky, sky * x])
    sign = np.where(real, 1, -1)

    def loss(parameters):
        return -log_expit(sign * (parameters @ terms)).sum() + 0.5 * np.sum(parameters**2)

    return expit(minimize(loss, np.zeros(len(terms)), method="BFGS").x @ terms)

"""How much more likely a set of lines makes the data than noise and unrelated lines do."""

import numpy as np
from scipy.special import logsumexp

from museml.detectors.set_members import SETS

__all__ = ["line_gains", "set_evidence"]

#: S/N of all lines of a set together, as tried; fainter ones are no detection
AMPLITUDES = np.geomspace(3.5, 120.0, 16)
NODES = 0.75 * np.arange(-2, 3)  # where the scatter of flux ratios is sampled, in its standard deviations
NODE_WEIGHTS = np.exp(-0.5 * NODES**2) / np.exp(-0.5 * NODES**2).sum()
WIDTH_OF_NODE = 0.3  # standard deviations of the scatter that a node stands for
MODEL_ERROR = 0.1  # no model of PSF and profile is better
UNRELATED = np.geomspace(3.0, 300.0, 80)  # true S/N of lines that belong to no set: the fainter, the more there are
WEIGHT = np.log(UNRELATED[0] / UNRELATED / np.sum(UNRELATED[0] / UNRELATED))
TABLE = np.linspace(-8, 60, 681)
UNRELATED_TABLE = logsumexp(-((TABLE[:, None] - UNRELATED) ** 2) / 2 + WEIGHT, axis=1)
BRIGHT = 12.0  # S/N from which models of lines are not good enough ...
MISMATCH = 0.05  # ... and part of what is beyond that a set loses, more than an unrelated line does
LOUDEST = 25.0  # S/N beyond which likelihoods grow with the logarithm of the flux only: no profile is known so well
DEEPEST = -3.0  # absorption is not held against a set beyond this S/N
SIZES = 2.1, 2.1, 3.0  # standard deviations of a line's peak in the filtered field: pixels, pixels, steps
FLOORS = 0.4, 0.4, 0.7  # how well the places of a source's lines agree at best
LINE = 112.0  # pixels times steps in which a line is seen
HIGHEST = 50.0  # largest ln(likelihood ratio) of one line, for the sake of the numbers


def set_evidence(candidates, density):
    """Return ln(likelihood ratio) of each set against noise and unrelated lines, times the volume of its peak.

    Parameters
    ----------
    candidates : `~museml.detectors.set_search.Candidates`
    density : ndarray, shape (n, lines)
        Probability that an unrelated line is seen at the place of a line.

    Returns
    -------
    evidence : ndarray, shape (n, sets)
        -inf where none of the set's strong lines is covered.
    best : ndarray of int, shape (n, sets)
        Number of the best amplitude in `AMPLITUDES`.
    """
    evidence = np.full((len(candidates), len(SETS)), -np.inf)
    best = np.zeros(evidence.shape, int)
    for number, line_set in enumerate(SETS):
        rows = np.flatnonzero((candidates.scale[:, line_set.strong] > 0).any(axis=1))
        gains = _gains(line_set, candidates[rows], density[rows]).sum(axis=0) + np.log(volume(AMPLITUDES))[:, None]
        evidence[rows, number] = logsumexp(gains, axis=0) - np.log(len(AMPLITUDES))
        best[rows, number] = gains.argmax(axis=0)
    return evidence, best


def line_gains(line_set, amplitude, candidates, density):
    """Return what each feature of a set contributes, shape (features, n), at one amplitude each."""
    gains = _gains(line_set, candidates, density)
    return np.take_along_axis(gains, np.asarray(amplitude)[None, None], axis=1)[:, 0]


def _gains(line_set, candidates, density):
    """Return ln(likelihood ratio) by feature, amplitude and candidate."""
    expected = [
        sum((ratio * weight * candidates.scale[:, line]) ** 2 for line, weight in lines)
        for lines, ratio, _ in line_set.features
    ]
    unit = AMPLITUDES[:, None] / np.sqrt(np.maximum(np.sum(expected, axis=0), 1e-30))
    return np.array(
        [
            _feature_gain(lines, ratio * unit, scatter, candidates, density)
            for lines, ratio, scatter in line_set.features
        ]
    )


def _feature_gain(lines, mean, scatter, candidates, density):
    """Return the same for one feature, the scatter of whose flux is averaged over."""
    total = 0.0
    for line, weight in lines:
        snr, scale = np.maximum(candidates.snr[:, line], DEEPEST), candidates.scale[:, line]
        covered = scale > 0
        at = mean[None] * (weight * scale) * np.exp(NODES * scatter)[:, None, None]
        total = total + np.where(covered, _gain(snr, at, scatter, candidates.nearby[:, line], density[:, line]), 0)
    top = total.max(axis=0)
    return top + np.log(np.tensordot(NODE_WEIGHTS, np.exp(total - top), axes=1))


def _gain(snr, at, scatter, nearby, density):
    """Return ln(likelihood ratio) of a line of expected S/N ``at`` against noise or an unrelated line nearby."""
    variance = 1 + ((MODEL_ERROR + WIDTH_OF_NODE * scatter) * at) ** 2
    line = _tempered(snr) - 0.5 * ((snr - at) ** 2 / variance + np.log(variance))
    at_peak = np.log(np.minimum(volume(nearby) / LINE, 1))
    other = np.log(density) + at_peak + unrelated(nearby - MISMATCH * np.maximum(nearby - BRIGHT, 0))
    noise = np.logaddexp(0, other)
    return np.logaddexp(np.minimum(line - noise, HIGHEST), other - noise)


def volume(snr):
    """Return pixels times steps in which the peak of a line, or of a set, is known to be, by its S/N."""
    sizes = [np.hypot(sigma / np.maximum(snr, 1), floor) for sigma, floor in zip(SIZES, FLOORS, strict=True)]
    return (2 * np.pi) ** 1.5 * np.prod(sizes, axis=0)


def unrelated(snr):
    """Return ln(likelihood ratio) of a line of unknown flux against noise, by its S/N."""
    return _tempered(snr) + np.interp(snr, TABLE, UNRELATED_TABLE)


def _tempered(snr):
    """Return ln(likelihood ratio) of the best line against noise: half of the square of its S/N, less if it is high."""
    power = np.maximum((snr / LOUDEST) ** 2, 1)
    return 0.5 * np.minimum(snr**2, LOUDEST**2) + 0.5 * LOUDEST**2 * np.log(power)

"""How probable detections are: from the false ones to expect, the true ones that the list shows, and other evidence."""

import numpy as np
from scipy.special import expit

__all__ = ["UNFORESEEN", "probability_real", "source_probability"]

SLOPE = 1.5  # of the number of true detections against their S/N: objects spread evenly through space
AT_LEAST = 1.0  # true detections that are expected before the list is seen
ROUNDS = 60  # of the estimate of their number, which converges fast
#: false lines that no count knows of, as a part of the true ones: residuals without a negative counterpart
UNFORESEEN = 0.1
NEIGHBOURHOOD = 0.25  # S/N to each side over which the fall of the false detections is measured
TINY = 1e-300
LN10 = np.log(10)


def probability_real(snr, score, evidence=0.0, group=None, unforeseen=0.0):
    """Return the probability that each detection of a list is real.

    The number of false detections falls with the signal-to-noise ratio as the detector's own count tells. That of true
    ones is taken to fall as a power; how many they are is what fits the list best, found by repeated
    estimates (Dempster et al. 1977). The odds of a detection are the ratio of the two densities at its ratio, times
    those of the evidence.

    Parameters
    ----------
    snr : array_like, shape (n,)
        Signal-to-noise ratios.
    score : array_like, shape (n,)
        -log10 of the expected number of false detections at least as high.
    evidence : array_like, shape (n,)
        Logarithm of how much more probable, among detections of this S/N, what is seen is of a real than of a false
        one.
    group : array_like, shape (n,)
        Detections whose false ones are counted in one way; by default all.
    unforeseen : float
        False detections that the count does not know of, as a part of the true ones at each S/N.

    Returns
    -------
    ndarray, shape (n,)
    """
    snr, score = (np.asarray(values, float) for values in (snr, score))
    if not len(snr):
        return np.zeros(0)
    group = np.zeros(len(snr)) if group is None else np.asarray(group)
    true = np.log(SLOPE / snr) - SLOPE * np.log(snr / snr.min())
    false = -LN10 * score + np.log(_steepness(snr, score, group))
    number = len(snr) / 2
    for _ in range(ROUNDS):
        expected = true + np.log(number)
        probability = expit(expected - np.logaddexp(false, np.log(unforeseen + TINY) + expected) + evidence)
        number = AT_LEAST + probability.sum()
    return probability


def source_probability(source, kind, p_real):
    """Return the probability that each row's source is real, from its surest line and its surest continuum.

    These two tell independently of each other; the lines of a source do not, since those of a set are judged together.

    Parameters
    ----------
    source : array_like of int, shape (n,)
        Numbers of the sources.
    kind : array_like of str, shape (n,)
        Kinds of the detections.
    p_real : array_like, shape (n,)
        Probability of each detection; a masked one tells nothing.

    Returns
    -------
    masked array, shape (n,)
        Masked for a source without any probability.
    """
    source, kind, p_real = np.asarray(source), np.asarray(kind), np.ma.masked_invalid(np.ma.asarray(p_real, float))
    _, number = np.unique(source, return_inverse=True)
    doubt, known = np.ones(number.max(initial=-1) + 1), np.zeros(number.max(initial=-1) + 1, bool)
    for name in np.unique(kind):
        best = np.zeros(len(doubt))
        rows = np.flatnonzero((kind == name) & ~np.ma.getmaskarray(p_real))
        np.maximum.at(best, number[rows], p_real.data[rows])
        doubt *= 1 - best
        known[number[rows]] = True
    return np.ma.masked_array(1 - doubt, ~known)[number]


def _steepness(snr, score, group):
    """Return by how much the logarithm of the number of false detections falls per unit of S/N."""
    steepness = np.array(snr)  # as in Gaussian noise
    for name in np.unique(group):
        rows = np.flatnonzero(group == name)
        places, first = np.unique(snr[rows], return_index=True)
        low, high = (np.clip(snr[rows] + d, places[0], places[-1]) for d in (-NEIGHBOURHOOD, NEIGHBOURHOOD))
        fall = LN10 * (np.interp(high, places, score[rows][first]) - np.interp(low, places, score[rows][first]))
        wide = high - low > NEIGHBOURHOOD / 2
        steepness[rows[wide]] = np.clip(fall[wide] / (high - low)[wide], 1 / snr[rows[wide]], 2 * snr[rows[wide]])
    return steepness

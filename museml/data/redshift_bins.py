"""The bins of redshift and class that a network answers in, and probabilities from its outputs."""

from dataclasses import dataclass

import numpy as np

from museml.data.log_grid import DLN, QUANTUM, START

__all__ = ["CLASSES", "N_BINS", "STEP", "Posterior", "bin_of", "lnz", "outputs_of", "posterior"]

CLASSES = ("galaxy", "QSO", "star", "nothing")
#: step of the bins in ln(1+z), 105 km/s
STEP = DLN * QUANTUM / 2
#: ln(1+z) of the first bin; stars may come towards us
FIRST = -0.004
#: up to z = 6.75 in the default window
N_BINS = 5864
#: |ln(1+z)| that a star may have
STELLAR = 0.00401
#: parts of the outputs of one spectrum
GALAXY, QSO, STAR = (slice(i * N_BINS, (i + 1) * N_BINS) for i in range(3))
NOTHING = 3 * N_BINS
SECOND = slice(NOTHING + 1, NOTHING + 1 + N_BINS)
NO_SECOND = NOTHING + 1 + N_BINS
N_OUTPUTS = NO_SECOND + 1
IMPOSSIBLE = -1e9


@dataclass(frozen=True)
class Posterior:
    """Probabilities of classes and redshifts.

    Attributes
    ----------
    lnz : ndarray, shape (bins,)
        ln(1+z) of the bins.
    galaxy, qso, star : ndarray, shape (n, bins)
        Probability of each class at each redshift. Together with ``nothing`` they add up to 1.
    nothing : ndarray, shape (n,)
        Probability that there is no object.
    second : ndarray, shape (n, bins)
        Probability of the redshift of a second object in the spectrum.
    no_second : ndarray, shape (n,)
        Probability that there is no second object.
    """

    lnz: np.ndarray
    galaxy: np.ndarray
    qso: np.ndarray
    star: np.ndarray
    nothing: np.ndarray
    second: np.ndarray
    no_second: np.ndarray

    @property
    def classes(self):
        """Probability of each of `CLASSES`, shape (n, 4)."""
        return np.stack([self.galaxy.sum(1), self.qso.sum(1), self.star.sum(1), self.nothing], axis=1)

    @property
    def redshift(self):
        """Probability of each redshift, whatever the class, shape (n, bins)."""
        return self.galaxy + self.qso + self.star


def lnz(start=START):
    """Return ln(1+z) of the bins for a window that begins at ``start`` (Angstrom, vacuum)."""
    return FIRST + STEP * np.arange(N_BINS) + np.log(start / START)


def bin_of(z, start=START):
    """Return the position of redshifts among the bins, as a fractional index."""
    return (np.log1p(z) - np.log(start / START) - FIRST) / STEP


def outputs_of(classes):
    """Return how many outputs a network has; the classes must be those of `CLASSES`."""
    return N_OUTPUTS if tuple(classes) == CLASSES else 0


def possible(start=START):
    """Return which of the outputs of the first object are possible: shape (3 bins + 1,), bool."""
    ln = lnz(start)
    seen = ln > FIRST - STEP / 2
    return np.concatenate([seen, seen, np.abs(ln) < STELLAR, [True]])


def posterior(outputs, start, calibration):
    """Return the calibrated probabilities that outputs of a network stand for.

    Parameters
    ----------
    outputs : ndarray, shape (n, N_OUTPUTS)
        Logits.
    start : float
        Start of the window, see `museml.data.log_grid`.
    calibration : dict
        ``scale``, ``offset`` (one per class or one), and perhaps ``second_scale`` and ``second_offset``.

    Returns
    -------
    Posterior
    """
    offset = np.broadcast_to(np.asarray(calibration["offset"], np.float32), len(CLASSES))
    by_output = np.repeat(offset, [N_BINS, N_BINS, N_BINS, 1])
    first = outputs[:, : NOTHING + 1] * np.float32(calibration["scale"]) + by_output
    first = _softmax(np.where(possible(start), first, np.float32(IMPOSSIBLE)))
    second = outputs[:, SECOND.start :] * np.float32(calibration.get("second_scale", 1.0))
    second[:, :-1] += np.where(possible(start)[GALAXY], calibration.get("second_offset", 0.0), IMPOSSIBLE)
    second = _softmax(second)
    parts = first[:, GALAXY], first[:, QSO], first[:, STAR], first[:, NOTHING]
    return Posterior(lnz(start), *parts, second[:, :-1], second[:, -1])


def _softmax(logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)

"""What a redshift hangs on: one line, the end of the axis, a close rival."""

import numpy as np

from museml.classifiers.line_refinement import LINE_NAMES
from museml.data.linelist import LINES
from museml.errors import PredictionFlag

__all__ = ["deciding_flags"]

#: a line is there above this signal-to-noise ratio
SEEN = 4.0
#: above this continuum (signal-to-noise ratio per pixel) breaks and absorption stand beside a single line
CONTINUUM = 1.5
#: a second redshift this probable, relative to the first, makes the answer ambiguous
RIVAL = 0.1
#: a deciding line so close to the end of the data is flagged, Angstrom
MARGIN = 10.0
#: fewer pixels than this part of the network's window are low coverage
COVERED = 0.5
#: lines in which an element shows once only, seen as one or two
ONE = (
    ("CIII1907", "CIII1909"), ("CIV1548", "CIV1551"), ("NV1238", "NV1243"), ("MGII2796", "MGII2803"),
    ("OII3727", "OII3729"), ("SII6718", "SII6733"), ("OII7322", "OII7332"), ("NEIV2422", "NEIV2424"),
)  # fmt: skip

_REST = np.array([LINES[name].wave for name in LINE_NAMES])
_FIRST_OF = {name: pair[0] for pair in ONE for name in pair}
_FEATURES = sorted({_FIRST_OF.get(name, name) for name in LINE_NAMES})
_MEMBERS = np.array([[_FIRST_OF.get(name, name) == feature for name in LINE_NAMES] for feature in _FEATURES])


def deciding_flags(strip, lnz, snr, p, p_rival, extended):
    """Return the flags of redshifts.

    Parameters
    ----------
    strip : `~museml.classifiers.redshift_network.Strip`
        The spectra.
    lnz : ndarray, shape (n,)
        ln(1+z).
    snr : ndarray, shape (n, lines)
        Signal-to-noise ratio of each of `LINE_NAMES` there.
    p, p_rival : ndarray, shape (n,)
        Probability of the redshift and of the next one.
    extended : ndarray of bool, shape (n,)
        Whether the object may have emission lines.

    Returns
    -------
    ndarray, shape (n,), int32
        Bits of `~museml.errors.PredictionFlag`.
    """
    lone = extended & (_features(snr) == 1) & (_continuum(strip) < CONTINUUM)
    flags = np.where(p_rival > RIVAL * p, PredictionFlag.AMBIGUOUS, PredictionFlag.NONE)
    flags |= np.where(lone, PredictionFlag.SINGLE_LINE, PredictionFlag.NONE)
    flags |= np.where(extended & _at_the_end(strip, lnz, snr), PredictionFlag.EDGE, PredictionFlag.NONE)
    few = np.count_nonzero(~strip.mask, axis=1) < COVERED * strip.mask.shape[1]
    return (flags | np.where(few, PredictionFlag.LOW_COVERAGE, PredictionFlag.NONE)).astype(np.int32)


def _features(snr):
    """Return how many features are seen, doublets counted once."""
    return np.sum((snr > SEEN).astype(int) @ _MEMBERS.T.astype(int) > 0, axis=1)


def _continuum(strip):
    """Return the median signal-to-noise ratio of a pixel."""
    seen = ~strip.mask & (strip.errors > 0)
    ratio = np.where(seen, strip.values, 0) / np.where(seen, strip.errors, 1)
    count = np.maximum(seen.sum(axis=1), 1)
    ratio = np.sort(np.where(seen, ratio, np.inf), axis=1)
    return ratio[np.arange(len(ratio)), count // 2]


def _at_the_end(strip, lnz, snr):
    """Whether the brightest line is at an end of the data."""
    brightest = np.argmax(snr, axis=1)
    place = _REST[brightest] * np.exp(lnz)
    first = np.argmax(~strip.mask, axis=1)
    last = strip.mask.shape[1] - 1 - np.argmax(~strip.mask[:, ::-1], axis=1)
    ends = [np.exp(strip.start + strip.step * end) for end in (first, last)]
    near = np.minimum(place - ends[0], ends[1] - place) < MARGIN
    return near & (snr[np.arange(len(snr)), brightest] > SEEN)

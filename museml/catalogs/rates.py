"""Rates and medians with their intervals."""

from typing import NamedTuple

import numpy as np
from astropy.stats import binom_conf_interval, mad_std
from scipy.stats import binom

__all__ = ["LEVEL", "Middle", "Rate", "f1_rate", "middle", "rate"]

#: of all intervals
LEVEL = 0.95


class Rate(NamedTuple):
    """A part of a number, with its interval."""

    value: float  #: found over number; NaN of none
    low: float  #: lower end of the interval that holds 95 %
    high: float  #: upper end
    found: int  #: how many
    number: int  #: of how many


class Middle(NamedTuple):
    """The median of some values, with its interval."""

    median: float  #: NaN of no value
    low: float  #: lower end of the interval that holds 95 %
    high: float  #: upper end
    scatter: float  #: of the values: their median absolute deviation, scaled to a Gaussian's sigma
    number: int  #: of values


def rate(found, number):
    """Return a `Rate` with Wilson's interval (Brown, Cai and DasGupta 2001, Statist. Sci. 16, 101)."""
    if not number:
        return Rate(np.nan, np.nan, np.nan, 0, 0)
    low, high = binom_conf_interval(found, number, LEVEL, interval="wilson")
    return Rate(found / number, float(low), float(high), int(found), int(number))


def f1_rate(true, false, missed):
    """Return F1, the harmonic mean of completeness and reliability.

    F1 = 2 J / (1 + J), where J is the part that is right of everything that was found or should have been: so its
    interval is that of a rate, too.

    Parameters
    ----------
    true, false, missed : int
        Detections that are right, those that are not, and things without detection.
    """
    part = rate(true, true + false + missed)
    return Rate(*(2 * value / (1 + value) for value in part[:3]), part.found, part.number)


def middle(values):
    """Return the `Middle` of values; those that are not finite are passed over.

    The interval is that of ranks, whatever the distribution of the values is; of fewer than 6 values it is their range,
    which holds less.
    """
    values = np.ma.filled(np.ma.asarray(values, float), np.nan)
    values, number = np.sort(values[np.isfinite(values)]), int(np.isfinite(values).sum())
    if not number:
        return Middle(np.nan, np.nan, np.nan, np.nan, 0)
    rank = max(int(binom.ppf((1 - LEVEL) / 2, number, 0.5)) - 1, 0)
    ends = float(values[rank]), float(values[number - 1 - rank])
    return Middle(float(np.median(values)), *ends, float(mad_std(values)), number)

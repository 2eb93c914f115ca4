"""Rates and medians with their intervals."""

from typing import NamedTuple

import numpy as np
from astropy.stats import binom_conf_interval, mad_std

__all__ = ["LEVEL", "Middle", "Rate", "f1_rate", "middle", "rate"]

#: of all intervals
LEVEL = 0.95
SIGMAS = 1.96  # of a Gaussian at this level
OF_MEDIAN = 1.2533  # standard error of a median over that of a mean, for Gaussian errors


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
    """Return the `Middle` of values; those that are not finite are passed over."""
    values = np.ma.filled(np.ma.asarray(values, float), np.nan)
    values = values[np.isfinite(values)]
    if not len(values):
        return Middle(np.nan, np.nan, np.nan, np.nan, 0)
    median, scatter = float(np.median(values)), float(mad_std(values))
    error = SIGMAS * OF_MEDIAN * scatter / np.sqrt(len(values))
    return Middle(median, median - error, median + error, scatter, len(values))

"""Channels of a cube that hold nothing usable: gaps, constant values, variances that are grossly wrong."""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import median_filter

from museml.data.planes import WHOLE

__all__ = ["Survey", "bad_channels", "runs", "survey"]

SAMPLE = 3000  # voxels of a channel that are looked at, in whole rows
CHUNK = 64  # channels read at once
LEAST = 8  # voxels without which nothing is said of a channel
AROUND = 401  # channels that a channel is compared with
WRONG = 10.0  # factor by which a variance must be off while the noise is not
GAP = 20  # channels in a row without data that make a gap, such as that of the laser's notch filter
GUARD = 4  # channels beside a gap, where the filter's edge has spoilt flux and variance


@dataclass(frozen=True)
class Survey:
    """What a sample of the voxels says of each channel.

    Attributes
    ----------
    valid, negative : ndarray of int, shape (channels,)
        Number of usable voxels, and of those with a negative variance.
    variance, noise : ndarray, shape (channels,)
        Median variance, and median difference of neighbouring voxels; NaN where there are none.
    constant : ndarray of bool, shape (channels,)
        Whether all usable voxels have one value.
    part : float
        The sample's part of all voxels.
    """

    valid: np.ndarray
    negative: np.ndarray
    variance: np.ndarray
    noise: np.ndarray
    constant: np.ndarray
    part: float


def survey(planes, shape):
    """Look at rows spread over the field, in all channels.

    Parameters
    ----------
    planes : callable
        Gives data, variance and mask of planes and rows; see `~museml.data.planes.FilePlanes`.
    shape : tuple
        (channels, y, x).

    Returns
    -------
    Survey
        Of all voxels if the rows of the sample hold none that is usable.
    """
    step = max(1, shape[1] * shape[2] // SAMPLE)
    rows = slice(step // 2 % shape[1], None, step)
    found = _survey(planes, shape, rows)
    return found if found.valid.any() or step == 1 else _survey(planes, shape, WHOLE)


def bad_channels(found):
    """Return which channels are constant, have wrong variances, and which are bad for these or other reasons.

    A channel's variance is wrong when it is off the median of its neighbours by a factor of 10 or more, while the
    scatter of its data is not.

    Parameters
    ----------
    found : Survey

    Returns
    -------
    constant, wrong, bad : ndarray of bool, shape (channels,)
        ``bad`` are also those without usable voxels, and those beside a gap of 20 channels or more.
    """
    enough = found.valid >= LEAST
    constant = enough & found.constant
    constant &= 2 * np.count_nonzero(constant) < np.count_nonzero(enough)  # else the whole cube has no noise
    wrong = _wrong(found, enough & ~constant)
    bad = (found.valid == 0) | constant | wrong
    for start, stop in runs(bad):
        if stop - start >= GAP:
            bad[max(start - GUARD * (start > 0), 0) : stop + GUARD] = True
    return constant, wrong, bad


def runs(marked):
    """Return first and last plus one of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], marked, [False]]).astype(int)))
    return edges.reshape(-1, 2).tolist()


def _survey(planes, shape, rows):
    parts = [_look(*planes(slice(start, start + CHUNK), rows)) for start in range(0, shape[0], CHUNK)]
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    return Survey(*columns, len(range(*rows.indices(shape[1]))) / shape[1])


def _look(data, variance, masked):
    """Return the columns of a `Survey` for some planes."""
    data, variance = (np.asarray(values, float) for values in (data, variance))
    usable = np.isfinite(data) if masked is None else np.isfinite(data) & ~masked
    good = usable & (variance > 0) & (variance < np.inf)
    data = np.where(good, data, np.nan)
    ends = (np.where(good, data, limit).reshape(len(data), -1) for limit in (np.inf, -np.inf))
    low, high = next(ends).min(axis=1), next(ends).max(axis=1)
    numbers = (np.count_nonzero(which, axis=(1, 2)) for which in (good, usable & (variance < 0)))
    return *numbers, _median(np.where(good, variance, np.nan)), _median(np.abs(np.diff(data))), low == high


def _median(values):
    """Return the median of each plane's numbers; NaN where there are none."""
    ordered = np.sort(values.reshape(len(values), -1), axis=1)  # NaN come last
    middle = np.count_nonzero(np.isfinite(ordered), axis=1) // 2
    ordered = np.pad(ordered, ((0, 0), (0, 1)), constant_values=np.nan)
    return ordered[np.arange(len(ordered)), middle]


def _wrong(found, judged):
    """Return where the variance leaves its neighbours and the noise does not follow."""
    judged = judged & (found.noise > 0) & np.isfinite(found.variance)
    wrong = np.zeros(len(judged), bool)
    if np.count_nonzero(judged) < GAP:
        return wrong
    variance = np.log(found.variance[judged])
    off = variance - median_filter(variance, AROUND, mode="nearest")
    ratio = 2 * np.log(found.noise[judged]) - variance
    unlike = ratio - median_filter(ratio, AROUND, mode="nearest")
    wrong[judged] = (np.abs(off) > np.log(WRONG)) & (np.abs(unlike) > np.log(WRONG)) & (off * unlike < 0)
    return wrong

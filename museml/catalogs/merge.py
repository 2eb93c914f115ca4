"""Detections put together: those at one place are one source, and a line found twice counts once."""

import numpy as np
from scipy.spatial import cKDTree

__all__ = ["consecutive", "group", "known_lines", "repeated", "tied"]


def group(x, y, score, radius, seeds=None):
    """Gather detections into sources by their positions.

    The best detection is the first source's seed; the best of those that are farther than the radius from all
    seeds is the next source's, and so on. Every other detection joins the nearest of the seeds that are better than
    itself. So no source is wider than the radius, however closely its neighbours follow each other, and
    none loses a line to a worse one.

    Parameters
    ----------
    x, y : array_like, shape (n,)
        Positions.
    score : array_like, shape (n,)
        The higher, the earlier; of equal scores the first is the earlier.
    radius : float
        Largest distance from the seed, in the unit of the positions.
    seeds : array_like of bool, shape (n,)
        Which detections may be seeds; by default all.

    Returns
    -------
    ndarray of int, shape (n,)
        Numbers of the sources, from 1 in the order of their seeds; 0 for a detection that may not be a seed and is
        near none.
    """
    points, score = np.column_stack([x, y]).astype(float), np.asarray(score, float)
    may = np.ones(len(points), bool) if seeds is None else np.asarray(seeds, bool)
    number, best, order = np.zeros(len(points), int), np.full(len(points), np.inf), np.argsort(-score, kind="stable")
    place = np.argsort(order)
    tree = cKDTree(points) if len(points) else None
    for row in order:
        if may[row] and not number[row]:
            near = np.array(tree.query_ball_point(points[row], radius))
            near = near[place[near] >= place[row]]
            distance = np.hypot(*(points[near] - points[row]).T)
            closer = distance < best[near]
            number[near[closer]] = number.max() + 1
            best[near[closer]] = distance[closer]
    return number


def repeated(source, wave, width, score):
    """Tell which lines repeat a better line of the same source.

    Parameters
    ----------
    source : array_like of int, shape (n,)
        Numbers of the sources.
    wave, width : array_like, shape (n,)
        Wavelengths and FWHM; NaN where it is no line.
    score : array_like, shape (n,)
        The higher, the better; of equal scores the first is the better.

    Returns
    -------
    ndarray of bool, shape (n,)
        True if a better line of the source that is itself no repetition lies within the FWHM of the wider of both.
    """
    wave, width, score = (np.asarray(values, float) for values in (wave, width, score))
    repeats = np.zeros(len(wave), bool)
    lines = np.flatnonzero(np.isfinite(wave))
    order = lines[np.lexsort((-score[lines], np.asarray(source)[lines]))]
    for rows in np.split(order, np.flatnonzero(np.diff(np.asarray(source)[order])) + 1):
        close = np.abs(wave[rows, None] - wave[rows]) < np.fmax(width[rows, None], width[rows])
        for row in range(1, len(rows)):
            repeats[rows[row]] = np.any(close[row, :row] & ~repeats[rows[:row]])
    return repeats


def consecutive(source, score):
    """Give sources new numbers from 1, without gaps, in the order of their best scores.

    Parameters
    ----------
    source : array_like of int, shape (n,)
        Any numbers.
    score : array_like, shape (n,)
        The higher, the earlier; of equal scores the first is the earlier.

    Returns
    -------
    ndarray of int, shape (n,)
    """
    source = np.asarray(source)
    order = np.argsort(-np.asarray(score, float), kind="stable")
    known, first, inverse = np.unique(source[order], return_index=True, return_inverse=True)
    rank = np.empty(len(known), int)
    rank[np.argsort(first)] = np.arange(1, len(known) + 1)
    number = np.empty(len(source), int)
    number[order] = rank[inverse]
    return number


def known_lines(lines, others, radius):
    """Find lines of a second list in a first.

    Parameters
    ----------
    lines, others : `~astropy.table.Table`
        With ``x``, ``y`` in pixels, and ``wave`` and ``fwhm`` in Angstrom.
    radius : float
        Largest distance on the sky, in pixels.

    Returns
    -------
    ndarray of int, shape (len(others),)
        For each of the others the row of the first list that is nearest in wavelength, among those within the radius
        and within the FWHM of the wider of both; -1 if there is none.
    """
    found = np.full(len(others), -1)
    if not len(lines) or not len(others):
        return found
    places = (np.column_stack([table["x"], table["y"]]).astype(float) for table in (lines, others))
    tree, points = cKDTree(next(places)), next(places)
    (wave, fwhm), (other, width) = (
        [np.ma.filled(np.ma.asarray(table[name], float), np.nan) for name in ("wave", "fwhm")]
        for table in (lines, others)
    )
    for row, near in enumerate(tree.query_ball_point(points, radius)):
        near = np.array(near, int)
        distance = np.abs(wave[near] - other[row])
        near, distance = near[close := distance < np.fmax(fwhm[near], width[row])], distance[close]
        found[row] = near[np.argmin(distance)] if len(near) else -1
    return found


def tied(source, tie, score):
    """Give detections that are tied together one source: that of the best of them.

    Parameters
    ----------
    source : array_like of int, shape (n,)
        Numbers of the sources.
    tie : array_like of int, shape (n,)
        Detections with the same number belong together; those with 0 are free.
    score : array_like, shape (n,)
        The higher, the better.

    Returns
    -------
    ndarray of int, shape (n,)
    """
    source, tie, score = np.array(source), np.asarray(tie), np.asarray(score, float)
    for number in np.unique(tie[tie > 0]):
        rows = np.flatnonzero(tie == number)
        source[rows] = source[rows[np.argmax(score[rows])]]
    return source


def _filled(column):
    return np.ma.filled(np.ma.asarray(column, float), np.nan)

"""How much boxes overlap, and which of several boxes around one thing is kept."""

import numpy as np
from scipy.spatial import cKDTree

from museml.errors import InputError, SettingError

__all__ = ["boxes_around", "diou", "iou", "near_pairs", "non_maximum_suppression", "objectness_threshold"]

TINY = 1e-9


def boxes_around(x, y, width, height=None):
    """Make boxes from their centres and sizes.

    Parameters
    ----------
    x, y : array_like, shape (n,)
        Centres.
    width, height : array_like, shape (n,)
        Full sizes; a height of None makes squares.

    Returns
    -------
    ndarray, shape (n, 4)
        Low x, low y, high x and high y.
    """
    height = width if height is None else height
    x, y, width, height = np.broadcast_arrays(*(np.asarray(v, float) for v in (x, y, width, height)))
    return np.stack([x - width / 2, y - height / 2, x + width / 2, y + height / 2], axis=-1)


def iou(first, second):
    """Return the area that boxes have in common over the area that they cover together.

    Parameters
    ----------
    first, second : array_like, shape (..., 4)
        Low x, low y, high x and high y; ``iou(first[:, None], second)`` compares each with each.

    Returns
    -------
    ndarray, shape (...)
        From 0 to 1. A box without area has 1 with its equal and 0 with others; one that is not finite has 0.
    """
    first, second = np.asarray(first, float), np.asarray(second, float)
    same = np.all(first == second, axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        sides = np.minimum(first[..., 2:], second[..., 2:]) - np.maximum(first[..., :2], second[..., :2])
        common = np.prod(np.clip(sides, 0, None), axis=-1)
        union = _area(first) + _area(second) - common
        return np.where(union > 0, np.clip(np.nan_to_num(common / union), 0, 1), same.astype(float))


def diou(first, second):
    """Return the overlap less the squared distance of the centres over that of the enclosing box's corners.

    Unlike `iou` it tells how far apart boxes are that have nothing in common (Zheng et al. 2020, AAAI 34, 12993).

    Parameters
    ----------
    first, second : array_like, shape (..., 4)
        As for `iou`.

    Returns
    -------
    ndarray, shape (...)
        From -1 to 1; -1 where a box is not finite.
    """
    first, second = np.asarray(first, float), np.asarray(second, float)
    with np.errstate(invalid="ignore", divide="ignore"):
        apart = np.sum((_centre(first) - _centre(second)) ** 2, axis=-1)
        sides = np.maximum(first[..., 2:], second[..., 2:]) - np.minimum(first[..., :2], second[..., :2])
        diagonal = np.sum(sides**2, axis=-1)
        penalty = np.where(diagonal == 0, 0.0, np.nan_to_num(apart / diagonal, nan=1.0, posinf=1.0))
    return iou(first, second) - penalty


def objectness_threshold(low, high):
    """Return a threshold for `non_maximum_suppression` that rises with the weaker box's score.

    A faint box must stand apart from a better one to be kept; a sure one may overlap with it.

    Parameters
    ----------
    low, high : float
        Thresholds at score 0 and at score 1; between them it rises evenly.
    """
    return lambda scores: low + (high - low) * np.clip(scores, 0, 1)


#: measures of overlap by name
MEASURES = {"iou": iou, "diou": diou}


def near_pairs(boxes, reach=1.0):
    """Find all pairs of boxes whose centres are closer than the sum of their half diagonals times ``reach``.

    With a reach of 1 no pair that overlaps is missed. Boxes are searched by classes of size, so that a large one does
    not make all others slow.

    Parameters
    ----------
    boxes : array_like, shape (n, 4)
        As for `iou`; those that are not finite have no neighbours.
    reach : float
        Factor on the distance.

    Returns
    -------
    first, second : ndarray of int, shape (pairs,)
        Rows, ``first`` below ``second``; each pair once, in order.
    """
    boxes = check_boxes(boxes)
    rows = np.flatnonzero(np.all(np.isfinite(boxes), axis=1))
    centre, half = _centre(boxes[rows]), np.hypot(*(boxes[rows, 2:] - boxes[rows, :2]).T) / 2
    found = [_near(centre, half, ours, theirs, reach) for ours, theirs in _class_pairs(half)]
    pairs = np.concatenate([np.zeros((0, 2), int), *found])
    pairs = np.sort(rows[pairs], axis=1)
    return tuple(pairs[np.lexsort(pairs.T[::-1])].T)


def non_maximum_suppression(boxes, scores, threshold=0.3, *, measure="iou", group=None):
    """Keep of boxes that overlap the best.

    In the order of the scores, each box that is still there removes the worse ones that overlap with it by more than
    the threshold.

    Parameters
    ----------
    boxes : array_like, shape (n, 4)
        Low x, low y, high x and high y.
    scores : array_like, shape (n,)
        The higher, the better; of equal scores the box that is further left, then further down, goes first, whatever
        the order of the rows is. NaN is the worst.
    threshold : float or callable
        Greatest overlap allowed, from 0, for 'diou' above -1; a callable makes it from the scores of the worse boxes,
        such as `objectness_threshold`.
    measure : {'iou', 'diou'}
        Of the overlap.
    group : array_like, shape (n,)
        Only boxes of one group are compared; by default all are.

    Returns
    -------
    ndarray of int
        Rows that are kept, the best first.

    Raises
    ------
    InputError
        If boxes are not of that shape, or upside down.
    SettingError
        If the threshold or the measure cannot be used.
    """
    if measure not in MEASURES:
        raise SettingError(f"measure must be 'iou' or 'diou', not {measure!r}; choose one of the two")
    boxes, scores = check_boxes(boxes), np.asarray(scores, float)
    if scores.shape != boxes.shape[:1]:
        raise InputError(f"there must be a score for each box, not {scores.shape} for {len(boxes)} boxes; give both")
    order = np.lexsort((*boxes.T[::-1], -np.nan_to_num(scores, nan=-np.inf)))
    limit = _limits(threshold, scores, measure)
    better, worse = _overlapping(boxes, order, limit, measure, group)
    return order[_survivors(len(boxes), better, worse)[order]]


def check_boxes(boxes):
    """Return boxes as an array, or raise `~museml.errors.InputError` if they are none."""
    boxes = np.asarray(boxes, float)
    if boxes.size == 0:
        boxes = boxes.reshape(0, 4)
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise InputError(f"boxes must have the shape (n, 4), not {boxes.shape}; give low x, low y, high x, high y")
    if np.any(boxes[:, 2:] < boxes[:, :2]):
        raise InputError("boxes must go from low to high corners; some are upside down; swap their corners")
    return boxes


def _limits(threshold, scores, measure):
    limit = np.asarray(threshold(scores) if callable(threshold) else threshold, float)
    limit = np.where(np.isfinite(scores), limit, 1.0 if callable(threshold) else limit)
    least = 0.0 if measure == "iou" else -1 + TINY
    if not np.all(limit >= least):
        raise SettingError(f"threshold must be from 0, for 'diou' above -1, not {limit.min():g}; give for example 0.3")
    return limit


def _overlapping(boxes, order, limit, measure, group):
    """Return the pairs that overlap too much: rows of the better and of the worse box."""
    first, second = near_pairs(boxes, _reach(limit) if measure == "diou" else 1.0)
    if group is not None:
        same = np.asarray(group)[first] == np.asarray(group)[second]
        first, second = first[same], second[same]
    place = np.argsort(order)
    ahead = place[first] < place[second]
    better, worse = np.where(ahead, first, second), np.where(ahead, second, first)
    too_much = MEASURES[measure](boxes[better], boxes[worse]) > limit[worse]
    better, worse = better[too_much], worse[too_much]
    sort = np.argsort(place[better], kind="stable")
    return better[sort], worse[sort]


def _reach(limit):
    """Return how far apart boxes may be, in sums of half diagonals, for their DIoU to be above the limit.

    A DIoU of -s^2 needs a distance d < s c, and the enclosing diagonal c is at most d and the half diagonals.
    """
    root = np.sqrt(max(0.0, -limit.min(initial=0.0)))
    return max(1.0, root / (1 - root))


def _survivors(number, better, worse):
    """Return which boxes stay, from the pairs in the order of their better boxes."""
    alive = np.ones(number, bool)
    starts = np.flatnonzero(np.diff(better, prepend=-1))
    for box, beaten in zip(better[starts], np.split(worse, starts[1:]), strict=False):
        if alive[box]:
            alive[beaten] = False
    return alive


def _class_pairs(half):
    """Yield pairs of arrays of rows: each class of size with itself and with the larger ones."""
    size = np.frexp(half)[1]
    classes = [np.flatnonzero(size == name) for name in np.unique(size)]
    for place, ours in enumerate(classes):
        for theirs in classes[place:]:
            yield ours, theirs


def _near(centre, half, ours, theirs, reach):
    """Return the pairs between two classes, as rows of an array; one within a class is told once."""
    radius = reach * (half[ours].max() + half[theirs].max())
    trees = (cKDTree(centre[rows]) for rows in (ours, theirs))
    found = next(trees).sparse_distance_matrix(next(trees), np.nextafter(radius, np.inf), output_type="ndarray")
    pairs = np.column_stack([ours[found["i"]], theirs[found["j"]]])
    near = found["v"] <= reach * (half[pairs[:, 0]] + half[pairs[:, 1]]) * (1 + 1e-12)
    if ours is theirs:
        near &= pairs[:, 0] < pairs[:, 1]
    return pairs[near]


def _area(boxes):
    return np.prod(boxes[..., 2:] - boxes[..., :2], axis=-1)


def _centre(boxes):
    return (boxes[..., :2] + boxes[..., 2:]) / 2

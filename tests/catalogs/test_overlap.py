import numpy as np
import pytest

from museml.catalogs.overlap import (
    boxes_around,
    diou,
    iou,
    near_pairs,
    non_maximum_suppression,
    objectness_threshold,
)
from museml.errors import InputError, SettingError


def draw_boxes(rng, number=150, field=60.0):
    """Return boxes of very different sizes, some of them equal, some without area."""
    x, y = rng.uniform(0, field, (2, number))
    width, height = rng.lognormal(1.5, 0.9, (2, number))
    boxes = boxes_around(x, y, width, height)
    boxes[:10] = boxes[10:20]
    boxes[20:30, 2:] = boxes[20:30, :2]
    boxes[25:28] = boxes[24]
    boxes[30:35, 2] = boxes[30:35, 0]
    return boxes


def count_cells(first, second):
    """Return the overlap of two boxes with whole corners, by counting unit cells."""
    covered = np.zeros((2, 20, 20), bool)
    for cells, box in zip(covered, (first, second), strict=True):
        cells[box[1] : box[3], box[0] : box[2]] = True
    return np.sum(covered.all(axis=0)) / max(np.sum(covered.any(axis=0)), 1)


def suppress_slowly(boxes, scores, threshold, measure):
    """Return what is kept, by the definition: one box after the other."""
    overlap, kept = measure(boxes[:, None], boxes), []
    for row in sorted(range(len(boxes)), key=lambda i: (-scores[i], *boxes[i])):
        limit = threshold(scores[row]) if callable(threshold) else threshold
        if not np.any(overlap[row, kept] > limit):
            kept.append(row)
    return kept


def test_overlap_is_that_of_counted_cells():
    rng = np.random.default_rng(1)
    corners = np.sort(rng.integers(0, 20, (200, 2, 2)), axis=1).reshape(200, 4)
    expected = [[count_cells(first, second) for second in corners[:30]] for first in corners]
    with_area = np.prod(corners[:, 2:] - corners[:, :2], axis=1) > 0
    values = iou(corners[:, None], corners[:30])
    assert values.shape == (200, 30)
    assert np.allclose(values[with_area], np.array(expected)[with_area])


def test_boxes_without_area_overlap_with_their_equals_only():
    point, line, box = [3.0, 3, 3, 3], [0.0, 3, 9, 3], [0.0, 0, 9, 9]
    assert iou(point, point) == 1 == diou(line, line)
    assert iou(point, box) == 0 == iou(line, box)
    assert iou(box, [np.nan] * 4) == 0
    assert diou([np.inf] * 4, box) == -1


def test_distance_counts_beside_overlap():
    box = boxes_around(0.0, 0.0, 3.0, 4.0)
    apart = boxes_around(np.array([0.0, 3, 6, 300]), 0.0, 3.0, 4.0)
    assert np.allclose(diou(box, apart), [1, -9 / 52, -36 / 97, -(300**2) / (303**2 + 16)])
    assert np.all(diou(box, apart) >= -1)


@pytest.mark.parametrize("reach", [1.0, 2.5])
def test_no_near_pair_is_missed_whatever_the_sizes(reach):
    boxes = draw_boxes(np.random.default_rng(2))
    boxes[40] = [-500, -500, 500, 500]
    centre, half = (boxes[:, :2] + boxes[:, 2:]) / 2, np.hypot(*(boxes[:, 2:] - boxes[:, :2]).T) / 2
    apart = np.hypot(*np.moveaxis(centre[:, None] - centre, -1, 0))
    i, j = np.nonzero(np.triu(apart <= reach * (half[:, None] + half) * (1 + 1e-12), 1))
    first, second = near_pairs(boxes, reach)
    assert np.array_equal(first, i)
    assert np.array_equal(second, j)


@pytest.mark.parametrize(
    ("measure", "threshold"),
    [("iou", 0.0), ("iou", 0.4), ("iou", objectness_threshold(0.0, 0.5)), ("diou", -0.4), ("diou", 0.0), ("diou", 0.6),
     ("diou", objectness_threshold(-0.5, 0.5))],
)  # fmt: skip
def test_suppression_is_that_of_the_definition(measure, threshold):
    for seed in range(3):
        rng = np.random.default_rng(seed)
        boxes = draw_boxes(rng)
        scores = rng.random(len(boxes)).round(1)
        kept = non_maximum_suppression(boxes, scores, threshold, measure=measure)
        expected = suppress_slowly(boxes, scores, threshold, {"iou": iou, "diou": diou}[measure])
        assert np.array_equal(boxes[kept], boxes[expected])  # of equal boxes either row may stay


def test_what_is_kept_does_not_depend_on_the_order_of_the_rows():
    rng = np.random.default_rng(3)
    boxes, scores = draw_boxes(rng), rng.random(150).round(1)
    kept, order = non_maximum_suppression(boxes, scores), rng.permutation(150)
    assert np.array_equal(boxes[kept], boxes[order][non_maximum_suppression(boxes[order], scores[order])])


def test_groups_do_not_see_each_other():
    boxes = boxes_around(np.zeros(4), 0.0, 5.0)
    scores = [0.1, 0.9, 0.8, np.nan]
    assert list(non_maximum_suppression(boxes, scores)) == [1]
    assert list(non_maximum_suppression(boxes, scores, group=["a", "b", "a", "c"])) == [1, 2, 3]


def test_boxes_that_are_not_finite_are_left_alone():
    boxes = np.array([[0.0, 0, 1, 1], [np.nan] * 4, [0, 0, 1, 1.1]])
    assert list(non_maximum_suppression(boxes, [1, 2, 3])) == [2, 1]


def test_no_boxes_are_fine():
    assert len(non_maximum_suppression([], [])) == 0
    assert len(near_pairs(np.zeros((0, 4)))[0]) == 0


def test_a_hundred_thousand_boxes_are_a_matter_of_seconds():
    rng = np.random.default_rng(4)
    boxes = boxes_around(*rng.uniform(0, 3000, (2, 100_000)), *rng.lognormal(2.2, 0.5, (2, 100_000)))
    kept = non_maximum_suppression(boxes, rng.random(100_000), 0.1)
    first, second = near_pairs(boxes[kept])
    assert np.all(iou(boxes[kept][first], boxes[kept][second]) <= 0.1)


def test_what_are_no_boxes_is_told():
    with pytest.raises(InputError, match=r"boxes must have the shape \(n, 4\), not \(3, 2\)"):
        near_pairs(np.zeros((3, 2)))
    with pytest.raises(InputError, match="some are upside down"):
        near_pairs([[0, 0, -1, 1]])
    with pytest.raises(InputError, match="there must be a score for each box"):
        non_maximum_suppression([[0, 0, 1, 1]], [1, 2])


def test_wrong_settings_are_told():
    with pytest.raises(SettingError, match="threshold must be from 0, for 'diou' above -1, not -0"):
        non_maximum_suppression([[0, 0, 1, 1]], [1], -0.5)
    with pytest.raises(SettingError, match="above -1, not -1; give"):
        non_maximum_suppression([[0, 0, 1, 1]], [1], -1, measure="diou")
    with pytest.raises(SettingError, match="measure must be 'iou' or 'diou', not 'giou'"):
        non_maximum_suppression([[0, 0, 1, 1]], [1], measure="giou")

"""Leaves of a dendrogram: by hand, by flooding, and by what astrodendro 0.3.1 gives for the same image."""

import sys

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, label

from museml.detectors.leaves import find_leaves, leaf_labels
from museml.errors import MissingPackageError

#: least value, least height, least number of pixels, and astrodendro's leaves: first pixel in the flat image, number
ASTRODENDRO = {
    (-1.0, 1.0, 20): (
        (8, 21), (20, 259), (46, 52), (59, 20), (212, 57), (335, 91), (844, 241), (1678, 71), (1895, 69), (2060, 104),
        (2067, 32), (2148, 32), (2323, 35), (2375, 124), (2775, 80), (2810, 59), (3099, 32), (3346, 151), (3438, 79),
        (3531, 75), (3726, 30), (3892, 27),
    ),
    (0.0, 0.5, 5): (
        (8, 11), (20, 5), (26, 6), (31, 14), (40, 11), (46, 52), (59, 20), (212, 57), (316, 11), (335, 91), (505, 11),
        (844, 241), (870, 24), (910, 7), (951, 21), (1172, 23), (1524, 17), (1680, 6), (1747, 12), (1897, 11),
        (2020, 37), (2102, 21), (2137, 26), (2148, 32), (2323, 35), (2482, 33), (2585, 11), (2721, 33), (2732, 7),
        (2880, 6), (2915, 8), (2938, 18), (3016, 24), (3037, 13), (3051, 11), (3099, 28), (3131, 12), (3346, 19),
        (3439, 17), (3532, 43), (3662, 14), (3690, 13), (3716, 51), (3843, 9), (3865, 10), (3892, 27), (3907, 13),
        (4043, 9), (4128, 5),
    ),
}  # fmt: skip
TWO_PEAKS = np.array([[0, 2, 9, 4, 3, 4, 7, 2, 0], [0, 1, 5, 2, 1, 2, 5, 1, 0]], float)


@pytest.fixture(scope="module")
def image():
    """A smooth random image in units of its scatter."""
    smooth = gaussian_filter(np.random.default_rng(3).standard_normal((60, 70)), 1.5)
    return np.round(smooth / smooth.std(), 6)


@pytest.mark.parametrize("settings", ASTRODENDRO, ids=str)
def test_leaves_are_those_of_astrodendro(image, settings):
    labels = leaf_labels(image, *settings)
    found = {(np.flatnonzero(labels == number)[0], np.sum(labels == number)) for number in range(1, labels.max() + 1)}
    assert found == set(ASTRODENDRO[settings])


def test_a_leaf_is_what_is_connected_above_the_saddle(image):
    index = np.flatnonzero(image > 0)
    leaves = find_leaves(image.flat[index], index, image.shape[1])
    for number in range(len(leaves)):
        floor = 0 if np.isnan(leaves.level[number]) else leaves.level[number]
        regions = label(image > floor)[0].flat[index]
        np.testing.assert_array_equal(leaves.labels == number, regions == regions[leaves.peak[number]])


def test_leaves_of_one_trunk_are_connected_above_the_least_value(image):
    index = np.flatnonzero(image > 0)
    leaves = find_leaves(image.flat[index], index, image.shape[1], 0.5, 5)
    islands = label(image > 0)[0].flat[index][leaves.peak]
    assert len(set(zip(islands, leaves.trunk, strict=True))) == len(set(islands)) == len(set(leaves.trunk))


@pytest.mark.parametrize(("delta", "npix", "leaves"), [(0, 0, 2), (3.5, 0, 2), (4.5, 0, 1), (0, 5, 1)])
def test_low_and_small_leaves_join_their_neighbour(delta, npix, leaves):
    assert leaf_labels(TWO_PEAKS, 0.5, delta, npix).max() == leaves


def test_the_ends_of_two_rows_do_not_touch():
    assert leaf_labels(np.array([[0, 0, 5.0], [4, 0, 0]]), 1).max() == 2


def test_nothing_above_the_least_value_gives_no_leaf():
    assert leaf_labels(np.full((3, 4), np.nan), 1).max() == 0
    assert len(find_leaves(np.zeros(0), np.zeros(0, int), 4)) == 0


def test_numba_is_asked_for_by_name(monkeypatch):
    monkeypatch.setitem(sys.modules, "numba", None)
    monkeypatch.delitem(sys.modules, "museml.detectors.component_tree", raising=False)
    with pytest.raises(MissingPackageError, match=r"pip install 'museml\[images\]'"):
        leaf_labels(TWO_PEAKS, 1)

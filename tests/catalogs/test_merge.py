import numpy as np
import pytest
from astropy.table import Table

from museml.catalogs.merge import consecutive, group, known_lines, repeated, tied


def group_by_hand(x, y, score, radius, may):
    order = sorted(range(len(x)), key=lambda k: (-score[k], k))
    seeds = []
    numbers = [0] * len(x)
    for row in order:
        distances = [np.hypot(x[row] - x[s], y[row] - y[s]) for s in seeds]
        if may[row] and all(d > radius for d in distances):
            seeds.append(row)
            numbers[row] = len(seeds)
        elif distances and min(distances) <= radius:
            numbers[row] = int(np.argmin(distances)) + 1
    return numbers


@pytest.mark.parametrize("seed", range(5))
def test_grouping_is_as_by_hand(seed):
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(0, 30, (2, 120))
    score, may = rng.integers(0, 20, 120), rng.random(120) < 0.8
    assert group(x, y, score, 3.0, may).tolist() == group_by_hand(x, y, score, 3.0, may)


def test_a_chain_does_not_percolate():
    x = np.arange(0.0, 40.0)
    source = group(x, np.zeros(40), -x, 3.0)
    for number in np.unique(source):
        assert np.ptp(x[source == number]) <= 6
    assert source.max() > 5


def test_a_detection_between_two_sources_joins_the_nearer():
    assert group([0.0, 5.0, 3.5], [0.0, 0.0, 0.0], [9, 8, 7], 4.0).tolist() == [1, 2, 2]


def test_a_detection_does_not_join_a_worse_one():
    assert group([0.0, 3.5, 5.0], [0.0, 0.0, 0.0], [9, 8, 7], 4.0).tolist() == [1, 1, 2]


def test_grouping_does_not_depend_on_the_order_of_rows():
    rng = np.random.default_rng(1)
    x, y, score = rng.uniform(0, 20, (3, 60))
    order = rng.permutation(60)
    assert np.array_equal(group(x, y, score, 2.0)[order], group(x[order], y[order], score[order], 2.0))


def test_nothing_gives_nothing():
    assert len(group([], [], [], 1.0)) == 0
    assert len(repeated([], [], [], [])) == 0
    assert len(consecutive([], [])) == 0


def test_without_seeds_there_is_no_source():
    assert group([1.0, 2.0], [1.0, 2.0], [1, 2], 3.0, [False, False]).tolist() == [0, 0]


def test_a_line_split_by_residuals_counts_once():
    source = [1, 1, 1, 2, 2]
    wave = [7126.0, 7129.0, 7148.0, 7126.0, np.nan]
    width = [6.0, 2.0, 6.0, 6.0, np.nan]
    assert repeated(source, wave, width, [9, 5, 8, 3, 10]).tolist() == [False, True, False, False, False]


def test_repetitions_do_not_chain():
    wave = 5000 + 2.0 * np.arange(6)
    assert repeated(np.ones(6), wave, np.full(6, 3.0), -np.arange(6)).tolist() == [False, True] * 3


@pytest.mark.parametrize("seed", range(3))
def test_repetitions_are_as_by_hand(seed):
    rng = np.random.default_rng(seed)
    source, wave = rng.integers(1, 5, 60), rng.uniform(5000, 5100, 60)
    width, score = rng.uniform(2, 6, 60), rng.integers(0, 10, 60)
    kept = []
    for row in sorted(range(60), key=lambda k: (-score[k], k)):
        if not any(source[row] == source[k] and abs(wave[row] - wave[k]) < max(width[row], width[k]) for k in kept):
            kept.append(row)
    assert np.flatnonzero(~repeated(source, wave, width, score)).tolist() == sorted(kept)


def test_sources_are_numbered_by_their_best_detection_without_gaps():
    assert consecutive([7, 3, 7, 9], [1.0, 5.0, 6.0, 2.0]).tolist() == [1, 2, 1, 3]


def line_table(*rows):
    return Table(rows=rows, names=("x", "y", "wave", "fwhm"))


def test_a_line_is_known_where_place_and_wavelength_agree():
    lines = line_table((5.0, 5.0, 5000.0, 4.0), (5.0, 5.5, 5003.0, 4.0), (20.0, 5.0, 5000.0, 4.0))
    others = line_table((5.5, 5.0, 5002.0, 3.0), (5.0, 9.0, 5000.0, 3.0), (20.0, 5.0, 5010.0, 3.0), (20, 5, 5007, 8))
    assert known_lines(lines, others, 2.0).tolist() == [1, -1, -1, 2]
    assert known_lines(lines[:0], others, 2.0).tolist() == [-1] * 4
    assert known_lines(lines, others[:0], 2.0).tolist() == []


def test_what_is_tied_is_one_source():
    assert tied([1, 2, 3, 4, 5], [0, 7, 0, 7, 0], [5, 4, 3, 2, 1]).tolist() == [1, 2, 3, 2, 5]

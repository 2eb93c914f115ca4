import numpy as np
import pytest

from museml.training.split import split_groups


def test_no_group_is_on_both_sides():
    groups = np.random.default_rng(0).integers(0, 20, 500)
    chosen = split_groups(groups, 0.25, seed=1)
    assert not set(groups[chosen]) & set(groups[~chosen])
    assert len(set(groups[chosen])) == 5


def test_the_seed_decides():
    groups = np.arange(50)
    assert np.array_equal(split_groups(groups, 0.3, 1), split_groups(groups, 0.3, 1))
    assert not np.array_equal(split_groups(groups, 0.3, 1), split_groups(groups, 0.3, 2))


@pytest.mark.parametrize("fraction", [0.0, 1.0])
def test_neither_side_is_empty(fraction):
    chosen = split_groups(["a", "a", "b"], fraction, 0)
    assert chosen.any()
    assert not chosen.all()

import numpy as np
import pytest

from museml.errors import InputError
from museml.training.split import split_objects, train_rows

OBJECTS = np.repeat([f"object {i}" for i in range(40)], np.arange(40) % 4 + 1)


def test_no_object_is_in_two_parts():
    part = split_objects(OBJECTS, 5)
    assert all(len(np.unique(part[name == OBJECTS])) == 1 for name in np.unique(OBJECTS))


def test_parts_are_of_nearly_the_same_size():
    assert np.ptp(np.bincount(split_objects(OBJECTS, 5))) <= 1


def test_the_split_follows_from_the_seed_and_not_from_the_order():
    part, order = split_objects(OBJECTS, 5, seed=3), np.random.default_rng(0).permutation(len(OBJECTS))
    assert np.array_equal(split_objects(OBJECTS[order], 5, seed=3), part[order])
    assert not np.array_equal(split_objects(OBJECTS, 5, seed=4), part)


def test_every_row_is_tested_once():
    part = split_objects(OBJECTS, 5)
    tested = np.concatenate([train_rows(part, test, 5)["test"] for test in range(5)])
    assert sorted(tested) == list(range(len(OBJECTS)))


def test_training_validation_and_test_share_nothing():
    rows = train_rows(split_objects(OBJECTS, 5), 4, 5)
    together = np.concatenate(list(rows.values()))
    assert sorted(together) == list(range(len(OBJECTS)))
    assert len(rows["training"]) > 2 * len(rows["validation"])


def test_too_few_objects_cannot_be_split():
    with pytest.raises(InputError, match="a split into 5 parts needs as many objects; there are 2"):
        split_objects(["a", "b", "a"], 5)

import numpy as np
import pytest

from museml import Batch
from museml.data.preparation import check_steps, prepare_input
from museml.errors import ModelError


@pytest.fixture
def batch():
    values = np.array([[[1.0], [np.nan], [1e6]]], np.float32)
    mask = np.array([[[False], [False], [True]]])
    return Batch(("a",), values, np.ones_like(values), mask)


def test_masked_and_nan_become_zero(batch):
    assert prepare_input(batch, ())[0, :, 0].tolist() == [1, 0, 0]


def test_a_stretch_compresses(batch):
    assert prepare_input(batch, ({"step": "stretch", "scale": 0.5},))[0, 0, 0] == pytest.approx(np.arcsinh(2))


def test_the_mask_becomes_a_channel(batch):
    prepared = prepare_input(batch, ({"step": "append_mask"},))
    assert prepared.shape == (1, 3, 2)
    assert prepared[0, :, 1].tolist() == [0, 1, 1]
    assert prepared.dtype == np.float32


def test_the_batch_is_not_changed(batch):
    prepare_input(batch, ({"step": "stretch"}, {"step": "append_mask"}))
    assert np.isnan(batch.values[0, 1, 0])
    assert batch.mask.sum() == 1


def test_an_unknown_step_is_refused():
    with pytest.raises(ModelError, match=r"step 'stretch'; known: stretch, append_mask"):
        check_steps(["stretch"])

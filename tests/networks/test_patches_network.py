import numpy as np
import pytest

from museml.data.patches import QUANTITIES, components_of, encode
from museml.networks.backend import load_keras, to_array
from museml.networks.patches import build_patches_network
from museml.networks.patches_loss import patches_loss

SHAPE = (64, 64)


@pytest.fixture(scope="module")
def targets():
    two = components_of([20.0, 45.0], [30.0, 12.0], [50.0, 9.0], [8.0, 4.0], [5.0, 4.0], [30.0, 0.0], [30.0, 8.0])
    return encode(two, SHAPE)[None]


@pytest.fixture(scope="module")
def perfect(targets):
    near = (np.abs(targets[..., 0, :2]).max(axis=-1) <= 1) & (targets[..., 0, -1] > 0)
    return np.concatenate([np.where(near, 15.0, -15.0)[..., None], targets[..., 0, :-1]], axis=-1).astype(np.float32)


def loss(targets, outputs):
    ops = load_keras().ops
    return to_array(patches_loss(ops.convert_to_tensor(targets), ops.convert_to_tensor(outputs)))


def test_it_answers_for_each_cell_of_images_of_any_shape():
    network = build_patches_network(len(QUANTITIES))
    assert network.count_params() < 1_500_000
    for shape in ((32, 48), (64, 16)):
        assert network(np.zeros((2, *shape, 2), np.float32)).shape == (2, shape[0] // 4, shape[1] // 4, 8)


def test_the_right_answer_has_no_loss(targets, perfect):
    assert loss(targets, perfect)[0] < 0.01


@pytest.mark.parametrize("quantity", range(len(QUANTITIES)))
def test_each_wrong_quantity_costs(targets, perfect, quantity):
    wrong = perfect.copy()
    wrong[..., quantity] = -wrong[..., quantity] + 0.5
    assert loss(targets, wrong)[0] > loss(targets, perfect)[0] + 0.05


def test_a_cell_answers_for_the_component_that_its_box_fits_best(targets, perfect):
    swapped = targets[..., ::-1, :].copy()
    assert np.allclose(loss(swapped, perfect), loss(targets, perfect))


def test_where_nothing_is_known_nothing_is_asked(targets, perfect):
    unknown = np.where(targets[..., -1:] > 0, -1.0, targets[..., -1:])
    unknown = np.concatenate([targets[..., :-1], unknown], axis=-1).astype(np.float32)
    sure = perfect.copy()
    sure[..., 0] = np.where(targets[..., 0, -1] > 0, 15.0, -15.0)
    assert loss(unknown, sure)[0] < 0.01

import numpy as np
import pytest
from astropy import units as u

from museml import Batch, Model, ModelCard, conf, load_model
from museml.data.probabilities import apply_calibration
from museml.errors import InputError, ModelError, SettingError, UnknownNameError
from museml.networks.backend import load_keras

AXIS = np.arange(5) * u.Angstrom


@pytest.fixture(scope="module")
def model():
    keras = load_keras()
    keras.utils.set_random_seed(0)
    entry = keras.Input((5, 2), name="entry")
    hidden = keras.layers.Conv1D(4, 3, activation="silu", name="hidden")(entry)
    out = keras.layers.Dense(2, name="out")(keras.layers.Flatten(name="flat")(hidden))
    card = ModelCard("toy", "1.0", "a toy", "which?", ("spectrum",), ("a", "b"), "none", "always", "none")
    return Model.from_network(
        keras.Model(entry, out, name="toy"), card, axis=AXIS, preparation=({"step": "append_mask"},)
    )


def batch(n=7, axis=AXIS):
    values = np.random.default_rng(0).normal(size=(n, 5, 1)).astype(np.float32)
    return Batch(tuple("abcdefghij"[:n]), values, np.ones_like(values), np.zeros(values.shape, bool), axis)


def test_probabilities_add_up_to_one(model):
    assert np.allclose(model.predict(batch()).sum(axis=1), 1)


def test_the_answer_does_not_depend_on_the_number_of_rows(model):
    together = model.predict(batch())
    single = np.concatenate([model.predict(batch().rows(i, i + 1)) for i in range(7)])
    assert np.array_equal(together, single)


def test_no_rows_give_no_answers(model):
    assert model.predict(batch().rows(0, 0)).shape == (0, 2)


def test_nan_counts_as_masked(model):
    masked, nan = batch(), batch()
    masked.mask[2, 1:3] = True
    nan.values[2, 1:3] = np.nan
    nan.mask[2, 1:3] = True
    assert np.array_equal(model.predict(masked), model.predict(nan))


def test_a_row_without_data_has_no_probability(model):
    empty = batch()
    empty.mask[3] = True
    probabilities = model.predict(empty)
    assert np.isnan(probabilities[3]).all()
    assert np.isfinite(np.delete(probabilities, 3, axis=0)).all()


def test_another_shape_is_refused(model):
    short = Batch(("a",), np.zeros((1, 4, 1)), np.ones((1, 4, 1)), np.zeros((1, 4, 1), bool), AXIS[:4])
    with pytest.raises(InputError, match=r"takes data of shape \(5,\), the batch has \(4,\); prepare"):
        model.predict(short)


@pytest.mark.parametrize("axis", [AXIS + 0.5 * u.Angstrom, None, AXIS.value * u.s])
def test_another_axis_is_refused(model, axis):
    with pytest.raises(InputError, match=r"takes data on the axis 0.00 Angstrom to 4.00 Angstrom in 5 steps"):
        model.predict(batch(axis=axis))


def test_an_axis_in_another_unit_is_the_same(model):
    assert np.array_equal(model.predict(batch(axis=AXIS.to(u.nm))), model.predict(batch()))


def test_a_temperature_makes_answers_milder():
    outputs = np.array([[3.0, 0.0]])
    sharp = apply_calibration(outputs, {"scale": 1.0, "offset": [0.0]})
    mild = apply_calibration(outputs, {"scale": 0.5, "offset": [0.0]})
    assert sharp[0, 0] == pytest.approx(1 / (1 + np.exp(-3)))
    assert 0.5 < mild[0, 0] < sharp[0, 0]


def test_an_axis_needs_a_unit(model):
    with pytest.raises(ModelError, match="must be a Quantity, not ndarray"):
        Model(model.card, model.config, model.weights, axis=np.arange(5))


def test_an_unknown_step_is_refused(model):
    with pytest.raises(ModelError, match=r"step {'step': 'exec'}; known: stretch, append_mask"):
        Model(model.card, model.config, model.weights, ({"step": "exec"},))


def test_an_unknown_name_lists_the_known():
    with pytest.raises(UnknownNameError, match="no model named 'realty'; known: reality"):
        load_model("realty")


def test_the_users_own_folder_goes_first(model, tmp_path):
    model.save(tmp_path / "reality.asdf")
    with conf.set_temp("model_folder", str(tmp_path)):
        assert load_model("reality").card.name == "toy"


def test_a_missing_model_folder_is_told(tmp_path):
    with (
        conf.set_temp("model_folder", str(tmp_path / "none")),
        pytest.raises(SettingError, match="model_folder must be a folder"),
    ):
        load_model("reality")


def test_an_unknown_device_is_told(model):
    with conf.set_temp("device", "tpu"), pytest.raises(SettingError, match="'auto', 'cpu' or 'gpu', not 'tpu'"):
        model.predict(batch())


def test_the_cpu_can_be_chosen(model):
    expected = model.predict(batch())
    with conf.set_temp("device", "cpu"):
        assert np.allclose(model.predict(batch()), expected)


def test_no_gpu_is_told(model):
    if load_keras().distribution.list_devices("gpu"):
        pytest.skip("there is a GPU")
    with conf.set_temp("device", "gpu"), pytest.raises(SettingError, match="Keras sees no GPU; set 'auto' or 'cpu'"):
        model.predict(batch())

import json
from dataclasses import replace

import numpy as np
import pytest

from museml.data import redshift_bins as bins
from museml.data.log_grid import DLN, START, to_log_grid
from museml.errors import ModelError
from museml.model import Model, ModelCard, load_model
from museml.networks.architecture import build_network, check_architecture
from museml.networks.backend import load_keras, to_array
from museml.networks.layers import own_layer
from museml.networks.redshift import build_redshift_network
from museml.simulation.spectra import simulate_spectra

SIZES = {"width": 8, "features": 4, "templates": 6, "hidden": 8}
PREPARATION = ({"step": "spectrum_channels"},)


@pytest.fixture(scope="module")
def network():
    load_keras().utils.set_random_seed(1)
    return build_redshift_network((4096, 7), bins.N_BINS // 2, **SIZES)


@pytest.fixture(scope="module")
def model(network):
    words = dict.fromkeys(("name", "version", "summary", "task", "training_data", "failures", "recipe"), "test")
    card = ModelCard(accepts=("spectrum",), classes=bins.CLASSES, **words)
    return Model.from_network(network, card, preparation=PREPARATION, reading="redshift")


@pytest.fixture(scope="module")
def spectra():
    return simulate_spectra(5, seed=3)[0]


def make_correlation(positions, features, templates, redshifts):
    layer = own_layer("RedshiftCorrelation")(templates, redshifts)
    layer.build((None, positions, features))
    return layer


def test_correlation_is_the_sum_over_positions():
    layer, rng = make_correlation(12, 3, 2, 20), np.random.default_rng(0)
    kernel, data = rng.normal(size=(3, 2, 31)), rng.normal(size=(4, 12, 3))
    layer.kernel.assign(kernel)
    plain = np.array([
        [[sum(data[n, i] @ kernel[:, k, 11 + s - i] for i in range(12)) for k in range(2)] for s in range(20)]
        for n in range(4)
    ])  # fmt: skip
    assert np.allclose(to_array(layer(data.astype(np.float32))), plain, atol=1e-4)


def test_a_shift_of_the_spectrum_is_a_shift_of_the_scores():
    layer, rng = make_correlation(64, 2, 3, 100), np.random.default_rng(0)
    data = np.zeros((1, 64, 2), np.float32)
    data[:, 20:40] = rng.normal(size=(1, 20, 2))
    scores, shifted = (to_array(layer(part)) for part in (data, np.roll(data, 7, axis=1)))
    assert np.allclose(shifted[:, 7:], scores[:, :-7], atol=1e-5)


def test_a_shifted_spectrum_has_a_shifted_answer(network):
    """A line on an even ground, moved by 40 pixels, has the same logits 10 steps on."""
    data = np.zeros((2, 4096, 7), np.float32)
    data[0, 2000:2010, :3] = 3
    data[1, 2040:2050, :3] = 3
    logits = to_array(network(data, training=False))[:, bins.GALAXY].reshape(2, -1)
    assert np.allclose(logits[0, 200:5000], logits[1, 220:5020], atol=1e-4)


def test_any_window_has_its_own_redshifts(model, spectra):
    """The same pixels taken for a bluer window mean redshifts lower by the ratio of wavelengths."""
    placed = to_log_grid(spectra)
    outputs = model.outputs(placed)
    here = bins.posterior(outputs, START, model.calibration)
    there = bins.posterior(outputs, START * np.exp(-400 * DLN), model.calibration)
    assert np.allclose(there.lnz, here.lnz - 400 * DLN)
    assert np.all(there.galaxy[:, :200] < 1e-12)
    ratio = there.galaxy[:, 300:] / here.galaxy[:, 300:]
    assert np.allclose(ratio, ratio[:, :1], rtol=1e-3)


def test_masked_pixels_do_not_matter(model, spectra):
    mask = spectra.mask.copy()
    mask[:, 1000:1200] = True
    dirty = spectra.values.copy()
    dirty[:, 1000:1200] = 1e9

    one, other = (model.outputs(to_log_grid(replace(spectra, values=v, mask=mask))) for v in (spectra.values, dirty))
    assert np.array_equal(one, other)


def test_classes_add_up(model, spectra):
    assert np.allclose(model.predict(spectra).sum(axis=1), 1, atol=1e-5)


def test_a_saved_model_answers_the_same(model, spectra, tmp_path):
    model.save(tmp_path / "model.asdf")
    again = load_model(tmp_path / "model.asdf")
    assert again.sha256 == model.sha256
    assert again.reading == "redshift"
    assert np.array_equal(again.predict(spectra), model.predict(spectra))


def test_the_network_may_be_loaded_from_a_file(network):
    config = json.loads(json.dumps(load_keras().saving.serialize_keras_object(network)))
    check_architecture(config)
    built = build_network(config, {v.path: tuple(v.shape) for v in network.weights})
    assert built.output_shape == (None, bins.N_OUTPUTS)


def test_a_layer_that_only_looks_like_one_of_ours_is_refused(network):
    config = json.loads(json.dumps(load_keras().saving.serialize_keras_object(network)))
    layer = next(part for part in config["config"]["layers"] if part["class_name"] == "RedshiftCorrelation")
    layer["registered_name"] = "elsewhere>RedshiftCorrelation"
    with pytest.raises(ModelError, match="not on the allow-list"):
        check_architecture(config)


def test_a_reading_must_be_known(model):

    with pytest.raises(ModelError, match="read as classes or boxes or redshift, not 'tea leaves'"):
        replace(model, reading="tea leaves")


def test_a_model_of_redshifts_has_its_four_classes(model, spectra):

    odd = replace(model, card=replace(model.card, classes=("galaxy", "star")))
    with pytest.raises(ModelError, match="must have 0 outputs for the classes galaxy, star"):
        odd.predict(spectra)

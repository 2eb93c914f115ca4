import numpy as np
import pytest

from museml.networks.backend import load_keras, to_array
from museml.training.fit import fit_network


def network():
    keras = load_keras()
    keras.utils.set_random_seed(3)
    entry = keras.Input((4,), name="entry")
    return keras.Model(entry, keras.layers.Dense(2, name="out")(entry))


@pytest.fixture
def data():
    values = np.random.default_rng(0).normal(size=(200, 4)).astype(np.float32)
    labels = (values[:, 0] < 0).astype(int)
    return values, labels, np.ones(200)


def test_a_line_between_classes_is_learnt(data):
    history = fit_network(network(), data, data, epochs=30, rate=0.05)
    assert history["val_accuracy"][-1] > 0.95
    assert history["loss"][-1] < history["loss"][0]


def test_the_same_seed_gives_the_same_weights(data):
    nets = [network(), network()]
    for net in nets:
        fit_network(net, data, data, epochs=2, seed=5)
    first, second = (to_array(net.layers[-1].kernel.value) for net in nets)
    assert np.array_equal(first, second)


def test_it_stops_when_it_no_longer_gains(data):
    values, labels, weights = data
    wrong = values, 1 - labels, weights
    history = fit_network(network(), data, wrong, epochs=50, rate=0.05, patience=3)
    assert len(history["loss"]) < 15


def test_augmentation_log_and_checkpoint_are_used(data, tmp_path):
    seen = []

    def augment(values, rng):
        seen.append(len(values))
        return values

    options = {"log": tmp_path / "log.csv", "checkpoint": tmp_path / "best.weights.h5"}
    fit_network(network(), data, data, epochs=2, batch_size=64, augment=augment, **options)
    assert set(seen) == {64}
    assert len((tmp_path / "log.csv").read_text().splitlines()) == 3
    assert (tmp_path / "best.weights.h5").exists()

import numpy as np
import pytest

from museml.errors import OutputError
from museml.networks.backend import load_keras
from museml.training.resumable import FitSettings, fit_drawn

SETTINGS = FitSettings(epochs=6, steps=5, batch_size=16, rate=0.05, patience=6, seed=3)
TRUTH = np.array([[1.0], [-2.0]])


def make_network():
    keras = load_keras()
    keras.utils.set_random_seed(0)
    inputs = keras.Input((2,))
    return keras.Model(inputs, keras.layers.Dense(1)(keras.layers.Dropout(0.1)(inputs)))


def loss(targets, outputs):
    return load_keras().ops.mean(load_keras().ops.square(targets - outputs), axis=-1)


def draw(rng, n):
    inputs = rng.normal(size=(n, 2)).astype(np.float32)
    return inputs, (inputs @ TRUTH).astype(np.float32)


VALIDATION = draw(np.random.default_rng(99), 64)


class Power:
    """Draws until the power fails."""

    def __init__(self, draws):
        self.draws = draws

    def __call__(self, rng, n):
        self.draws -= 1
        if self.draws < 0:
            raise KeyboardInterrupt
        return draw(rng, n)


def test_the_network_learns_and_keeps_its_best_epoch():
    network = make_network()
    history = fit_drawn(network, loss, draw, VALIDATION, SETTINGS)
    assert history["val_loss"][-1] < 0.3 * history["val_loss"][0]
    assert len(history["loss"]) == len(history["rate"]) == 6
    assert history["rate"][-1] < 0.2 * history["rate"][0]
    outputs = np.array(load_keras().ops.convert_to_numpy(network(VALIDATION[0])))
    assert np.mean((outputs - VALIDATION[1]) ** 2) == pytest.approx(min(history["val_loss"]), rel=1e-4)


def test_a_fit_that_was_stopped_ends_as_if_it_had_not_been(tmp_path):
    straight, stopped = make_network(), make_network()
    expected = fit_drawn(straight, loss, draw, VALIDATION, SETTINGS)
    with pytest.raises(KeyboardInterrupt):
        fit_drawn(stopped, loss, Power(13), VALIDATION, SETTINGS, folder=tmp_path)
    resumed = make_network()
    history = fit_drawn(resumed, loss, Power(20), VALIDATION, SETTINGS, folder=tmp_path, resume=True)
    assert history["val_loss"] == pytest.approx(expected["val_loss"], rel=1e-5)
    for one, other in zip(resumed.get_weights(), straight.get_weights(), strict=True):
        assert one == pytest.approx(other, rel=1e-5)


def test_a_finished_fit_is_not_repeated(tmp_path):
    first = fit_drawn(make_network(), loss, draw, VALIDATION, SETTINGS, folder=tmp_path)
    network = make_network()
    assert fit_drawn(network, loss, Power(0), VALIDATION, SETTINGS, folder=tmp_path, resume=True) == first


def test_training_stops_when_nothing_is_gained():
    def noise(rng, n):
        return draw(rng, n)[0], rng.normal(size=(n, 1)).astype(np.float32)

    settings = FitSettings(epochs=200, steps=2, batch_size=16, rate=0.05, patience=2, seed=3)
    history = fit_drawn(make_network(), loss, noise, noise(np.random.default_rng(1), 64), settings)
    assert len(history["loss"]) < 100
    assert np.argmin(history["val_loss"]) == len(history["val_loss"]) - 3


def test_a_state_of_another_fit_is_refused(tmp_path):
    fit_drawn(make_network(), loss, draw, VALIDATION, SETTINGS, folder=tmp_path)
    other = FitSettings(epochs=9)
    with pytest.raises(OutputError, match="it was made with other settings; begin anew"):
        fit_drawn(make_network(), loss, draw, VALIDATION, other, folder=tmp_path, resume=True)
    (tmp_path / "state.npz").write_bytes(b"half")
    with pytest.raises(OutputError, match="training cannot go on from"):
        fit_drawn(make_network(), loss, draw, VALIDATION, SETTINGS, folder=tmp_path, resume=True)

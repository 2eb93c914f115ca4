import threading
import time

import numpy as np
import pytest

from museml.data import redshift_bins as bins
from museml.data.log_grid import START, nearest_start
from museml.networks.backend import load_keras, to_array
from museml.training import redshift_pool
from museml.training.redshift import (
    Pool,
    make_pool,
    mixed_draw,
    observed,
    redshift_loss,
    redshift_targets,
    simulated_draw,
)
from museml.training.redshift_calibration import fit_redshift_calibration, near
from museml.training.redshift_fit import AHEAD_NAME, ahead, fit_redshift
from museml.training.redshift_pool import read_pool
from museml.training.redshift_scores import first_answers

PLAIN = {"scale": 1.0, "offset": [0.0]}


@pytest.fixture(scope="module")
def pool():
    return make_pool(24, 5)


def logits(z, kind=0, second=None, height=20.0, start=START):
    outputs = np.zeros((1, bins.N_OUTPUTS), np.float32)
    outputs[0, bins.NOTHING if kind == 3 else kind * bins.N_BINS + round(float(bins.bin_of(z, start)))] += height
    outputs[0, bins.NO_SECOND if second is None else bins.SECOND.start + round(float(bins.bin_of(second)))] += height
    return outputs


def loss(outputs, kind, z, second=np.nan, start=START):
    targets = redshift_targets([kind], [z], [second], start)
    return float(to_array(redshift_loss(targets, outputs))[0])


@pytest.mark.parametrize("kind", [0, 1, 2, 3])
def test_the_right_answer_costs_least(kind):
    z, name = (0.0005 if kind == 2 else 1.234), bins.CLASSES[kind]
    right = loss(logits(z, kind), name, np.nan if kind == 3 else z)
    wrong = [loss(logits(z, other), name, np.nan if kind == 3 else z) for other in range(4) if other != kind]
    assert right < min(wrong)


def test_a_second_object_that_the_window_cannot_show_has_no_loss():
    start = nearest_start(1.08 * START)
    losses = [loss(logits(1.0, second=z, start=start), "galaxy", 1.0, 0.01, start) for z in (None, 0.0, 0.5)]
    assert np.ptp(losses) < 1e-4


def test_a_redshift_beside_the_truth_costs_less_than_one_far_off():
    right, beside, far = (loss(logits(z), "galaxy", 1.0) for z in (1.0, 1.0007, 1.1))
    assert right < beside < far


def test_the_second_answer_is_asked_for_the_object_that_the_first_did_not_name():
    for first, second in ((0.5, 2.0), (2.0, 0.5)):
        told, again = (
            loss(logits(first, 0, second), "galaxy", 0.5, 2.0),
            loss(logits(first, 0, first), "galaxy", 0.5, 2.0),
        )
        assert told < again


def test_in_another_window_the_targets_are_shifted():
    start = nearest_start(3800)
    assert loss(logits(0.7, start=start), "galaxy", 0.7, start=start) == pytest.approx(
        loss(logits(0.7), "galaxy", 0.7), 0.2
    )


def test_draws_are_what_the_network_takes(pool):
    draw = mixed_draw([(simulated_draw(pool, blends=0.5), 1.0), (simulated_draw(pool, shifted=1, binned=1), 0.5)])
    for seed in range(3):
        inputs, targets = draw(np.random.default_rng(seed), 6)
        again, _ = draw(np.random.default_rng(seed), 6)
        assert inputs.shape == (6, 4096, 7)
        assert targets.shape == (6, 4)
        assert np.isfinite(inputs).all()
        assert np.array_equal(inputs, again)


def test_the_nominal_mode_does_not_see_the_blue(pool):
    batch, _ = observed(pool, np.random.default_rng(0), 8, mode=1.0)
    assert batch.mask[:, batch.axis.value < 4749].all()
    assert not batch.mask.all(axis=1).any()


def test_in_a_shifted_window_all_objects_have_an_answer(pool):
    for wave in (3600, 5000):
        start = nearest_start(wave)
        _, (_, z, _) = observed(pool, np.random.default_rng(0), 20, start=start)
        place = bins.bin_of(z[np.isfinite(z)], start)
        assert np.all((place > -1) & (place < bins.N_BINS))


def test_a_pool_of_another_simulator_is_not_used(tmp_path, monkeypatch):
    monkeypatch.setattr(redshift_pool, "PART", 2)
    read_pool(tmp_path, 2, (1,), "MUSE-extended")
    monkeypatch.setattr(redshift_pool, "_simulator", lambda: "another")
    read_pool(tmp_path, 2, (1,), "MUSE-extended")
    assert len(list(tmp_path.glob("*.npz"))) == 2


def test_drawing_ahead_ends_with_the_one_who_takes():
    batches = ahead(tiny_draw, np.random.default_rng(0), 1000, 2)
    next(batches)
    batches.close()
    deadline = time.monotonic() + 10
    while any(thread.name == AHEAD_NAME for thread in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_pool_on_disk_goes_on_where_it_was(tmp_path, monkeypatch):
    monkeypatch.setattr("museml.training.redshift_pool.PART", 6)
    first = read_pool(tmp_path, 6, (1,), "MUSE-extended")
    monkeypatch.setattr("museml.training.redshift_pool.make_pool", lambda n, seed, name: Pool(*[part[:n] for part in (
        np.ones((6, first.flux.shape[1]), np.float16), np.full(6, "star"), np.zeros(6))], name))  # fmt: skip
    more = read_pool(tmp_path, 10, (1,), "MUSE-extended")
    assert len(more) == 10
    assert np.array_equal(more.flux[:6], first.flux)
    assert set(more.classes[6:]) == {"star"}


def tiny_network():
    keras = load_keras()
    entry = keras.layers.Input((8,))
    return keras.Model(entry, keras.layers.Dense(3, kernel_initializer=keras.initializers.GlorotUniform(seed=1))(entry))


def tiny_draw(rng, n):
    inputs = rng.normal(size=(n, 8)).astype(np.float32)
    return inputs, inputs[:, :3] * [1, 2, 3]


def squares(targets, outputs):
    ops = load_keras().ops
    return ops.mean((ops.cast(targets, "float32") - outputs) ** 2, axis=-1)


def fit(network, **options):
    validation = tiny_draw(np.random.default_rng(9), 32)
    return fit_redshift(
        network, tiny_draw, validation, loss=squares, steps=20, batch_size=16, rate=0.05, progress=False, **options
    )


def test_the_loss_falls_and_the_rate_ends_at_zero():
    history = fit(tiny_network(), epochs=4)
    assert history["val_loss"][-1] < 0.5 * history["val_loss"][0]
    assert history["rate"][-1] < 1e-4


def test_a_stopped_training_ends_as_if_it_had_not_been_stopped(tmp_path, monkeypatch):
    whole, stopped = tiny_network(), tiny_network()
    expected = fit(whole, epochs=4)
    path = tmp_path / "checkpoint.npz"

    def kill(rng, n, calls=[0]):  # noqa: B006
        calls[0] += 1
        if calls[0] > 50:
            raise KeyboardInterrupt
        return tiny_draw(rng, n)

    validation = tiny_draw(np.random.default_rng(9), 32)
    options = {"loss": squares, "steps": 20, "batch_size": 16, "rate": 0.05, "progress": False}
    with pytest.raises(KeyboardInterrupt):
        fit_redshift(stopped, kill, validation, epochs=4, checkpoint=path, **options)
    again = tiny_network()
    found = fit(again, epochs=4, checkpoint=path, resume=True)
    assert found["loss"] == pytest.approx(expected["loss"], rel=1e-5)
    for one, other in zip(whole.weights, again.weights, strict=True):
        assert np.allclose(to_array(one.value), to_array(other.value), atol=1e-6)


def test_calibration_finds_the_temperature():
    """Logits three times too sure, of a redshift that is one of two, seven times out of ten the first."""
    n = 300
    outputs = np.full((n, bins.N_OUTPUTS), -60, np.float32)
    places = np.round(bins.bin_of(np.array([0.5, 2.0]))).astype(int)
    outputs[:, places[0]], outputs[:, places[1]] = 3 * np.log(0.7), 3 * np.log(0.3)
    outputs[:, bins.NO_SECOND] = 0
    z = np.where(np.arange(n) % 10 < 7, 0.5, 2.0)
    found = fit_redshift_calibration(outputs, np.full(n, "galaxy"), z, np.full(n, np.nan))
    p = near(bins.posterior(outputs, START, found).galaxy, np.full(n, 0.5))
    assert p == pytest.approx(0.7, abs=0.02)


def test_the_answer_is_the_redshift_around_which_there_is_most():
    outputs = np.concatenate([logits(1.0), logits(np.nan, 3), logits(0.0005, 2)])
    kind, z, p = first_answers(bins.posterior(outputs, START, PLAIN))
    assert list(kind) == ["galaxy", "nothing", "star"]
    assert z[[0, 2]] == pytest.approx([1.0, 0.0005], abs=1e-3)
    assert np.isnan(z[1])
    assert np.all(p > 0.9)

import numpy as np
import pytest
from click.testing import CliRunner

from museml import load_model
from museml.recipes import reality
from museml.recipes.reality import Settings, make_samples, turn

TINY = Settings(fields=2, rounds=1, shape=(500, 30, 30), epochs=2, threshold=3.8)


@pytest.fixture(scope="module")
def samples():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reality, "REAL_CUBES", {"mosaic": "subcub_mosaic.fits"})
        return make_samples(TINY)


def test_every_part_has_lines_and_residuals(samples):
    for sample in samples.values():
        assert set(sample.labels) == {reality.REAL, 1}
        assert set(sample.origin) <= {"mosaic", "simulated"}


def test_lines_and_residuals_weigh_the_same(samples):
    for sample in samples.values():
        for origin in set(sample.origin):
            rows = sample.origin == origin
            real = sample.weights[rows & (sample.labels == reality.REAL)].sum()
            assert real == pytest.approx(sample.weights[rows].sum() / 2) or set(sample.labels[rows]) != {0, 1}


def test_bright_detections_are_mostly_lines(samples):
    sample = samples["training"]
    assert (sample.labels[sample.snr > 10] == reality.REAL).mean() > 0.5


def test_turning_keeps_the_spectrum_of_the_centre():
    inputs = np.random.default_rng(0).normal(size=(2, 5, 9, 9, 3))
    turned = [turn(inputs, np.random.default_rng(seed)) for seed in range(12)]
    assert all(np.array_equal(t[:, :, 4, 4], inputs[:, :, 4, 4]) for t in turned)
    assert any(not np.array_equal(t, inputs) for t in turned)


def test_the_recipe_makes_a_model(samples, monkeypatch, tmp_path):
    monkeypatch.setattr(reality, "make_samples", lambda settings: samples)
    path = tmp_path / "reality.asdf"
    answer = CliRunner().invoke(reality.main, ["-o", str(path), "--epochs", "2"], catch_exceptions=False)
    assert answer.exit_code == 0
    model = load_model(path)
    assert model.sha256 in answer.stdout
    assert len(model.history["loss"]) == 2
    assert {"simulated", "all"} <= {score["data"] for score in model.card.scores}
    assert np.isfinite(model.predict(samples["test"].batch)).all()

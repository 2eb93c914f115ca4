import numpy as np
import pytest
from click.testing import CliRunner

from museml import load_model
from museml.data.cutouts import unpack
from museml.recipes import reality
from museml.recipes.reality import Settings, make_samples, turn
from museml.training.trials import REAL

TINY = Settings(fields=2, rounds=1, shape=(500, 30, 30), epochs=2, threshold=3.8)
MOSAIC = {"mosaic": "subcub_mosaic.fits"}


@pytest.fixture(scope="module")
def samples():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reality, "REAL_CUBES", MOSAIC)
        return make_samples(TINY)


def test_parts_have_their_cubes(samples):
    assert set(samples["training"].labels) == {REAL, 1}
    assert all(len(sample) for sample in samples.values())
    assert {name: set(sample.origin) for name, sample in samples.items()} == {
        "training": {"mosaic", "simulated"}, "validation": {"simulated"},
        "test": {"simulated", "stronger"},
    }  # fmt: skip


def test_turning_keeps_the_spectrum_of_the_centre(samples):
    inputs = samples["test"].batch.values
    before = unpack(inputs)[0][:, :, 4, 4]
    turned = [unpack(turn(inputs, np.random.default_rng(seed))) for seed in range(12)]
    for cutouts, spectra in turned:
        mirrored = not np.array_equal(cutouts[:, :, 4, 4], before)
        step = -1 if mirrored else 1
        assert np.array_equal(cutouts[:, ::step, 4, 4], before)
        assert np.array_equal(spectra[:, ::step], unpack(inputs)[1])
    assert any(not np.array_equal(cutouts, unpack(inputs)[0]) for cutouts, _ in turned)


def test_a_real_cube_is_judged_by_a_model_that_has_not_seen_it(samples, monkeypatch):
    seen = []

    class Judge:
        def predict(self, batch):
            return np.full((len(batch), 2), 0.5)

    monkeypatch.setattr(reality, "REAL_CUBES", MOSAIC)
    monkeypatch.setattr(
        reality, "train", lambda settings, samples, training: seen.append(set(training.origin)) or Judge()
    )
    judged, answers = reality.judged(TINY, samples)
    assert seen == [{"simulated"}]
    assert len(judged) == len(answers)
    assert set(judged.origin) == {"mosaic"}


def test_the_recipe_makes_a_model(samples, monkeypatch, tmp_path):
    monkeypatch.setattr(reality, "make_samples", lambda settings: samples)
    mosaic = samples["training"].rows(samples["training"].origin == "mosaic")
    answers = np.where(mosaic.labels == REAL, 0.8, 0.3)
    monkeypatch.setattr(reality, "judged", lambda settings, samples: (mosaic, answers))  # one training is enough
    path = tmp_path / "reality.asdf"
    answer = CliRunner().invoke(reality.main, ["-o", str(path), "--epochs", "2"], catch_exceptions=False)
    assert answer.exit_code == 0
    model = load_model(path)
    assert model.sha256 in answer.stdout
    assert len(model.history["loss"]) == 2
    assert {"simulated", "stronger", "all"} <= {score["data"] for score in model.card.scores}
    assert np.isfinite(model.predict(samples["test"].batch)).all()

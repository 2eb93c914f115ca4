import numpy as np
import pytest
from click.testing import CliRunner

from museml import load_model
from museml.recipes import redshift
from museml.simulation.spectra import simulate_spectra
from museml.training import redshift_pool


@pytest.fixture
def tiny(monkeypatch):
    """Make the recipe small: little pools, a small network."""
    build = redshift.build_redshift_network
    sizes = {"width": 8, "features": 4, "templates": 4, "hidden": 8}
    monkeypatch.setattr(redshift, "build_redshift_network", lambda shape, n: build(shape, n, **sizes))
    monkeypatch.setattr(redshift_pool, "PART", 8)
    monkeypatch.setattr(redshift, "WATCHED", 4)
    monkeypatch.setattr(redshift, "SHARES", {"MUSE-extended": 1.0})
    monkeypatch.setattr(redshift.Settings, "batch_size", 4)


def test_the_recipe_makes_a_model_and_goes_on_where_it_was(tiny, tmp_path):
    path = tmp_path / "model.asdf"
    options = ["-o", str(path), "--pool", "8", "--held-out", "24", "--epochs", "1", "--steps", "2", "--processes", "1"]
    answer = CliRunner().invoke(redshift.main, options, catch_exceptions=False)
    assert answer.exit_code == 0
    model = load_model(path)
    assert model.sha256 in answer.stdout
    assert len(model.history["loss"]) == 1
    assert {weight.dtype for weight in model.weights.values()} == {np.dtype(np.float16)}
    batch, _ = simulate_spectra(3, 1)
    assert np.allclose(model.predict(batch).sum(axis=1), 1, atol=1e-5)
    assert any(score["name"].startswith("right where p") for score in model.card.scores)
    again = CliRunner().invoke(redshift.main, options, catch_exceptions=False)
    assert load_model(path).checksums["weights"] == model.checksums["weights"]
    assert again.exit_code == 0

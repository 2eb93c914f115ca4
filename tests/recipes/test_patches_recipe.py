import numpy as np
import pytest
from click.testing import CliRunner

from museml import load_model
from museml.data.patches import patch_batch
from museml.networks import patches as network
from museml.recipes import patches


@pytest.fixture
def small(monkeypatch):
    build = network.build_patches_network
    sizes = {"stem": 8, "width": 8, "wide": 8, "fine": 1, "coarse": 1}
    monkeypatch.setattr(patches, "build_patches_network", lambda outputs: build(outputs, **sizes))
    monkeypatch.setattr(patches, "patches_scores", lambda *args: ())
    monkeypatch.setattr(patches, "WATCHED", 4)


def test_the_recipe_makes_a_model_and_goes_on_where_it_was(small, tmp_path):
    path, log = tmp_path / "patches.asdf", tmp_path / "log.csv"
    options = ["-o", str(path), "--fields", "1", "--held-out", "1", "--side", "128", "--steps", "2", "--log", str(log)]
    answer = CliRunner().invoke(patches.main, [*options, "--epochs", "2"], catch_exceptions=False)
    assert answer.exit_code == 0
    model = load_model(path)
    assert model.sha256 in answer.stdout
    assert len(log.read_text().splitlines()) == 3
    assert model.predict(patch_batch(np.zeros((1, 64, 64)))).shape == (1, 2)
    again = CliRunner().invoke(patches.main, [*options, "--epochs", "2"], catch_exceptions=False)
    assert model.sha256 in again.stdout

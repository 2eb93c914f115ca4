from pathlib import Path

import pytest

from museml import load_model
from museml.plugins import load_plugins

PAGES = Path(__file__).parents[2] / "docs" / "models"
MODELS = [entry.spec.name for entry in load_plugins().registry.entries("model") if entry.package == "museml"]


@pytest.mark.parametrize("name", MODELS)
def test_the_page_is_about_the_model_that_is_shipped(name):
    page, model = (PAGES / f"{name}.rst").read_text(), load_model(name)
    words = " ".join(page.split())
    assert model.sha256 in page
    for score in model.card.scores:
        assert f"- {score['name']} - {score['value']:.3f}" in words
    assert model.card.failures in words
    assert model.card.training_data in words


@pytest.mark.parametrize("name", MODELS)
def test_a_model_in_the_wheel_is_small(name):
    weights = load_model(name).weights.values()
    assert sum(weight.nbytes for weight in weights) < 1_000_000

from pathlib import Path

import pytest

from museml import load_model
from museml.plugins import load_plugins

PAGES = Path(__file__).parents[2] / "docs" / "models"
MODELS = [entry.spec.name for entry in load_plugins().registry.entries("model") if entry.package == "museml"]


@pytest.mark.parametrize("name", MODELS)
def test_a_shipped_model_has_a_page_with_its_card(name):
    page = (PAGES / f"{name}.rst").read_text()
    for entry in ("training_data", "failures", "recipe", "sha256"):
        assert f".. museml-card:: {name} {entry}" in page
    assert f".. museml-scores:: {name}" in page


@pytest.mark.parametrize("name", MODELS)
def test_a_model_in_the_wheel_is_small(name):
    weights = load_model(name).weights.values()
    assert sum(weight.nbytes for weight in weights) < 5_000_000

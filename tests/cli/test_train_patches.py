import pytest
from click.testing import CliRunner

from museml import load_model
from museml.cli import main
from museml.data.patches import QUANTITIES
from museml.model import Model
from museml.networks.patches import build_patches_network
from museml.recipes.patches import PARTS, Settings, make_card
from museml.simulation.fields import simulate_field

FAST = ["--set=epochs=1", "--set=steps=2", "--set=batch_size=2", "--set=simulated=0"]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Write a field, its components, and a small model."""
    folder = tmp_path_factory.mktemp("field")
    simulate_field((256, 1100), 7, density=1.5).write(folder / "field.fits")
    network = build_patches_network(len(QUANTITIES), stem=8, width=8, wide=8, fine=1, coarse=1)
    Model.from_network(network, make_card(Settings()), **PARTS).save(folder / "small.asdf")
    return folder / "field.fits", folder / "field_components.fits", folder / "small.asdf"


def run(*arguments):
    return CliRunner().invoke(main, ["train", "patches", *map(str, arguments)])


def test_it_writes_a_model_that_goes_on_from_another(files, tmp_path):
    image, catalog, small = files
    out, log = tmp_path / "own.asdf", tmp_path / "log.csv"
    answer = run(image, "--catalog", catalog, "--init", small, *FAST, "--log", log, "-o", out)
    assert answer.exit_code == 0, answer.output
    model = load_model(out)
    assert model.card.name == "own"
    assert "began as patches" in model.card.training_data
    assert log.read_text().startswith("epoch,loss,val_loss,rate")
    assert f"--set model={out}" in answer.stdout


@pytest.mark.parametrize(
    ("images", "init", "message"),
    [(2, "none", "each image needs its catalogue"), (1, "reality", "init must be a model for patches or 'none'")],
)
def test_what_does_not_belong_together_is_refused(files, tmp_path, images, init, message):
    answer = run(*[files[0]] * images, "--catalog", files[1], "--init", init, *FAST, "-o", tmp_path / "own.asdf")
    assert answer.exit_code != 0
    assert message in str(answer.exception) + answer.output

import json

import numpy as np
import pytest
from astropy.table import Table
from click.testing import CliRunner

from museml import load_model
from museml.classifiers.redshift import RedshiftClassifier
from museml.cli import main
from museml.simulation.spectra import simulate_spectra
from museml.training import draws

TINY = ["--init", "none", "--depths", "1"]
SETTINGS = {"epochs": 2, "steps": 2, "batch_size": 4, "pool": 10, "shallower": 3.0}
FILES = {"model.asdf", "report.html", "scores.ecsv", "answers.fits", "training.json"}


@pytest.fixture(scope="module")
def spectra(tmp_path_factory):
    """Write simulated spectra as rows of a table; every two show one object, and some have no redshift."""
    batch, truth = simulate_spectra(60, seed=5, snr=(20.0, 60.0))
    ivar = np.where(batch.mask, 0, 1 / np.where(batch.mask, 1, batch.errors) ** 2)
    table = Table({"ID": list(batch.ids), "FLUX": batch.values, "IVAR": ivar, "Z": np.ma.filled(truth["z"], np.nan)})
    table["WAVE"] = np.tile(batch.axis.value, (60, 1))
    table["WAVE"].unit, table.meta["MEDIUM"] = "Angstrom", "air"
    table["CLASS"], table["OBJECT"] = truth["class"], [str(i) for i in range(60)]
    path = tmp_path_factory.mktemp("labelled") / "spectra.fits"
    table.write(path)
    return path


@pytest.fixture
def train(spectra):
    def run(out, *arguments, **settings):
        labels = ["--spectra", spectra, "--labels", "Z", "--classes", "CLASS", "--objects", "OBJECT"]
        assigned = [f"--set={key}={value}" for key, value in {**SETTINGS, **settings}.items()]
        arguments = [*labels, *TINY, *assigned, "-o", out, *arguments]
        return CliRunner().invoke(main, ["train", "redshift", *map(str, arguments)])

    return run


@pytest.fixture
def power_fails(monkeypatch):
    """Return a function that makes the training stop after a number of drawn batches."""

    draw_shallower = draws.draw_shallower

    def after(number):
        left = iter(range(number))

        def draw(*args):
            if next(left, None) is None:
                raise KeyboardInterrupt
            return draw_shallower(*args)

        monkeypatch.setattr(draws, "draw_shallower", draw)

    return after


def test_a_training_that_was_stopped_goes_on_and_gives_a_model(train, power_fails, spectra, tmp_path):
    out = tmp_path / "own"
    power_fails(4)  # the first is for the validation; the fourth begins the second epoch
    assert train(out).exit_code == 130
    assert json.loads((out / "training.json").read_text())["state"] == "started"
    assert "holds a training already, which is started; go on with it" in train(out).stderr
    other = train(out, "--resume", epochs=3)
    assert "differs from this one: epochs was 2" in other.stderr
    power_fails(1000)  # not any more
    result = train(out, "--resume")
    assert result.exit_code == 0, result.output
    assert {path.name for path in out.iterdir()} == FILES
    assert "is complete; --overwrite repeats it" in train(out, "--resume").stdout
    check_model(out, spectra)


def check_model(out, spectra):
    model = load_model(out / "model.asdf")
    assert model.card.name == "own"
    assert len(model.history["val_loss"]) == 2
    assert "60 labelled spectra of 60 objects" in model.card.training_data
    answers = Table.read(out / "answers.fits")
    assert len(answers) == 12  # a fifth of the objects
    named = RedshiftClassifier(model=str(out / "model.asdf")).classify(spectra)
    z = dict(zip(named["id"], np.ma.filled(named["z"], -1), strict=True))
    assert [z[row["id"]] for row in answers] == pytest.approx(np.ma.filled(answers["z"], -1), abs=1e-3)
    assert "Before and after the training" in (out / "report.html").read_text()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epochs": 0}, "epochs must be a whole number from 1 to 10000, not 0"),
        ({"speed": 3}, "the training has no setting 'speed'; known: init, folds"),
        ({"simulated": 1.0}, "simulated must be a number from 0 to 0.95, not 1.0"),
    ],
)
def test_settings_are_checked_before_the_work(train, tmp_path, settings, message):
    result = train(tmp_path / "own", **settings)
    assert result.exit_code == 1
    assert message in result.stderr
    assert not (tmp_path / "own").exists()


def test_settings_come_from_a_file_too(train, tmp_path):
    (tmp_path / "training.toml").write_text("[training]\nepochs = -1\n")
    arguments = ["--spectra", "x.fits", "--config", str(tmp_path / "training.toml"), "-o", str(tmp_path / "own")]
    result = CliRunner().invoke(main, ["train", "redshift", *arguments])
    assert "epochs must be a whole number from 1 to 10000, not -1" in result.stderr
    (tmp_path / "training.toml").write_text("[classifier]\nname = 'lines'\n")
    result = CliRunner().invoke(main, ["train", "redshift", *arguments])
    assert "a configuration of a training has the section [training]" in result.stderr


def test_too_few_spectra_are_told(train, spectra, tmp_path):
    table = Table.read(spectra)
    table["Z"][20:] = np.nan
    table["CLASS"] = "galaxy"
    table.write(tmp_path / "few.fits")
    arguments = ["--spectra", tmp_path / "few.fits", "-o", tmp_path / "own", *TINY]
    result = CliRunner().invoke(main, ["train", "redshift", *map(str, arguments)])
    assert result.exit_code == 1
    assert "training needs at least 50 labelled spectra" in result.stderr
    assert "no redshift" in result.stderr

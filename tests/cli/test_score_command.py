import numpy as np
import pytest
from astropy.table import Table
from click.testing import CliRunner
from mpdaf.obj import Spectrum, WaveCoord
from mpdaf.sdetect import Source

from museml.cli import main
from museml.simulation.spectra import simulate_spectra


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Write bright simulated galaxies, and one without a redshift, as Sources."""
    path = tmp_path_factory.mktemp("spectra")
    spectra, truth = simulate_spectra(6, seed=8, kinds=["star_forming", "lya"], snr=(60.0, 120.0))
    axis = {"crval": 4750.0, "cdelt": 1.25, "crpix": 1, "cunit": "Angstrom", "ctype": "AWAV", "shape": 3681}
    for i, z in enumerate(truth["z"]):
        source = Source.from_data(i + 1, 10.0, -5.0, ("test", "1", "cube.fits", "1"))
        parts = {"data": spectra.values[i], "var": spectra.errors[i].astype(float) ** 2, "mask": spectra.mask[i]}
        source.spectra["MUSE_TOT"] = Spectrum(wave=WaveCoord(**axis), **parts)
        source.header["REFSPEC"], source.header["KIND"] = "MUSE_TOT", str(truth["class"][i])
        if i:
            source.add_z("EMI", float(z), 1e-4)
        source.write(str(path / f"source-{i + 1:03d}.fits"))
    return path


@pytest.fixture
def score():
    def run(*arguments):
        return CliRunner().invoke(main, ["score", "redshift", *map(str, arguments)])

    return run


def test_the_report_and_its_tables_are_written(score, folder, tmp_path):
    options = ["--classifier", "lines", "--classes", "KIND", "--depths", "1,4"]
    result = score("--spectra", folder, "--labels", "EMI", *options, "-o", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "5 of 6 spectra can be used; left out: 1 no redshift" in result.stdout
    answers = Table.read(tmp_path / "out" / "answers.fits")
    assert list(answers["depth"]) == [1] * 5 + [4] * 5
    assert np.mean(answers["rank"][answers["depth"] == 1] == 1) >= 0.6
    scores = Table.read(tmp_path / "out" / "scores.ecsv")
    (success,) = scores[(scores["name"] == "success") & (scores["data"] == "all") & (scores["depth"] == 1)]
    assert success["n"] == 5
    assert success["low"] < success["value"] <= success["high"] + 1e-9
    assert "Redshifts found against labels" in (tmp_path / "out" / "report.html").read_text()


def test_an_html_file_may_be_named(score, folder, tmp_path):
    result = score("--spectra", folder, "--classifier", "lines", "-o", tmp_path / "lines.html")
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lines-answers.fits", "lines-scores.ecsv", "lines.html"]


@pytest.mark.parametrize("depths", ["0.5", "deep", ""])
def test_depths_are_numbers_from_one(score, folder, tmp_path, depths):
    result = score("--spectra", folder, "--depths", depths, "-o", tmp_path / "out")
    assert result.exit_code == 1
    assert f"--depths must be numbers from 1, separated by commas, not '{depths}'" in result.stderr


def test_a_missing_label_is_one_line(score, folder, tmp_path):
    result = score("--spectra", folder, "--labels", "ZSPEC", "-o", tmp_path / "out")
    assert result.exit_code == 1
    assert "no file has a redshift or header keyword 'ZSPEC'" in result.stderr
    assert result.stderr.count("\n") == 1

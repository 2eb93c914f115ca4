import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS
from click.testing import CliRunner

from museml.catalogs import reference
from museml.cli import main

ARCSEC = 1 / 3600


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Write a truth across RA = 0, what was found of it in its western half, and the image of that half."""
    path, rng = tmp_path_factory.mktemp("catalogs"), np.random.default_rng(1)
    columns = {"RA": rng.uniform(-0.2, 0.2, 120) % 360, "DEC": rng.uniform(-0.2, 0.2, 120)}
    columns |= {"Total_flux": rng.uniform(1, 30, 120), "Isl_rms": np.full(120, 0.1), "Maj": np.full(120, 6.0)}
    truth = Table({**columns, "Peak_flux": columns["Total_flux"]})
    truth["Total_flux"].unit = "mJy"
    truth["Peak_flux"].unit = truth["Isl_rms"].unit = "mJy / beam"
    truth.write(path / "truth.fits")
    found = truth[(truth["RA"] > 180) & (truth["Total_flux"] > 4)]
    own = {
        "id": np.arange(len(found)),
        "ra": found["RA"] + 0.5 * ARCSEC,
        "dec": found["DEC"],
        "snr": np.array(found["Total_flux"]) * 10,
    }
    own |= {
        "flux": np.array(found["Total_flux"]) / 1000,
        "p_real": np.full(len(found), 0.9),
        "score": np.array(found["Total_flux"]),
    }
    own = Table(own)
    own.add_row([900, 359.9, 0.3, 5.0, 0.002, 0.4, 1.0])
    own.add_row([901, np.nan, 0.3, 5.0, 0.002, 0.4, 1.0])
    own.write(path / "found.ecsv")
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval, wcs.wcs.cdelt = ["RA---TAN", "DEC--TAN"], [359.9, 0.0], [-0.002, 0.002]
    wcs.wcs.crpix = [50.5, 100.5]
    fits.PrimaryHDU(np.ones((200, 100), np.float32), wcs.to_header()).writeto(path / "image.fits")
    return path


@pytest.fixture
def museml(folder, monkeypatch):
    monkeypatch.chdir(folder)

    def run(*arguments):
        return CliRunner().invoke(main, [str(argument) for argument in arguments])

    return run


def test_match_writes_both_tables_side_by_side(museml, folder):
    result = museml("match", "found.ecsv", "truth.fits", "-o", "both.fits", "--footprint", "image.fits")
    assert result.exit_code == 0, result.output
    joined = Table.read(folder / "both.fits")
    assert np.allclose(joined["separation"], 0.5, atol=0.01)
    assert {"ra", "RA", "flux", "Total_flux"} <= set(joined.colnames)
    assert joined["Total_flux"].unit == "mJy"
    assert (
        f"found.ecsv: {len(joined)} of {len(joined)} rows in the common footprint have a match (100.0%)"
        in result.stdout
    )
    assert "1 have no position" in result.stdout
    assert "median +0.500 east, +0.000 north" in result.stdout
    assert "by chance 0.6" in result.stdout  # of 120 rows in 0.16 square degrees


def test_match_takes_the_common_outline(museml):
    result = museml("match", "found.ecsv", "truth.fits", "--radius", "2")
    assert result.exit_code == 0, result.output
    assert "(100.0%)" in result.stdout
    assert "common footprint: 0.0" in result.stdout


def test_match_fetches_catalogues(museml, folder, monkeypatch):
    asked = []

    def fetch(name, ra, dec, radius):
        asked.append((name, radius))
        return reference.open_catalog(folder / "truth.fits")

    monkeypatch.setattr(reference, "query_reference", fetch)
    for name in ("lotss-dr2", "https://vo.example/cone/scs.xml"):
        result = museml("match", "found.ecsv", name)
        assert result.exit_code == 0, result.output
        assert asked[-1][0] == name
        assert 0.2 < asked[-1][1] < 0.35


def test_score_prints_and_writes(museml, folder):
    options = ["--footprint", "image.fits", "--sdc1", "560", "-o", "scores"]
    table = Table.read(folder / "truth.fits")
    table["min"], table["pa"] = 6.0, 0.0
    table.write(folder / "sized.fits", overwrite=True)
    own = Table.read(folder / "found.ecsv")
    own["major"], own["minor"], own["pa"] = 6.0, 6.0, 0.0
    own.write(folder / "sized.ecsv", overwrite=True)
    result = museml("score", "sized.ecsv", "sized.fits", *options)
    assert result.exit_code == 0, result.output
    half = table[table["RA"] > 180]
    seen = int(np.sum(half["Total_flux"] > 4))
    assert f"{len(own)} detections: {seen} real, 0 false, 0 faint, 1 outside, 1 no position" in result.stdout
    assert f"truth: {len(half)} of 120 rows should be found" in result.stdout
    scores = Table.read(folder / "scores" / "scores.ecsv")
    value = {row["name"]: row["value"] for row in scores}
    assert np.isclose(value["completeness"], seen / len(half))
    assert np.isclose(value["SDC1 score, right"], seen, atol=1e-6)
    assert "SDC1 score at 560 MHz, as published" in result.stdout
    judged = Table.read(folder / "scores" / "detections.fits")
    assert list(judged["verdict"][-2:]) == ["outside", "no position"]
    assert len(Table.read(folder / "scores" / "missed.fits")) == len(half) - seen
    for name in ("completeness.ecsv", "reliability.ecsv", "residuals.ecsv", "calibration.ecsv", "score.png"):
        assert (folder / "scores" / name).stat().st_size > 100


@pytest.mark.filterwarnings("default::museml.errors.MusemlWarning")
def test_score_warns_of_a_truth_that_is_wider(museml):
    result = museml("score", "found.ecsv", "truth.fits", "--limit", "10")
    assert result.exit_code == 0, result.output
    assert "of the truth lies outside the outline of the detections" in result.stderr
    assert "give the image with --footprint" in result.stderr


def test_score_has_its_other_command_and_help(museml):
    assert "Evaluate a classifier of redshifts" in museml("score", "redshift", "--help").stdout
    text = museml("score", "--help").stdout
    assert "redshift" in text
    assert "detections" in text
    assert "TRUTH" in museml("score", "detections", "--help").stdout


def test_clean_removes_or_flags(museml, folder):
    table = Table({"name": ["a", "b", "c"], "ra": [0.0, 20 * ARCSEC, 1.0], "dec": np.zeros(3), "S": [90.0, 1.0, 1.0]})
    table.write(folder / "list.csv", overwrite=True)
    told = ["--column", "flux=S", "--unit", "flux=mJy"]
    result = museml("clean", "list.csv", "-o", "clean.ecsv", "--removed", "removed.ecsv", *told)
    assert result.exit_code == 0, result.output
    assert "1 of 3 rows removed: 1 near bright" in result.stdout
    assert Table.read(folder / "clean.ecsv").colnames == ["name", "ra", "dec", "S"]
    assert list(Table.read(folder / "removed.ecsv")["removed_by"]) == ["a"]
    assert museml("clean", "list.csv", "-o", "flagged.ecsv", "--flag", "--law", "10", *told).exit_code == 0
    assert list(Table.read(folder / "flagged.ecsv")["removed"].filled("")) == ["", "", ""]
    assert museml("clean", "list.csv", "-o", "none.ecsv", "--law", "none").exit_code == 0


def test_empty_tables_are_fine(museml, folder):
    Table.read(folder / "found.ecsv")[:0].write(folder / "empty.ecsv", overwrite=True)
    result = museml("match", "empty.ecsv", "truth.fits", "-o", "nothing.fits")
    assert result.exit_code == 0, result.output
    assert len(Table.read(folder / "nothing.fits")) == 0
    result = museml("score", "empty.ecsv", "truth.fits", "-o", "nothing")
    assert result.exit_code == 0, result.output
    assert "completeness [S/N from 5]: 0.000" in result.stdout
    result = museml("clean", "empty.ecsv", "-o", "nothing.ecsv")
    assert result.exit_code == 0, result.output
    assert "0 of 0 rows removed" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("match", "found.ecsv", "far.csv"), "these have no part of the sky in common"),
        (("match", "found.ecsv", "xy.csv"), "a catalogue needs the column 'ra'; this one has x, y"),
        (("match", "found.ecsv", "truth.fits", "-o", "out.txt"), "the suffix of a table must be one of"),
        (("match", "found.ecsv", "nowhere.fits"), "cannot be read"),
        (("match", "found.ecsv", "lotss"), "no reference catalogue named 'lotss'"),
        (
            ("score", "found.ecsv", "far.csv", "--footprint", "image.fits"),
            "no row of the truth of 1 lies in the footprint",
        ),
        (("score", "found.ecsv", "far.csv"), "must cover the same part of the sky"),
        (("score", "found.ecsv", "truth.fits", "--footprint", "none.fits"), "there is no file 'none.fits'"),
        (("score", "found.ecsv", "truth.fits", "--column", "flux"), "--column needs NAME=VALUE"),
        (("score", "cut.fits", "truth.fits"), "is truncated"),
        (("clean", "truth.fits", "-o", "out.fits", "--law", "open()"), "a law must be text such as"),
        (("clean", "xy.csv", "-o", "out.fits"), "a catalogue needs the column 'ra'"),
    ],
)
def test_what_is_wrong_is_one_line(museml, folder, arguments, message):
    (folder / "far.csv").write_text("ra,dec\n100,50\n")
    (folder / "xy.csv").write_text("x,y\n1,2\n")
    (folder / "cut.fits").write_bytes((folder / "truth.fits").read_bytes()[:-2880])
    result = museml(*arguments)
    assert result.exit_code == 1
    assert message in result.stderr
    assert result.stderr.count("\n") == 1

import errno
import json
import os
import shutil

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from mpdaf.sdetect import Catalog, Source

import museml
from museml.errors import InputError, MusemlError, MusemlWarning, OutputError, SettingError, UnknownNameError
from museml.pipeline import cube_run, workers
from museml.simulation.cubes import simulate_cube


def test_every_line_becomes_a_source_in_the_catalogue(finished, truth):
    catalog = Catalog.read(str(finished / "catalog.fits"))
    assert isinstance(catalog, Catalog)
    for line in truth:
        distance = np.hypot(catalog["x"] - line["x"], catalog["y"] - line["y"])
        assert distance.min() < 1
        assert catalog["line_wave"][distance.argmin()] == pytest.approx(line["wave"], abs=2)


def test_the_folder_holds_what_is_promised(finished):
    catalog = Catalog.read(str(finished / "catalog.fits"))
    assert sorted(os.listdir(finished)) == [
        "catalog.fits", "detections.fits", "provenance.json", "redshifts.fits", "run.log", "sources",
    ]  # fmt: skip
    assert sorted(os.listdir(finished / "sources")) == [f"source-{number:05d}.fits" for number in catalog["ID"]]
    source = Source.from_file(str(finished / "sources" / "source-00001.fits"))
    assert source.FROM == "museml"
    assert source.CUBE == "field.fits"
    assert source.z["Z"][0] == pytest.approx(catalog["z"][0])
    assert 0.5 < source.tables["ML_PZ"]["P"].sum() < 1.001
    assert "LINE" in source.lines.colnames


def test_the_tables_of_a_source_are_in_alphabetical_order(finished):
    for path in (finished / "sources").iterdir():
        with fits.open(path) as hdus:
            tables = [hdu.name for hdu in hdus if hdu.name.startswith("TAB_ML")]
        assert tables == ["TAB_ML_PZ", "TAB_ML_Z"]


def test_the_record_says_how_it_was_made(finished, cube_file):
    record = json.loads((finished / "provenance.json").read_text())
    assert record["state"] == "complete"
    assert record["input"] == str(cube_file)
    assert len(record["recipe"]["input"]["sha256"]) == 64
    assert record["recipe"]["detector"]["name"] == "lines"
    assert record["versions"]["museml"] == museml.__version__
    assert record["seconds"]["detect"] > 0
    assert record["results"]["sources"] == 3
    assert "complete: 3 detections, 3 sources" in (finished / "run.log").read_text()


def test_a_cube_in_memory_and_two_processes_give_the_same(finished, cube_file, tmp_path, monkeypatch, settings, same):
    from mpdaf.obj import Cube

    catalog = museml.run(Cube(str(cube_file)), tmp_path / "memory", **settings)
    assert isinstance(catalog, Catalog)
    monkeypatch.setattr(workers, "START", 0)
    museml.run(cube_file, tmp_path / "two", jobs=2, **settings)
    same(finished, tmp_path / "two")
    assert (catalog["z"] == Catalog.read(str(finished / "catalog.fits"))["z"]).all()


@pytest.mark.filterwarnings("ignore:The unit .* has been deprecated in the VOUnit standard")
def test_catalogue_in_other_formats(cube_file, tmp_path, settings):
    museml.run(cube_file, tmp_path / "ecsv", format="ecsv", **settings)
    table = Table.read(tmp_path / "ecsv" / "catalog.ecsv")
    assert table["z"].description == "best redshift (vacuum)"
    museml.run(cube_file, tmp_path / "ecsv", format="votable", resume=True, **settings)
    table = Table.read(tmp_path / "ecsv" / "catalog.vot")
    assert table["RA"].meta["ucd"] == "pos.eq.ra;meta.main"
    assert str(table["RA"].unit) == "deg"


def test_the_catalogue_can_be_classified_again(cube_file, finished, settings):
    catalog = museml.run(cube_file, finished, resume=True, **settings)
    predictions = catalog.classify("lines")
    assert np.allclose(predictions["z"], catalog["z"], atol=1e-5)
    assert np.allclose(catalog["ML_Z"], catalog["z"], atol=1e-5)


def test_a_field_without_sources_gives_an_empty_catalogue(tmp_path, settings):
    cube = simulate_cube((200, 15, 15), seed=2, n_lines=0, n_galaxies=0, n_continuum=0)[0]
    chosen = {**settings, "plots": True, "detector_settings": {"threshold": 20.0}}
    catalog = museml.run(cube, tmp_path / "out", **chosen)
    assert len(catalog) == 0
    assert "z" in catalog.colnames
    assert len(Table.read(tmp_path / "out" / "catalog.fits")) == 0
    assert (tmp_path / "out" / "plots" / "overview.png").exists()


def test_pictures_are_drawn_and_redrawn(cube_file, finished, tmp_path, settings, same):
    chosen = {**settings, "plots": True}
    museml.run(cube_file, tmp_path / "out", **chosen)
    pictures = sorted(os.listdir(tmp_path / "out" / "plots"))
    assert pictures == ["overview.png", *(f"source-{number:05d}.png" for number in range(1, 4))]
    (tmp_path / "out" / "plots" / pictures[2]).unlink()
    museml.run(cube_file, tmp_path / "out", resume=True, **chosen)
    assert sorted(os.listdir(tmp_path / "out" / "plots")) == pictures
    same(finished, tmp_path / "out")


def test_a_folder_with_a_run_is_not_touched(cube_file, finished, settings):
    before = (finished / "catalog.fits").stat().st_mtime_ns
    with pytest.raises(OutputError, match="holds a run already; resume it"):
        museml.run(cube_file, finished, **settings)
    assert (finished / "catalog.fits").stat().st_mtime_ns == before


def test_other_settings_do_not_resume(cube_file, finished, settings):
    with pytest.raises(OutputError, match=r"detector settings threshold was 5.0, now 9.0"):
        museml.run(cube_file, finished, resume=True, detector_settings={"threshold": 9.0}, **settings)


def test_another_cube_does_not_resume(cube, finished, settings):
    with pytest.raises(OutputError, match="input sha256 was"):
        museml.run(cube, finished, resume=True, **settings)


def test_overwrite_replaces_a_run(cube_file, tmp_path, settings):
    out = tmp_path / "out"
    museml.run(cube_file, out, **settings)
    (out / "mine.txt").write_text("kept")
    catalog = museml.run(cube_file, out, overwrite=True, detector_settings={"threshold": 25.0}, **settings)
    assert 0 < len(catalog) < 3
    assert len(os.listdir(out / "sources")) == len(catalog)
    assert (out / "mine.txt").read_text() == "kept"


def test_files_of_other_origin_are_never_replaced(cube_file, tmp_path, settings):
    (tmp_path / "catalog.fits").write_text("precious")
    for mode in ({}, {"resume": True}, {"overwrite": True}):
        with pytest.raises(OutputError, match=r"holds 'catalog.fits', which no run of museml left"):
            museml.run(cube_file, tmp_path, **mode, **settings)
    assert (tmp_path / "catalog.fits").read_text() == "precious"


@pytest.mark.parametrize("record", ['{"who": "me"}', '["me"]'])
def test_a_record_of_other_origin_is_not_taken_for_a_run(cube_file, tmp_path, settings, record):
    (tmp_path / "provenance.json").write_text(record)
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / "mine.txt").write_text("precious")
    for mode in ({}, {"resume": True}, {"overwrite": True}):
        with pytest.raises(OutputError, match="which no run of museml left"):
            museml.run(cube_file, tmp_path, **mode, **settings)
    assert (tmp_path / "sources" / "mine.txt").read_text() == "precious"


@pytest.mark.parametrize("mode", [{}, {"resume": True}])
def test_a_run_that_failed_at_its_first_step_does_not_block(cube_file, tmp_path, monkeypatch, settings, mode):
    out = tmp_path / "out"
    with monkeypatch.context() as broken:
        broken.setattr("museml.detectors.lines.LineDetector.find", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            museml.run(cube_file, out, detector_settings={"threshold": 9.0}, **settings)
    assert len(museml.run(cube_file, out, **mode, **settings)) == 3


def test_bad_settings_do_not_remove_the_former_run(cube_file, finished, tmp_path, monkeypatch, settings):
    def check(self):
        raise SettingError(f"threshold must not be {self.threshold}")

    out = shutil.copytree(finished, tmp_path / "out")
    monkeypatch.setattr("museml.detectors.lines.LineDetector.check_settings", check)
    with pytest.raises(SettingError, match="threshold must not be 1"):
        museml.run(cube_file, out, overwrite=True, detector_settings={"threshold": 1}, **settings)
    assert sorted(os.listdir(out)) == sorted(os.listdir(finished))


def test_a_damaged_record_is_named(cube_file, tmp_path, settings):
    (tmp_path / "provenance.json").write_text("{")
    with pytest.raises(OutputError, match="must be the record of a run"):
        museml.run(cube_file, tmp_path, resume=True, **settings)


def test_a_folder_that_cannot_be_made(cube_file, tmp_path, settings):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="a part of the path is a file"):
        museml.run(cube_file, tmp_path / "file" / "out", **settings)


def test_a_folder_that_may_not_be_written(cube_file, tmp_path, monkeypatch, settings):
    def refuse(*args, **kwargs):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("pathlib.Path.mkdir", refuse)
    with pytest.raises(OutputError, match="Permission denied; choose a folder that you may write to"):
        museml.run(cube_file, tmp_path / "out", **settings)


def test_a_bad_cube_leaves_no_folder(tmp_path, settings):
    (tmp_path / "bad.fits").write_text("not FITS")
    with pytest.raises(InputError, match="must be a FITS file"):
        museml.run(tmp_path / "bad.fits", tmp_path / "out", **settings)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("chosen", "error", "match"),
    [
        ({"detector": "lnes"}, UnknownNameError, "did you mean 'lines'"),
        ({"classifier": "reality"}, SettingError, "'reality' takes cutout, a run needs a plugin that takes spectrum"),
        ({"detector_settings": {"treshold": 5}}, SettingError, "no setting 'treshold'"),
        ({"detector_settings": {"threshold": 1}}, SettingError, "threshold must be"),
        ({"jobs": 0}, SettingError, "jobs must be a whole number from 1, not 0"),
        ({"format": "csv"}, SettingError, "must be one of fits, ecsv, votable, not 'csv'"),
        ({"resume": True, "overwrite": True}, SettingError, "choose one"),
    ],
)
def test_bad_settings_are_refused_before_the_work(cube_file, tmp_path, chosen, error, match, settings):
    with pytest.raises(error, match=match):
        museml.run(cube_file, tmp_path / "out", **{**settings, **chosen})
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("jobs", [1, 2])
def test_several_cubes_and_a_bad_one_among_them(cube_file, finished, tmp_path, jobs, settings, same):
    (tmp_path / "bad.fits").write_text("not FITS")
    with pytest.warns(MusemlWarning, match=r"cube 'bad' failed, the others go on: .* must be a FITS file"):
        catalogs = museml.run([tmp_path / "bad.fits", cube_file], tmp_path / "out", jobs=jobs, **settings)
    assert list(catalogs) == ["field"]
    same(finished, tmp_path / "out" / "field")


def test_a_plugin_that_breaks_on_one_cube_does_not_stop_the_others(cube_file, tmp_path, failing, settings):
    other = tmp_path / "other.fits"
    other.write_bytes(cube_file.read_bytes())
    failing(cube_run, "white_image", ZeroDivisionError("oops"), 1)
    with pytest.warns(MusemlWarning, match="'field' failed.*ZeroDivisionError: oops"):
        catalogs = museml.run([cube_file, other], tmp_path / "out", **settings)
    assert list(catalogs) == ["other"]


def test_cubes_of_one_name_are_refused(cube_file, tmp_path, settings):
    with pytest.raises(SettingError, match="'field' is there twice"):
        museml.run([cube_file, cube_file], tmp_path, **settings)


@pytest.mark.filterwarnings("ignore:cube")
def test_no_cube_that_works_is_an_error(tmp_path, settings):
    with pytest.raises(MusemlError, match="none of 2 cubes"):
        museml.run([tmp_path / "a.fits", tmp_path / "b.fits"], tmp_path / "out", **settings)

import errno
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from astropy.table import Table
from mpdaf.sdetect import Catalog, Source

import museml
from museml.errors import InputError, MusemlError, MusemlWarning, OutputError, SettingError, UnknownNameError
from museml.pipeline import cube_run, tasks, workers
from museml.simulation.cubes import simulate_cube

SETTINGS = {"detector": "lines", "classifier": "lines", "progress": False, "plots": False}


@pytest.fixture(scope="module")
def cube_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("cubes") / "field.fits"
    simulate_cube((300, 24, 24), seed=1, n_lines=3, n_galaxies=0, n_continuum=0, snr=(12, 30))[0].write(str(path))
    return path


@pytest.fixture(scope="module")
def truth():
    return simulate_cube((300, 24, 24), seed=1, n_lines=3, n_galaxies=0, n_continuum=0, snr=(12, 30))[1]


@pytest.fixture(scope="module")
def finished(cube_file, tmp_path_factory):
    """Return the folder of a run that nothing has stopped."""
    out = tmp_path_factory.mktemp("finished") / "out"
    museml.run(cube_file, out, **SETTINGS)
    return out


def assert_same(one, other):
    """Two folders hold the same results, up to the rounding that differs from process to process."""
    for name in ("catalog.fits", "detections.fits", "redshifts.fits"):
        assert_same_table(*(Table.read(folder / name) for folder in (one, other)))
    names = sorted(os.listdir(one / "sources"))
    assert names == sorted(os.listdir(other / "sources"))
    for name in names:
        first, second = (Source.from_file(str(folder / "sources" / name)) for folder in (one, other))
        assert set(first.header) == set(second.header)
        for key in first.spectra:
            assert np.allclose(first.spectra[key].data.filled(-1), second.spectra[key].data.filled(-1))
        for key in ("lines", "z"):
            assert_same_table(getattr(first, key), getattr(second, key))
    assert not list(one.rglob(".*.part")) + list(other.rglob(".*.part"))
    assert not (one / "extracted").exists()


def assert_same_table(one, other):
    assert one.colnames == other.colnames
    for name in one.colnames:
        values = [
            np.ma.filled(table[name], -1) if table[name].dtype.kind == "f" else table[name] for table in (one, other)
        ]
        if values[0].dtype.kind == "f":
            assert np.allclose(*values, rtol=1e-6, atol=1e-12), name
        else:
            assert list(values[0]) == list(values[1]), name


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


def test_a_cube_in_memory_and_two_processes_give_the_same(finished, cube_file, tmp_path, monkeypatch):
    from mpdaf.obj import Cube

    catalog = museml.run(Cube(str(cube_file)), tmp_path / "memory", **SETTINGS)
    assert isinstance(catalog, Catalog)
    monkeypatch.setattr(workers, "START", 0)
    museml.run(cube_file, tmp_path / "two", jobs=2, **SETTINGS)
    assert_same(finished, tmp_path / "two")
    assert (catalog["z"] == Catalog.read(str(finished / "catalog.fits"))["z"]).all()


@pytest.mark.filterwarnings("ignore:The unit .* has been deprecated in the VOUnit standard")
def test_catalogue_in_other_formats(cube_file, tmp_path):
    museml.run(cube_file, tmp_path / "ecsv", format="ecsv", **SETTINGS)
    table = Table.read(tmp_path / "ecsv" / "catalog.ecsv")
    assert table["z"].description == "best redshift (vacuum)"
    museml.run(cube_file, tmp_path / "ecsv", format="votable", resume=True, **SETTINGS)
    table = Table.read(tmp_path / "ecsv" / "catalog.vot")
    assert table["RA"].meta["ucd"] == "pos.eq.ra;meta.main"
    assert str(table["RA"].unit) == "deg"


def test_the_catalogue_can_be_classified_again(cube_file, finished):
    catalog = museml.run(cube_file, finished, resume=True, **SETTINGS)
    predictions = catalog.classify()
    assert np.allclose(predictions["z"], catalog["z"], atol=1e-5)
    assert np.allclose(catalog["ML_Z"], catalog["z"], atol=1e-5)


def test_a_field_without_sources_gives_an_empty_catalogue(tmp_path):
    cube = simulate_cube((200, 15, 15), seed=2, n_lines=0, n_galaxies=0, n_continuum=0)[0]
    settings = {**SETTINGS, "plots": True, "detector_settings": {"threshold": 20.0}}
    catalog = museml.run(cube, tmp_path / "out", **settings)
    assert len(catalog) == 0
    assert "z" in catalog.colnames
    assert len(Table.read(tmp_path / "out" / "catalog.fits")) == 0
    assert (tmp_path / "out" / "plots" / "overview.png").exists()


def test_pictures_are_drawn_and_redrawn(cube_file, finished, tmp_path):
    settings = {**SETTINGS, "plots": True}
    museml.run(cube_file, tmp_path / "out", **settings)
    pictures = sorted(os.listdir(tmp_path / "out" / "plots"))
    assert pictures == ["overview.png", *(f"source-{number:05d}.png" for number in range(1, 4))]
    (tmp_path / "out" / "plots" / pictures[2]).unlink()
    museml.run(cube_file, tmp_path / "out", resume=True, **settings)
    assert sorted(os.listdir(tmp_path / "out" / "plots")) == pictures
    assert_same(finished, tmp_path / "out")


KILLED = """
import sys
import museml

if __name__ == "__main__":
    museml.run(sys.argv[1], sys.argv[2], detector="lines", classifier="lines", plots=False, progress=False)
"""


@pytest.mark.parametrize("file", ["detections.fits", "extracted/source-00002.fits", "sources/source-00001.fits"])
def test_a_killed_run_resumes_and_ends_the_same(cube_file, finished, tmp_path, file):
    out = tmp_path / "out"
    run = subprocess.Popen([sys.executable, "-c", KILLED, cube_file, out], stderr=subprocess.DEVNULL)
    while run.poll() is None and not (out / file).exists():
        time.sleep(0.002)
    run.send_signal(signal.SIGKILL)
    run.wait()
    (out / ".catalog.fits.part").write_text("half")
    museml.run(cube_file, out, resume=True, **SETTINGS)
    assert_same(finished, out)


@pytest.fixture
def failing(monkeypatch):
    """Make the n-th call of a function fail."""

    def fail(module, name, error, at):
        function, calls = getattr(module, name), []

        def counted(*args, **kwargs):
            calls.append(1)
            if len(calls) == at:
                raise error
            return function(*args, **kwargs)

        monkeypatch.setattr(module, name, counted)

    return fail


NO_SPACE = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("at", [1, 2])
@pytest.mark.parametrize("name", ["write_prediction", "write_lines"])
def test_ctrl_c_leaves_nothing_half_written(cube_file, finished, tmp_path, failing, name, at):
    failing(tasks, name, KeyboardInterrupt(), at)
    with pytest.raises(KeyboardInterrupt):
        museml.run(cube_file, tmp_path / "out", **SETTINGS)
    assert not list((tmp_path / "out").rglob(".*.part"))
    assert "stopped: KeyboardInterrupt" in (tmp_path / "out" / "run.log").read_text()
    museml.run(cube_file, tmp_path / "out", resume=True, **SETTINGS)
    assert_same(finished, tmp_path / "out")


@pytest.mark.parametrize("at", [2, 5])
def test_a_full_disk_is_one_line_and_the_run_resumes(cube_file, finished, tmp_path, monkeypatch, at):
    write, calls = Source.write, []

    def full(source, filename, overwrite=True):
        calls.append(filename)
        write(source, filename, overwrite)
        if len(calls) == at:
            os.truncate(filename, 100)
            raise NO_SPACE

    monkeypatch.setattr(Source, "write", full)
    with pytest.raises(OutputError, match=r"No space left on device; free some space") as caught:
        museml.run(cube_file, tmp_path / "out", **SETTINGS)
    assert "\n" not in str(caught.value)
    assert not list((tmp_path / "out").rglob(".*.part"))
    museml.run(cube_file, tmp_path / "out", resume=True, **SETTINGS)
    assert_same(finished, tmp_path / "out")


def test_a_full_disk_for_the_log_and_the_tables(cube_file, tmp_path, failing):
    failing(cube_run, "write_table", OutputError("'x' cannot be written: No space left on device"), 1)
    with pytest.raises(OutputError, match="No space"):
        museml.run(cube_file, tmp_path / "out", **SETTINGS)
    assert not (tmp_path / "out" / "detections.fits").exists()


def test_a_folder_with_a_run_is_not_touched(cube_file, finished):
    before = (finished / "catalog.fits").stat().st_mtime_ns
    with pytest.raises(OutputError, match="holds a run already; resume it"):
        museml.run(cube_file, finished, **SETTINGS)
    assert (finished / "catalog.fits").stat().st_mtime_ns == before


def test_other_settings_do_not_resume(cube_file, finished):
    with pytest.raises(OutputError, match=r"detector settings threshold was 5.0, now 9.0"):
        museml.run(cube_file, finished, resume=True, detector_settings={"threshold": 9.0}, **SETTINGS)


def test_another_cube_does_not_resume(cube, finished):
    with pytest.raises(OutputError, match="input sha256 was"):
        museml.run(cube, finished, resume=True, **SETTINGS)


def test_overwrite_replaces_a_run(cube_file, tmp_path):
    out = tmp_path / "out"
    museml.run(cube_file, out, **SETTINGS)
    (out / "mine.txt").write_text("kept")
    catalog = museml.run(cube_file, out, overwrite=True, detector_settings={"threshold": 25.0}, **SETTINGS)
    assert 0 < len(catalog) < 3
    assert len(os.listdir(out / "sources")) == len(catalog)
    assert (out / "mine.txt").read_text() == "kept"


def test_files_of_other_origin_are_never_replaced(cube_file, tmp_path):
    (tmp_path / "catalog.fits").write_text("precious")
    for mode in ({}, {"resume": True}, {"overwrite": True}):
        with pytest.raises(OutputError, match=r"holds 'catalog.fits', which no run of museml left"):
            museml.run(cube_file, tmp_path, **mode, **SETTINGS)
    assert (tmp_path / "catalog.fits").read_text() == "precious"


def test_a_damaged_record_is_named(cube_file, tmp_path):
    (tmp_path / "provenance.json").write_text("{")
    with pytest.raises(OutputError, match="must be the record of a run"):
        museml.run(cube_file, tmp_path, resume=True, **SETTINGS)


def test_a_folder_that_cannot_be_made(cube_file, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="a part of the path is a file"):
        museml.run(cube_file, tmp_path / "file" / "out", **SETTINGS)


def test_a_folder_that_may_not_be_written(cube_file, tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("pathlib.Path.mkdir", refuse)
    with pytest.raises(OutputError, match="Permission denied; choose a folder that you may write to"):
        museml.run(cube_file, tmp_path / "out", **SETTINGS)


def test_a_bad_cube_leaves_no_folder(tmp_path):
    (tmp_path / "bad.fits").write_text("not FITS")
    with pytest.raises(InputError, match="must be a FITS file"):
        museml.run(tmp_path / "bad.fits", tmp_path / "out", **SETTINGS)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("settings", "error", "match"),
    [
        ({"detector": "lnes"}, UnknownNameError, "did you mean 'lines'"),
        ({"detector_settings": {"treshold": 5}}, SettingError, "no setting 'treshold'"),
        ({"jobs": 0}, SettingError, "jobs must be a whole number from 1, not 0"),
        ({"format": "csv"}, SettingError, "must be one of fits, ecsv, votable, not 'csv'"),
        ({"resume": True, "overwrite": True}, SettingError, "choose one"),
    ],
)
def test_bad_settings_are_refused_before_the_work(cube_file, tmp_path, settings, error, match):
    with pytest.raises(error, match=match):
        museml.run(cube_file, tmp_path / "out", **{**SETTINGS, **settings})
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("jobs", [1, 2])
def test_several_cubes_and_a_bad_one_among_them(cube_file, finished, tmp_path, jobs):
    (tmp_path / "bad.fits").write_text("not FITS")
    with pytest.warns(MusemlWarning, match=r"cube 'bad' failed, the others go on: .* must be a FITS file"):
        catalogs = museml.run([tmp_path / "bad.fits", cube_file], tmp_path / "out", jobs=jobs, **SETTINGS)
    assert list(catalogs) == ["field"]
    assert_same(finished, tmp_path / "out" / "field")


def test_a_plugin_that_breaks_on_one_cube_does_not_stop_the_others(cube_file, tmp_path, failing):
    other = tmp_path / "other.fits"
    other.write_bytes(cube_file.read_bytes())
    failing(cube_run, "white_image", ZeroDivisionError("oops"), 1)
    with pytest.warns(MusemlWarning, match="'field' failed.*ZeroDivisionError: oops"):
        catalogs = museml.run([cube_file, other], tmp_path / "out", **SETTINGS)
    assert list(catalogs) == ["other"]


def test_cubes_of_one_name_are_refused(cube_file, tmp_path):
    with pytest.raises(SettingError, match="'field' is there twice"):
        museml.run([cube_file, cube_file], tmp_path, **SETTINGS)


@pytest.mark.filterwarnings("ignore:cube")
def test_no_cube_that_works_is_an_error(tmp_path):
    with pytest.raises(MusemlError, match="none of 2 cubes"):
        museml.run([tmp_path / "a.fits", tmp_path / "b.fits"], tmp_path / "out", **SETTINGS)

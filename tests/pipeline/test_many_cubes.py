import importlib
import os
import shutil
import sys
import warnings

import pytest
from astropy.table import Table
from mpdaf.sdetect import Catalog

import museml
from museml.errors import MusemlError, MusemlWarning, OutputError, SettingError
from museml.pipeline import cube_run, many_cubes
from museml.pipeline.cube_table import CUBES, CubeTable, add_to_table
from museml.pipeline.workers import Workers

SETTINGS = {"detector": "lines", "classifier": "lines", "progress": False, "plots": False}
ROW = {"status": "waiting", "detections": None, "sources": None, "seconds": None, "file": "a.fits", "message": ""}


@pytest.fixture(scope="module")
def survey(cube_file, tmp_path_factory):
    """Return the result of a run of two cubes, one of them bad, and its folder."""
    folder = tmp_path_factory.mktemp("survey")
    shutil.copy(cube_file, folder / "good.fits")
    (folder / "bad.fits").write_text("not FITS")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MusemlWarning)
        catalogs = museml.run([folder / "bad.fits", folder / "good.fits"], folder / "out", **SETTINGS)
    return catalogs, folder


def test_the_table_tells_what_became_of_each_cube(survey):
    catalogs, folder = survey
    table = Table.read(folder / "out" / CUBES)
    assert table["name"].tolist() == ["bad", "good"]
    assert table["status"].tolist() == ["failed", "complete"]
    assert table["sources"].tolist() == [None, 3]
    assert table["seconds"][1] > 0
    assert str(table["seconds"].unit) == "s"
    assert "must be a FITS file" in table["message"][0]
    assert table["file"][1] == str(folder / "good.fits")
    assert catalogs.cubes["status"].tolist() == ["failed", "complete"]


def test_catalogues_are_read_when_they_are_asked_for(survey):
    catalogs, folder = survey
    assert list(catalogs) == ["good"]
    assert len(catalogs) == 1
    assert isinstance(catalogs["good"], Catalog)
    assert catalogs["good"].meta["folder"] == str(folder / "out" / "good" / "sources")
    with pytest.raises(KeyError):
        catalogs["bad"]


def test_what_is_complete_is_not_even_read_again(survey, monkeypatch):
    _, folder = survey
    monkeypatch.setattr(cube_run, "open_cube", lambda data: 1 / 0)
    again = museml.run([folder / "good.fits"], folder / "out", resume=True, **SETTINGS)
    assert len(again["good"]) == 3
    assert Table.read(folder / "out" / CUBES)["status"].tolist() == ["failed", "complete"]


@pytest.mark.filterwarnings("ignore:cube 'good' failed")
@pytest.mark.parametrize("change", ["time", "source", "format"])
def test_what_has_changed_is_read_again(survey, monkeypatch, change):
    _, folder = survey
    options = {"format": "ecsv"} if change == "format" else {}
    if change == "time":
        os.utime(folder / "good.fits")
    if change == "source":
        (folder / "out" / "good" / "sources" / "source-00002.fits").unlink()
    monkeypatch.setattr(cube_run, "open_cube", lambda data: 1 / 0)
    with pytest.raises(MusemlError, match="ZeroDivisionError"):
        museml.run([folder / "good.fits"], folder / "out", resume=True, **options, **SETTINGS)
    monkeypatch.undo()
    museml.run([folder / "good.fits"], folder / "out", resume=True, **options, **SETTINGS)
    assert Table.read(folder / "out" / CUBES)["status"].tolist() == ["failed", "complete"]


def test_rows_of_other_runs_stay(tmp_path):
    add_to_table([{"name": "a", **ROW}, {"name": "b", **ROW}], tmp_path)
    add_to_table([{"name": "b", **ROW, "status": "complete", "sources": 4}, {"name": "c", **ROW}], tmp_path)
    table = Table.read(tmp_path / CUBES)
    assert sorted(zip(table["name"], table["sources"].tolist(), strict=True)) == [("a", None), ("b", 4), ("c", None)]
    assert table["status"].description == "'complete', 'failed' or 'waiting'"


def test_a_table_of_other_origin_is_not_replaced(tmp_path):
    (tmp_path / CUBES).write_text("mine")
    with pytest.raises(OutputError, match="must be a table of cubes"):
        add_to_table([{"name": "a", **ROW}], tmp_path)
    assert (tmp_path / CUBES).read_text() == "mine"


def test_an_empty_list_is_refused(tmp_path):
    with pytest.raises(SettingError, match="at least one cube"):
        museml.run([], tmp_path / "out", **SETTINGS)
    assert not (tmp_path / "out").exists()


def test_no_cubes_make_an_empty_table():
    assert CubeTable.from_rows([]).colnames[0] == "name"


MORTAL = '''
import os

def square_or_die(number, folder):
    """Return the square of a number; the process ends at 3 always, at 5 for the first time."""
    if number == 3 or (number == 5 and not (folder / "5").exists()):
        (folder / "5").touch()
        os._exit(1)
    return number**2
'''


@pytest.fixture
def square_or_die(tmp_path, monkeypatch):
    """Return a function of a module that other processes find."""
    (tmp_path / "museml_mortal.py").write_text(MORTAL)
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("museml_mortal").square_or_die
    del sys.modules["museml_mortal"]


def test_a_process_that_ends_costs_one_task_and_the_others_go_on(square_or_die, tmp_path):
    with Workers(2) as workers:
        done = dict(workers.each(square_or_die, [(number, tmp_path) for number in range(7)]))
    assert isinstance(done.pop(3), MusemlError)
    assert done == {number: number**2 for number in (0, 1, 2, 4, 5, 6)}


def die():
    """End at once, as a worker does that cannot import the script that started it."""
    os._exit(1)


def test_processes_that_cannot_start_are_an_error_at_once(square_or_die, tmp_path, monkeypatch):
    monkeypatch.setattr("museml.pipeline.workers._alive", die)
    with pytest.raises(MusemlError, match="a script lacks the line if __name__"), Workers(2) as workers:
        list(workers.each(square_or_die, [(number, tmp_path) for number in range(7)]))


def test_processes_share_the_threads(monkeypatch):
    monkeypatch.setattr("museml.pipeline.workers.thread_count", lambda: 6)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    with Workers(2) as workers:
        assert list(workers.map(os.getenv, [("OMP_NUM_THREADS",)] * 2)) == ["3", "3"]
    assert "OMP_NUM_THREADS" not in os.environ


def test_processes_are_divided_among_few_cubes():
    assert [Workers(8).inner(cubes) for cubes in (1, 3, 8, 20)] == [8, 2, 1, 1]


def test_a_cube_whose_process_died_is_gone_on_with(survey, tmp_path):
    """What is left by the same call is resumed, though resume was not asked for."""
    _, folder = survey
    out = shutil.copytree(folder / "out" / "good", tmp_path / "out")
    choice = museml.pipeline.cube_run.Choice(museml.get_detector("lines"), museml.get_classifier("lines"), plots=False)
    call = many_cubes.read_record(out)["call"]
    mode = museml.pipeline.folder.Mode(overwrite=True, call=call)
    before = (out / "detections.fits").stat().st_mtime_ns
    assert len(cube_run.run_cube(folder / "good.fits", out, choice, Workers(1), mode, shown=False)) == 3
    assert (out / "detections.fits").stat().st_mtime_ns == before

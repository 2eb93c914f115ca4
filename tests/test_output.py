import errno
import os

import numpy as np
import pytest
from astropy.io import fits, votable
from astropy.table import Table

from museml.classification import Redshifts
from museml.errors import InputError, OutputError, SettingError
from museml.output import check_target, format_of, make_folder, read_table, remove_parts, whole_file, write_table


@pytest.fixture
def redshifts():
    columns = {"id": ["a", "b"], "class": ["galaxy", "unknown"], "z": np.ma.array([0.5, 0.0], mask=[False, True])}
    return Redshifts.from_columns(columns, meta={"PLUGIN": "lines", "SETTINGS": "{}"})


def test_a_file_appears_only_when_whole(tmp_path):
    path = tmp_path / "text"
    with whole_file(path) as part:
        part.write_text("half")
        assert not path.exists()
    assert path.read_text() == "half"
    assert os.listdir(tmp_path) == ["text"]


def write_half(path, error):
    with whole_file(path) as part:
        part.write_text("half")
        raise error


@pytest.mark.parametrize("stop", [KeyboardInterrupt, ValueError])
def test_a_stopped_file_leaves_the_old_one(tmp_path, stop):
    path = tmp_path / "text"
    path.write_text("old")
    with pytest.raises(stop):
        write_half(path, stop())
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["text"]


def test_a_full_disk_is_one_line(tmp_path):
    with pytest.raises(OutputError, match="No space left on device; free some space") as caught:
        write_half(tmp_path / "text", OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    assert "\n" not in str(caught.value)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("free", "number", "remedy"), [(0, None, "some space"), (1e9, errno.EDQUOT, "some of your quota")]
)
def test_a_full_disk_is_seen_through_astropy(tmp_path, monkeypatch, redshifts, free, number, remedy):
    def full(*_):
        raise OSError(number, "cannot write") if number else OSError("8000 requested and 0 written")

    monkeypatch.setattr("astropy.io.fits.file._File.write", full)
    monkeypatch.setattr("astropy.utils.data.get_free_space_in_dir", lambda _: free)
    with pytest.raises(OutputError, match=f"cannot be written: .*; free {remedy}"):
        write_table(redshifts, tmp_path / "t.fits")


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(OutputError, match="make the folder first"), whole_file(tmp_path / "no" / "text") as part:
        part.write_text("half")


def test_a_target_is_checked_before_the_work(tmp_path):
    check_target(tmp_path / "t.fits")
    assert os.listdir(tmp_path) == []
    with pytest.raises(OutputError, match="make the folder first"):
        check_target(tmp_path / "no" / "t.fits")
    with pytest.raises(OutputError, match="must be a file"):
        check_target(tmp_path)


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="must be a folder"):
        make_folder(tmp_path / "file")
    with pytest.raises(OutputError, match="a part of the path is a file"):
        make_folder(tmp_path / "file" / "deeper")


def test_parts_of_a_killed_run_are_removed(tmp_path):
    (tmp_path / "plots").mkdir()
    (tmp_path / "plots" / ".a.png.museml-part").write_text("half")
    (tmp_path / "plots" / "b.png").write_text("whole")
    (tmp_path / "plots" / ".download.part").write_text("somebody else's")
    remove_parts(tmp_path)
    assert sorted(os.listdir(tmp_path / "plots")) == [".download.part", "b.png"]


@pytest.mark.parametrize("name", ["t.fits", "t.ecsv", "t.vot"])
def test_tables_keep_values_and_units(tmp_path, redshifts, name):
    write_table(redshifts, tmp_path / name)
    table = Table.read(tmp_path / name)
    assert list(table["id"]) == ["a", "b"]
    assert table["z"][0] == 0.5
    assert np.ma.is_masked(table["z"][1])


def test_fits_has_descriptions_and_ucds(tmp_path, redshifts):
    write_table(redshifts, tmp_path / "t.fits")
    header = fits.getheader(tmp_path / "t.fits", 1)
    number = redshifts.colnames.index("z") + 1
    assert header[f"TUCD{number}"] == "src.redshift"
    assert header[f"TCOMM{number}"] == "best redshift (vacuum)"
    assert header["PLUGIN"] == "lines"


def test_only_columns_with_missing_numbers_have_a_null(tmp_path):
    table = Table({"all": np.ma.array([1, 2]), "one": np.ma.array([1, 2], mask=[True, False])}, masked=True)
    write_table(table, tmp_path / "t.fits")
    assert list(fits.getheader(tmp_path / "t.fits", 1)["TNULL*"]) == ["TNULL2"]


@pytest.mark.parametrize("name", ["t.ecsv", "t.vot"])
def test_other_formats_have_descriptions_and_ucds(tmp_path, redshifts, name):
    write_table(redshifts, tmp_path / name)
    column = Table.read(tmp_path / name)["z"]
    assert column.description == "best redshift (vacuum)"
    assert column.meta["ucd"] == "src.redshift"


def test_each_format_has_the_provenance(tmp_path, redshifts):
    redshifts.meta |= {"MODEL": "", "SETTINGS": '{"a": "<b> & c"}'}
    for name in ("t.fits", "t.ecsv"):
        write_table(redshifts, tmp_path / name)
        assert Table.read(tmp_path / name).meta["PLUGIN"] == "lines"
    write_table(redshifts, tmp_path / "t.vot")
    infos = votable.parse(tmp_path / "t.vot").resources[0].infos
    assert {info.name: info.value for info in infos} == redshifts.meta


def test_empty_tables_keep_their_columns(tmp_path):
    write_table(Redshifts.empty(), tmp_path / "t.fits")
    assert Table.read(tmp_path / "t.fits").colnames == Redshifts.empty().colnames


def test_unknown_formats_are_refused(tmp_path, redshifts):
    with pytest.raises(SettingError, match=r"has '.txt'; rename"):
        format_of("t.txt")
    with pytest.raises(SettingError, match="must be one of fits, ecsv, votable"):
        write_table(redshifts, tmp_path / "t", format="txt")


def test_a_table_reads_back_as_it_was(tmp_path, redshifts):
    redshifts["pz"] = np.arange(6, dtype="f4").reshape(2, 3)
    redshifts.meta["SETTINGS"] = "{" + 200 * "x" + "}"
    write_table(redshifts, tmp_path / "t.fits")
    again = read_table(Redshifts, tmp_path / "t.fits")
    assert again.colnames == redshifts.colnames
    assert again.meta == redshifts.meta
    assert (again["z"].mask == redshifts["z"].mask).all()
    assert (again["pz"] == redshifts["pz"]).all()
    assert list(again["class"]) == ["galaxy", "unknown"]


def test_a_damaged_table_is_named(tmp_path):
    (tmp_path / "t.fits").write_bytes(b"SIMPLE")
    with pytest.raises(InputError, match="must be a FITS table"):
        read_table(Redshifts, tmp_path / "t.fits")

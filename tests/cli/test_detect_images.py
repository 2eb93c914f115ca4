"""``museml detect`` in images: every format, several images, one list of overlapping ones, bad input."""

import os
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import regions
from astropy.io import fits
from astropy.table import Table
from click.testing import CliRunner
from mpdaf.sdetect import Catalog

from museml import api
from museml.cli import main
from museml.plugins import Plugins, load_plugins
from museml.registry import Entry, Spec
from museml.simulation.fields import simulate_field


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Return two overlapping cut-outs of a field, as files, and its bright components."""
    folder = tmp_path_factory.mktemp("images")
    field = simulate_field((160, 220), seed=11, density=3.0, artefacts="clean")
    for name, start in (("left", 0), ("right", 80)):
        header = field.hdu.header.copy()
        header["CRPIX1"] -= start
        fits.PrimaryHDU(field.data[:, start : start + 140], header).writeto(folder / f"{name}.fits")
    bright = field.components[field.components["snr"] > 8]
    return [str(folder / name) for name in ("left.fits", "right.fits")], bright


@pytest.fixture
def shell(monkeypatch):
    """Return a function that runs museml, which knows the example's detector of images, too."""
    plugins = Plugins()
    for entry in load_plugins().registry.entries():
        plugins.registry.add(entry)
    spec = Spec("islands", "museml_example.islands:IslandDetector", ("image",), "islands of pixels")
    plugins.registry.add(Entry("detector", spec, "example", "example", "1.0"))
    monkeypatch.setattr(api, "load_plugins", lambda: plugins)

    def run(*arguments):
        words = ["detect", *map(str, arguments), "--detector", "islands"]
        return CliRunner().invoke(main, words)

    return run


def test_each_format_holds_the_same_list(shell, images, tmp_path):
    outs = [tmp_path / f"found{suffix}" for suffix in (".fits", ".ecsv", ".vot", ".reg", ".crtf")]
    result = shell(images[0][0], *(word for out in outs for word in ("-o", out)))
    assert result.exit_code == 0, result.output
    tables = [Table.read(out) for out in outs[:3]]
    assert all(len(table) == len(tables[0]) > 3 for table in tables)
    assert all(len(regions.Regions.read(out)) == len(tables[0]) for out in outs[3:])
    assert f"{len(tables[0])} detections in {outs[0]}, " in result.stdout
    assert tables[0].meta["IMAGE"] == "left"
    assert tables[0].meta["BMAJ"] == pytest.approx(6 / 3600)
    np.testing.assert_array_equal(tables[0]["ra"], tables[2]["ra"])


def test_a_picture_is_beside_each_list(shell, images, tmp_path):
    assert shell(*images[0], "-o", tmp_path / "out", "--plots").exit_code == 0
    for name in ("left", "right"):
        assert (tmp_path / "out" / f"{name}-detections.png").read_bytes().startswith(b"\x89PNG")


def test_one_image_may_go_into_a_folder(shell, images, tmp_path):
    for out in (f"{tmp_path}/new/", tmp_path / "new"):
        assert shell(images[0][0], "-o", out, "--format", "casa").exit_code == 0
        assert os.listdir(tmp_path / "new") == ["left-detections.crtf"]


def test_a_table_for_mpdaf(shell, images, tmp_path):
    assert shell(images[0][0], "-o", tmp_path / "found.fits", "--mpdaf").exit_code == 0
    assert Catalog.read(str(tmp_path / "found.fits")).colnames[:4] == ["ID", "source", "RA", "DEC"]


def test_overlapping_images_make_one_list_with_nothing_twice(shell, images, tmp_path):
    paths, bright = images
    result = shell(
        *paths, "-o", tmp_path / "out", "--format", "ecsv", "--format", "ds9", "--merge", tmp_path / "all.fits"
    )
    assert result.exit_code == 0, result.output
    files = [f"{name}-detections.{suffix}" for name in ("left", "right") for suffix in ("ecsv", "reg")]
    assert sorted(os.listdir(tmp_path / "out")) == sorted(files)
    merged = Table.read(tmp_path / "all.fits")
    single = [Table.read(tmp_path / "out" / name) for name in files[::2]]
    assert len(merged) < sum(map(len, single))
    x, y = merged["ra"] - bright["ra"][:, None], merged["dec"] - bright["dec"][:, None]
    near = np.hypot(x * np.cos(np.radians(55)), y) * 3600 < 3
    assert np.all(near.sum(axis=1) == 1)


@pytest.mark.filterwarnings("always:.*failed")
def test_one_bad_image_does_not_stop_the_rest(shell, images, tmp_path):
    bad = tmp_path / "bad.fits"
    bad.write_bytes(Path(images[0][0]).read_bytes()[:-4000])
    result = shell(bad, images[0][1], tmp_path / "none.fits", "-o", tmp_path / "out")
    assert result.exit_code == 1
    assert "bad.fits' failed, the others go on" in result.stderr
    assert "existing file" in result.stderr
    assert os.listdir(tmp_path / "out") == ["right-detections.fits"]


def test_unit_and_beam_of_the_command_line(shell, images, tmp_path):
    bare = fits.PrimaryHDU(fits.getdata(images[0][0]) * 1e3, fits.getheader(images[0][0]))
    for key in ("BMAJ", "BMIN", "BPA", "BUNIT"):
        del bare.header[key]
    bare.writeto(tmp_path / "bare.fits")
    out = tmp_path / "found.fits"
    assert "must have a beam" in shell(tmp_path / "bare.fits", "-o", out).stderr
    assert "must have a unit" in shell(tmp_path / "bare.fits", "-o", out, "--beam", "6 6 0").stderr
    assert shell(tmp_path / "bare.fits", "-o", out, "--beam", "6 6 0", "--unit", "mJy/beam").exit_code == 0
    assert shell(images[0][0], "-o", tmp_path / "usual.fits").exit_code == 0
    np.testing.assert_allclose(Table.read(out)["flux"], Table.read(tmp_path / "usual.fits")["flux"], rtol=1e-5)


def test_an_image_without_sources_makes_an_empty_table(shell, images, tmp_path):
    header = fits.getheader(images[0][0])
    noise = np.random.default_rng(1).normal(0, 1e-4, (100, 100)).astype(np.float32)
    fits.PrimaryHDU(noise, header).writeto(tmp_path / "noise.fits")
    for suffix in (".fits", ".reg"):
        result = shell(tmp_path / "noise.fits", "-o", tmp_path / f"found{suffix}")
        assert result.stdout == f"0 detections in {tmp_path / f'found{suffix}'}\n"
    assert "peak" in Table.read(tmp_path / "found.fits").colnames


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["{left}"], "a list must go somewhere"),
        (["{left}", "--merge", "{out}.fits", "--plots"], "picture beside it"),
        (["{left}", "-o", "{out}.txt"], r"\.crtf; .* has '\.txt'"),
        (["{left}", "{right}", "-o", "{out}.reg"], "must be a folder"),
        (["{left}", "{right}", "-o", "{out}", "-o", "{out}2"], "must be a folder"),
        (["{left}", "-o", "{out}.fits", "--format", "ds9"], "--format is for a folder"),
        (["{left}", "{left}", "-o", "{out}"], "data of the same name"),
        (["{left}", "-o", "{out}.fits", "--beam", "wide"], "one number or three"),
        (["{left}", "-o", "{out}.fits", "--unit", "feet"], "one of brightness"),
        (["{cube}", "-o", "{out}.fits"], "'islands' takes image"),
        (["/none.fits", "-o", "{out}.fits"], "existing file"),
    ],
)
def test_bad_words_end_in_one_line(shell, images, tmp_path, words, problem):
    cube = tmp_path / "cube.fits"
    fits.PrimaryHDU(np.zeros((3, 4, 5), np.float32)).writeto(cube)
    names = {"left": images[0][0], "right": images[0][1], "cube": cube, "out": tmp_path / "out"}
    result = shell(*(word.format(**names) for word in words))
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert re.search(problem, result.stderr), result.stderr


def test_a_beam_is_not_for_cubes(images, tmp_path):
    cube = tmp_path / "cube.fits"
    fits.PrimaryHDU(np.zeros((3, 4, 5), np.float32)).writeto(cube)
    words = ["detect", str(cube), "-o", str(tmp_path / "a.fits"), "--detector", "lines", "--beam", "6"]
    assert "--beam is for images; " in CliRunner().invoke(main, words).stderr


def test_a_region_file_without_the_package_is_refused_before_the_work(shell, images, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "regions", None)
    result = shell(images[0][0], "-o", tmp_path / "found.reg")
    assert "install museml[images]" in result.stderr
    assert "detections" not in result.stdout

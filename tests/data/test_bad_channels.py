import gzip

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits

from museml.data.bad_channels import GAP, GUARD, runs
from museml.data.cubes import open_cube
from museml.data.planes import is_bad
from museml.errors import MusemlWarning
from museml.simulation.cubes import simulate_cube

GOOD = {"n_lines": 0, "n_galaxies": 0, "n_continuum": 0}


@pytest.fixture(scope="module")
def empty():
    return simulate_cube((120, 12, 14), 3, **GOOD)[0]


def test_a_good_cube_has_no_bad_channels(empty):
    assert not open_cube(empty).bad_channels.any()


@pytest.mark.parametrize("content", ["nan", "no variance", "infinite variance", "masked"])
def test_the_gap_of_the_notch_filter_is_recognised_with_its_edges(empty, content):
    cube = empty.copy()
    gap = slice(50, 50 + GAP)
    if content == "nan":
        cube.data.data[gap] = np.nan
    elif content == "masked":
        cube.data[gap] = np.ma.masked
    else:
        cube.var.data[gap] = 0 if content == "no variance" else np.inf
    opened = open_cube(cube)
    assert runs(opened.bad_channels) == [[50 - GUARD, 50 + GAP + GUARD]]
    assert np.isnan(opened.block(48, 52)[0]).all()
    assert np.isfinite(opened.block(40, 46)[0]).all()


def test_constant_channels_are_masked_and_named(empty):
    cube = empty.copy()
    cube.data.data[60:63] = 0.0
    with pytest.warns(MusemlWarning, match=r"3 channels \(4825-4828 Angstrom\) of 'cube' are constant; they are mask"):
        opened = open_cube(cube)
    assert runs(opened.bad_channels) == [[60, 63]]


@pytest.mark.parametrize("factor", [1e-3, 30.0])
def test_grossly_wrong_variances_are_masked_and_named(empty, factor):
    cube = empty.copy()
    cube.var.data[[20, 90]] *= factor
    with pytest.warns(MusemlWarning, match=r"2 channels .* of 'cube' have variances wrong by a factor of 10 or more"):
        opened = open_cube(cube)
    assert np.flatnonzero(opened.bad_channels).tolist() == [20, 90]


def test_a_sky_line_and_a_bright_nebula_are_no_errors(empty):
    cube = empty.copy()
    cube.data.data[30] *= 8
    cube.var.data[30] *= 64
    cube.data.data[70:73] += 3000 * np.random.default_rng(1).random((12, 14))
    assert not open_cube(cube).bad_channels.any()


def test_flags_of_the_pipeline_and_masks_of_mpdaf_mean_different_things():
    telluric, cosmic_ray, notch, missing, outside = 1, 1 << 5, 1 << 27, 1 << 30, -(2**31)
    flags = np.array([0, telluric, 2, cosmic_ray, notch, missing, outside, telluric | missing], np.int32)
    assert is_bad(flags).tolist() == [False, False, False, True, True, True, True, True]
    assert is_bad(np.array([0, 1], np.uint8)).tolist() == [False, True]


@pytest.mark.parametrize("kind", [np.uint8, np.int32, np.uint32])
def test_a_quality_extension_masks_its_voxels(empty, tmp_path, kind):
    path = tmp_path / "a.fits"
    empty.write(str(path), savemask="none")
    flags = np.zeros(empty.shape, kind)
    flags[4, 5, 6] = 1 if kind == np.uint8 else 1 << 6
    with fits.open(path, mode="append") as hdus:
        hdus.append(fits.ImageHDU(flags, name="DQ"))
    assert np.argwhere(np.isnan(open_cube(path).block(0, 120)[1])).tolist() == [[4, 5, 6]]


def test_scaled_integers_are_read(empty, tmp_path):
    path = tmp_path / "a.fits"
    empty.write(str(path), savemask="none")
    with fits.open(path) as hdus:
        hdus["DATA"].scale("int16", bscale=0.5, bzero=3.0)
        hdus.writeto(tmp_path / "b.fits")
    one, other = (open_cube(tmp_path / name).block(0, 9)[0] for name in ("a.fits", "b.fits"))
    assert np.allclose(one, other, atol=0.26)


def test_a_compressed_cube_is_unpacked_once_and_the_copy_removed(empty, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    empty.write(str(tmp_path / "a.fits"), savemask="none")
    (tmp_path / "b.fits.gz").write_bytes(gzip.compress((tmp_path / "a.fits").read_bytes(), 1))
    packed, plain = open_cube(tmp_path / "b.fits.gz"), open_cube(tmp_path / "a.fits")
    for _ in range(2):
        assert np.array_equal(packed.block(3, 9), plain.block(3, 9))
    assert len(list(tmp_path.glob("museml-*"))) == 1
    assert packed.name == "b"
    del packed
    assert not list(tmp_path.glob("museml-*"))


def test_a_window_is_the_same_as_a_part_of_the_field(empty, tmp_path):
    empty.write(str(tmp_path / "a.fits"), savemask="none")
    for cube in (open_cube(empty), open_cube(tmp_path / "a.fits")):
        window = cube.block(2, 5, slice(1, 7), slice(3, 9))
        assert np.array_equal(window, [values[:, 1:7, 3:9] for values in cube.block(2, 5)])


def test_tiny_fluxes_in_cgs_units_keep_their_variance(empty):
    cube = empty.copy()
    cube.unit = u.Unit("erg/(s cm2 Angstrom)")
    cube.data *= 1e-20
    cube.var *= 1e-40
    assert np.allclose(open_cube(cube).block(0, 3), open_cube(empty).block(0, 3), rtol=1e-5)

import gzip

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from mpdaf.obj import WCS, Cube, WaveCoord

from museml.data.cubes import FLUX_DENSITY, open_cube
from museml.errors import InputError, MusemlWarning

SHAPE = (40, 8, 9)
SKY = WCS(crval=(-27.8, 53.1), cdelt=(0.2 / 3600, -0.2 / 3600), deg=True, shape=SHAPE[1:])
AIR = WaveCoord(crval=4750.0, cdelt=1.25, cunit=u.angstrom, ctype="AWAV", shape=SHAPE[0])


@pytest.fixture
def make():
    rng = np.random.default_rng(1)

    def make(data=None, var=None, wcs=SKY, wave=AIR, unit=FLUX_DENSITY, **kwargs):
        data = rng.normal(size=SHAPE) if data is None else data
        var = np.full(data.shape, 4.0) if var is None else var
        return Cube(data=data, var=var, wcs=wcs, wave=wave, unit=unit, **kwargs)

    return make


def test_file_and_object_give_the_same(make, tmp_path):
    cube = make()
    cube.mask[3, 4, 5] = True
    cube.write(str(tmp_path / "a.fits"), savemask="dq")
    from_file, from_object = open_cube(tmp_path / "a.fits"), open_cube(cube)
    for one, other in zip(from_file.block(0, 40), from_object.block(0, 40), strict=True):
        assert one.dtype == np.float32
        assert np.array_equal(one, other.astype(np.float32), equal_nan=True)
        assert np.argwhere(np.isnan(one)).tolist() == [[3, 4, 5]]
    assert from_file.name == "a"
    assert from_file.medium == "air"
    assert from_file.pixel_scale == pytest.approx(0.2)
    assert from_file.wave[[0, -1]] == pytest.approx([4750.0, 4750 + 39 * 1.25])


def test_units_are_converted(make):
    cube = open_cube(make(unit=u.Unit("1e-17 erg / (s cm2 Angstrom)"), data=np.ones(SHAPE)))
    data, var = cube.block(0, 2)
    assert np.allclose(data, 1e3)
    assert np.allclose(var, 4e6)


def test_wavelengths_are_converted_to_angstrom(make):
    cube = open_cube(make(wave=WaveCoord(crval=475.0, cdelt=0.125, cunit=u.nm, ctype="WAVE", shape=SHAPE[0])))
    assert cube.wave[:2] == pytest.approx([4750.0, 4751.25])
    assert cube.medium == "vacuum"


def test_pixels_and_sky_are_inverse_and_agree_with_mpdaf(make):
    cube = open_cube(make())
    ra, dec = cube.pixel_to_sky([1.0, 3.5], [2.0, 6.25])
    assert cube.sky_to_pixel(ra, dec) == pytest.approx(np.array([[1.0, 3.5], [2.0, 6.25]]))
    assert SKY.pix2sky([2.0, 1.0])[0] == pytest.approx([dec[0], ra[0]], abs=1e-6)


def test_hash_changes_with_one_voxel(make):
    data = np.ones(SHAPE)
    before = open_cube(make(data=data)).sha256()
    data[5, 5, 5] = 2
    assert open_cube(make(data=data)).sha256() != before


def test_hash_changes_with_the_wavelengths_and_the_sky(make):
    moved = WaveCoord(crval=5250.0, cdelt=1.25, cunit=u.angstrom, ctype="AWAV", shape=SHAPE[0])
    turned = WCS(crval=(-27.8, 53.2), cdelt=(0.2 / 3600, -0.2 / 3600), deg=True, shape=SHAPE[1:])
    data = np.ones(SHAPE)
    cubes = make(data=data), make(data=data, wave=moved), make(data=data, wcs=turned)
    assert len({open_cube(cube).sha256() for cube in cubes}) == 3
    assert open_cube(make(data=data)).sha256() == open_cube(cubes[0]).sha256()


def test_negative_variances_are_masked_with_a_warning(make):
    var = np.full(SHAPE, 4.0)
    var[0, 0, :3] = -1
    with pytest.warns(MusemlWarning, match="3 voxels of 'cube' have negative variances; they are masked"):
        cube = open_cube(make(var=var))
    assert np.isnan(cube.block(0, 1)[0]).sum() == 3


def test_cube_is_not_changed(make):
    cube = make()
    cube.mask[0, 0, 0] = True
    before = cube.data.data.copy(), cube.var.data.copy(), cube.mask.copy()
    open_cube(cube).block(0, 40)
    for one, other in zip(before, (cube.data.data, cube.var.data, cube.mask), strict=True):
        assert np.array_equal(one, other)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"wave": None}, "must have a wavelength axis"),
        ({"wcs": None}, "must have celestial coordinates"),
        ({"wave": WaveCoord(crval=4750.0, cdelt=1.25, shape=SHAPE[0])}, "must say its medium.*'LINEAR'"),
        (
            {"wave": WaveCoord(crval=4750.0, cdelt=1.25, cunit=u.angstrom, ctype="WAVELENG", shape=SHAPE[0])},
            "must say its medium.*'WAVELENG'",
        ),
        (
            {"wave": WaveCoord(crval=4750.0, cdelt=1.25, cunit=u.dimensionless_unscaled, ctype="AWAV")},
            "must have a unit of length",
        ),
        (
            {"wave": WaveCoord(crval=4800.0, cdelt=-1.25, cunit=u.angstrom, ctype="AWAV", shape=SHAPE[0])},
            "must increase in equal steps.*'AWAV' and a step of -1.25",
        ),
        (
            {"wave": WaveCoord(crval=4750.0, cdelt=1.25, cunit=u.angstrom, ctype="AWAV-LOG", shape=SHAPE[0])},
            "must increase in equal steps.*'AWAV-LOG'",
        ),
        ({"unit": u.dimensionless_unscaled}, "must be in flux density"),
        ({"data": np.full(SHAPE, np.nan)}, "must have valid voxels"),
        ({"data": np.ones((1, 1, 1))}, "at least 2 wavelengths"),
    ],
)
def test_bad_cubes_say_what_is_wrong(make, change, message):
    with pytest.raises(InputError, match=message):
        open_cube(make(**change))


def test_no_variance(make, tmp_path):
    cube = Cube(data=np.ones(SHAPE), wcs=SKY, wave=AIR, unit=FLUX_DENSITY)
    cube.write(str(tmp_path / "a.fits"))
    for data in (cube, tmp_path / "a.fits"):
        with pytest.raises(InputError, match="must have variances"):
            open_cube(data)


@pytest.mark.parametrize("shape", [(40, 8, 8), (39, 8, 9), (8, 9)])
def test_variances_of_another_shape(make, tmp_path, shape):
    make().write(str(tmp_path / "a.fits"))
    with fits.open(tmp_path / "a.fits", mode="update") as hdus:
        hdus["STAT"].data = np.ones(shape)
    with pytest.raises(InputError, match=r"must have one shape.*in STAT"):
        open_cube(tmp_path / "a.fits")


def test_truncated_file(make, tmp_path):
    make().write(str(tmp_path / "a.fits"))
    whole = (tmp_path / "a.fits").read_bytes()
    (tmp_path / "a.fits").write_bytes(whole[: len(whole) - 9000])
    with pytest.raises(InputError, match="is truncated: it has"):
        open_cube(tmp_path / "a.fits")


@pytest.mark.parametrize("whole", [True, False], ids=["compressed in part", "compressed whole"])
def test_truncated_compressed_file(make, tmp_path, whole):
    make().write(str(tmp_path / "a.fits"))
    content = (tmp_path / "a.fits").read_bytes()
    packed = gzip.compress(content) if whole else gzip.compress(content[:-9000])
    (tmp_path / "a.fits.gz").write_bytes(packed[: len(packed) // 2] if whole else packed)
    with pytest.raises(InputError, match=r"is truncated: it has .* copy it again"):
        open_cube(tmp_path / "a.fits.gz")


@pytest.mark.parametrize(
    ("card", "message"),
    [
        ("CUNIT3", "must have a unit; .* has no CUNIT3; set it to 'Angstrom'"),
        ("CTYPE2", "must have celestial coordinates; .* and CTYPE2 ''; set them"),
    ],
)
def test_headers_that_lack_a_card_say_what_to_do(make, tmp_path, card, message):
    make().write(str(tmp_path / "a.fits"))
    with fits.open(tmp_path / "a.fits", mode="update") as hdus:
        del hdus["DATA"].header[card]
    with pytest.raises(InputError, match=message):
        open_cube(tmp_path / "a.fits")


def test_advice_that_is_no_use_is_left_out(tmp_path):
    (tmp_path / "a.fits").write_text("nothing of the kind")
    with pytest.raises(InputError, match="valid FITS file; check the file"):
        open_cube(tmp_path / "a.fits")


def test_not_fits_missing_and_wrong_type(tmp_path):
    (tmp_path / "a.fits").write_text("nothing of the kind")
    with pytest.raises(InputError, match="must be a FITS file"):
        open_cube(tmp_path / "a.fits")
    with pytest.raises(InputError, match="there is none at"):
        open_cube(tmp_path / "b.fits")
    with pytest.raises(InputError, match="not int"):
        open_cube(3)


def test_image_is_not_a_cube(tmp_path):
    fits.PrimaryHDU(np.ones((5, 5))).writeto(tmp_path / "a.fits")
    with pytest.raises(InputError, match="three-dimensional DATA extension"):
        open_cube(tmp_path / "a.fits")

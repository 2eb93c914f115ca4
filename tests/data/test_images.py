"""Images: read from anything, in Jy/beam, with holes left as holes and places where they are on the sky."""

import gzip
import tracemalloc
import warnings

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.nddata import CCDData, Cutout2D, NDData
from astropy.wcs import WCS
from mpdaf import obj
from mpdaf.tools.util import MpdafUnitsWarning

from museml.data import prepare
from museml.data.beam import Beam
from museml.data.image_files import image_name
from museml.data.images import ImageData, open_image
from museml.errors import InputError

SHAPE = (40, 50)


def header(**cards):
    """Return the header of an image of 1.5 arcsec pixels; a card that is None is left out."""
    usual = {
        "CTYPE1": "RA---SIN", "CTYPE2": "DEC--SIN", "CRPIX1": 20.0, "CRPIX2": 15.0, "CRVAL1": 205.0, "CRVAL2": 55.0,
        "CDELT1": -1.5 / 3600, "CDELT2": 1.5 / 3600, "CUNIT1": "deg", "CUNIT2": "deg", "RADESYS": "ICRS",
        "BUNIT": "JY/BEAM", "BMAJ": 6 / 3600, "BMIN": 6 / 3600, "BPA": 90.0, "OBJECT": "field",
    }  # fmt: skip
    return fits.Header({key: value for key, value in {**usual, **cards}.items() if value is not None})


def values(shape=SHAPE):
    return np.random.default_rng(5).normal(0, 1e-4, shape).astype(np.float32)


def hdu(shape=SHAPE, **cards):
    return fits.PrimaryHDU(values(shape), header(**cards))


def as_file(folder, name="field.fits", **options):
    hdu().writeto(folder / name, **options)
    return folder / name


def as_gzip(folder):
    path = folder / "packed.fits.gz"
    path.write_bytes(gzip.compress(as_file(folder).read_bytes()))
    return path


def as_tiles(folder):
    path = folder / "field.fits.fz"
    image = fits.CompImageHDU(values(), header(), compression_type="GZIP_2", quantize_level=0)
    fits.HDUList([fits.PrimaryHDU(), image]).writeto(path)
    return path


def with_four_axes(folder):
    path = folder / "four.fits"
    more = {"CTYPE3": "FREQ", "CRVAL3": 1.4e8, "CRPIX3": 1.0, "CDELT3": 1e6, "CUNIT3": "Hz", "CTYPE4": "STOKES"}
    fits.PrimaryHDU(values()[None, None], header(**more)).writeto(path)
    return path


def as_mpdaf(folder):
    return obj.Image(data=values(), wcs=obj.WCS(header(), shape=SHAPE), unit=u.Jy / u.beam, primary_header=header())


def as_mpdaf_file(folder):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MpdafUnitsWarning)
        return obj.Image(str(as_file(folder)))


def as_ccd(folder):
    return CCDData(values(), unit="Jy / beam", wcs=WCS(header()), meta=header())


def as_nddata(folder):
    return NDData(values()[None], unit="Jy / beam", wcs=WCS(header(CTYPE3="FREQ", CRVAL3=1e8)), meta=dict(header()))


MAKERS = (
    as_file, as_gzip, as_tiles, with_four_axes, as_mpdaf, as_ccd, as_nddata,
    as_mpdaf_file, lambda folder: hdu(), lambda folder: fits.HDUList([hdu()]),
)  # fmt: skip


@pytest.mark.parametrize("maker", MAKERS)
def test_all_ways_to_an_image_give_the_same(maker, tmp_path):
    image = open_image(maker(tmp_path))
    assert image.shape == SHAPE
    assert image.unit == u.Jy / u.beam
    assert image.beam == Beam(6.0, 6.0, 90.0)
    assert image.pixel_scale == pytest.approx(1.5)
    np.testing.assert_array_equal(image.block(slice(3, 9), slice(-7, None)), values()[3:9, -7:])
    np.testing.assert_allclose(image.pixel_to_sky(19, 14), (205, 55), atol=1e-9)


def test_prepare_opens_images_and_an_open_image_stays():
    image = prepare(hdu(), "image")
    assert isinstance(image, ImageData)
    assert open_image(image) is image
    with pytest.raises(InputError, match="is open; open it anew"):
        open_image(image, unit="Jy/beam")


def test_scaled_integers_and_their_blanks(tmp_path):
    stored = np.arange(2000, dtype=np.int16).reshape(SHAPE)
    image = fits.PrimaryHDU(stored, header(BLANK=7, BUNIT="mJy/beam"))
    image.header.update(BSCALE=0.5, BZERO=10.0)
    image.writeto(tmp_path / "scaled.fits")
    opened = open_image(tmp_path / "scaled.fits")
    expected = (stored * 0.5 + 10) * 1e-3
    expected[stored == 7] = np.nan
    np.testing.assert_allclose(opened.block(), expected, rtol=1e-6)
    np.testing.assert_allclose(opened.block(slice(0, 2), slice(5, 9)), expected[0:2, 5:9], rtol=1e-6)


def test_holes_stay_holes(tmp_path):
    holed = values()
    holed[3, 4], holed[5, 6], holed[7] = np.nan, np.inf, -np.inf
    fits.PrimaryHDU(holed, header()).writeto(tmp_path / "holes.fits")
    np.testing.assert_array_equal(np.isnan(open_image(tmp_path / "holes.fits").block()), ~np.isfinite(holed))
    mask = np.zeros(SHAPE, bool)
    mask[10:12, 30] = True
    block = open_image(CCDData(values(), unit="Jy / beam", wcs=WCS(header()), meta=header(), mask=mask)).block()
    np.testing.assert_array_equal(np.isnan(block), mask)
    masked = obj.Image(
        data=np.ma.array(values(), mask=mask),
        wcs=obj.WCS(header(), shape=SHAPE),
        unit="Jy / beam",
        data_header=header(),
    )
    np.testing.assert_array_equal(np.isnan(open_image(masked).block()), mask)


def test_a_block_is_a_copy():
    given = hdu()
    block = open_image(given).block()
    block[:] = 0
    np.testing.assert_array_equal(given.data, values())


def test_unit_and_beam_may_be_given():
    image = open_image(hdu(BUNIT=None, BMAJ=None, BMIN=None), unit="mJy/beam", beam="8 6 10")
    np.testing.assert_allclose(image.block(), values() * 1e-3, rtol=1e-6)
    assert image.beam == Beam(8, 6, 10)


def test_a_point_source_has_its_flux_whatever_the_unit():
    """Its peak in Jy/beam is its flux; in Jy/pixel and MJy/sr, its pixels sum up to it."""
    y, x = np.indices((60, 60)) - 30
    beam = np.exp(-4 * np.log(2) * 1.5**2 * (x**2 + y**2) / 36)
    for text, peak in (
        ("Jy/pixel", 1 / beam.sum()),
        ("MJy/sr", 1e-6 / (beam.sum() * (1.5 * u.arcsec).to_value("rad") ** 2)),
    ):
        image = open_image(fits.PrimaryHDU(beam * peak, header(BUNIT=text)))
        assert image.block().max() == pytest.approx(1, rel=1e-4)


@pytest.mark.parametrize("frame", ["FK5", "GALACTIC"])
def test_places_are_icrs_whatever_the_frame(frame):
    centre = SkyCoord(266.4, -28.9, unit="deg")
    if frame == "GALACTIC":
        cards = {"CTYPE1": "GLON-SIN", "CTYPE2": "GLAT-SIN", "RADESYS": None,
                 "CRVAL1": centre.galactic.l.deg, "CRVAL2": centre.galactic.b.deg}  # fmt: skip
    else:
        old = centre.transform_to("fk5")
        cards = {"RADESYS": "FK5", "EQUINOX": 2000.0, "CRVAL1": old.ra.deg, "CRVAL2": old.dec.deg}
    image = open_image(hdu(**cards))
    np.testing.assert_allclose(image.pixel_to_sky(19, 14), (266.4, -28.9), atol=1e-8)
    np.testing.assert_allclose(image.sky_to_pixel(266.4, -28.9), (19, 14), atol=1e-5)
    above = SkyCoord(*image.pixel_to_sky(19, 15), unit="deg")
    north = centre.position_angle(above).deg
    assert (image.position_angle(19, 14) - north + 180) % 360 - 180 == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize(("ra", "dec"), [(0.0, 0.0), (359.9999, 30.0), (12.0, 90.0), (200.0, -89.999)])
def test_places_survive_the_wrap_and_the_poles(ra, dec):
    image = open_image(hdu(CRVAL1=ra, CRVAL2=dec))
    x, y = np.meshgrid(np.linspace(0, 49, 7), np.linspace(0, 39, 7))
    there = image.pixel_to_sky(x, y)
    assert np.all((there[0] >= 0) & (there[0] < 360))
    np.testing.assert_allclose(image.sky_to_pixel(*there), (x, y), atol=1e-6)
    places = SkyCoord(*there, unit="deg")
    up = places.position_angle(SkyCoord(*image.pixel_to_sky(x, y + 1e-4), unit="deg")).deg
    away = (
        places.separation(SkyCoord(0, np.sign(dec) * 90, unit="deg")).arcsec > 1
    )  # at the pole itself there is no north
    np.testing.assert_allclose(((image.position_angle(x, y) - up + 180) % 360 - 180)[away], 0, atol=5)
    cut = image.cutout(*image.pixel_to_sky(24.3, 20.3), 15)
    np.testing.assert_allclose(cut.pixel_to_sky(0, 0), image.pixel_to_sky(20, 16), atol=1e-9)


@pytest.mark.parametrize("mirrored", [False, True])
def test_angles_in_the_image_become_angles_on_the_sky(mirrored):
    turn = np.radians(25)
    step = np.array([1.0 if mirrored else -1.0, 1.0]) * 1.5 / 3600
    turned = {"PC1_1": np.cos(turn), "PC1_2": np.sin(turn), "PC2_1": -np.sin(turn), "PC2_2": np.cos(turn)}
    image = open_image(hdu(CDELT1=step[0], CDELT2=step[1], **turned))
    for angle in (0.0, 40.0, 110.0):  # counter-clockwise from up
        across, up = -np.sin(np.radians(angle)), np.cos(np.radians(angle))
        first, second = (SkyCoord(*image.pixel_to_sky(19 + s * across, 14 + s * up), unit="deg") for s in (-1, 1))
        pa = first.position_angle(second).deg % 180
        assert image.sky_angle(19, 14, angle) == pytest.approx(pa, abs=0.01)
        assert image.pixel_angle(19, 14, pa) == pytest.approx(angle, abs=0.01)


def test_position_angles_turn_far_from_the_centre_of_a_field():
    image = open_image(hdu(CRVAL2=80.0, CRPIX1=4000.0))
    x, y = np.array([0.0]), np.array([14.0])
    up = SkyCoord(*image.pixel_to_sky(x, y), unit="deg").position_angle(
        SkyCoord(*image.pixel_to_sky(x, y + 1), unit="deg")
    )
    assert 5 < image.position_angle(x, y)[0] < 15
    np.testing.assert_allclose(image.position_angle(x, y), up.deg, atol=0.01)


def test_the_beam_is_one_in_the_pixel_grid_of_a_wide_field():
    cards = {"CRVAL2": 80.0, "CRPIX1": 4000.0, "BMAJ": 9 / 3600, "BPA": 30.0}
    image = open_image(hdu(**cards))
    assert image.beam_angle == pytest.approx(30, abs=1e-3)
    assert abs(image.pixel_angle(25, 20, 30.0) - 30) > 5
    assert open_image(hdu(**cards | {"CDELT1": 1.5 / 3600})).beam_angle == pytest.approx(150, abs=1e-3)


def test_cutouts_are_those_of_cutout2d(tmp_path):
    image = open_image(as_file(tmp_path))
    for place, size in (((30.3, 20.7), (15.0, 24.0)), ((2.2, 38.3), 30 * u.arcsec), ((25.4, 20.4), 9)):
        cut = image.cutout(*image.pixel_to_sky(*place), size)
        sides = np.broadcast_to(u.Quantity(size, "arcsec").value / 1.5, 2)
        expected = Cutout2D(values(), place, tuple(sides), WCS(header()))
        np.testing.assert_array_equal(cut.block(), expected.data)
        np.testing.assert_allclose(cut.wcs.wcs.crpix, expected.wcs.wcs.crpix)
        again = cut.cutout(*cut.pixel_to_sky(2.3, 2.3), 6)
        np.testing.assert_allclose(again.pixel_to_sky(0, 0), cut.pixel_to_sky(1, 1))
        assert cut.beam == image.beam


def test_a_cutout_beside_the_image_is_refused():
    with pytest.raises(InputError, match=r"must overlap its image.*'field'"):
        open_image(hdu()).cutout(206.0, 55.0, 30)


def test_an_image_becomes_an_hdu_that_opens_as_itself(tmp_path):
    image = open_image(hdu(BUNIT="mJy/beam", RADESYS="FK5")).cutout(205.0, 55.0, 20)
    image.to_hdu().writeto(tmp_path / "cut.fits")
    again = open_image(tmp_path / "cut.fits")
    np.testing.assert_array_equal(again.block(), image.block())
    np.testing.assert_allclose(again.pixel_to_sky(1, 2), image.pixel_to_sky(1, 2))
    assert (again.beam, again.name) == (image.beam, "cut")


@pytest.mark.parametrize("scaled", [False, True])
def test_a_block_of_a_large_file_is_read_alone(scaled, tmp_path):
    """20,000 x 20,000 pixels, mostly a hole in the file system."""
    path, cards = tmp_path / "mosaic.fits", header(NAXIS=2)
    more = {"BITPIX": 16, "BSCALE": 1e-4} if scaled else {"BITPIX": -32}
    cards = fits.Header({"SIMPLE": True, **more, "NAXIS": 2, "NAXIS1": 20000, "NAXIS2": 20000, **dict(cards)})
    with open(path, "wb") as file:
        file.write(cards.tostring().encode())
        file.truncate(-(-(file.tell() + 20000**2 * (2 if scaled else 4)) // 2880) * 2880)
    tracemalloc.start()
    block = open_image(path).block(slice(9000, 9512), slice(15000, 15512))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert block.shape == (512, 512)
    assert peak < 200e6 if scaled else peak < 60e6


BAD = [
    ({"BMAJ": None, "BMIN": None, "BPA": None}, "must have a beam"),
    ({"BMAJ": None, "BMIN": None, "BPA": None, "CASAMBM": True}, "must have one beam.*CASAMBM"),
    ({"BMAJ": 6.0, "BMIN": 6.0}, "smaller than 500 pixels.*in degrees"),
    ({"BMAJ": 1 / 3600, "BMIN": 1 / 3600}, "at least as large as a pixel"),
    ({"BUNIT": None}, "must have a unit"),
    ({"BUNIT": "erg/s/cm2"}, "unit of brightness"),
    ({"CTYPE1": "LINEAR", "CTYPE2": "LINEAR"}, "must have celestial coordinates"),
    ({"CTYPE1": None, "CTYPE2": None}, "must have celestial coordinates"),
    ({"RADESYS": "odd"}, "must have celestial coordinates; 'field' has .* RADESYS 'odd'"),
    ({"CUNIT1": "Hz"}, "FITS file or the like; this PrimaryHDU is not"),
    ({"CDELT1": -3 / 3600}, "must be square; those of 'field' are 3 x 1.5 arcsec"),
]


@pytest.mark.parametrize(("cards", "problem"), BAD)
def test_headers_that_lack_something_are_refused(cards, problem):
    with pytest.raises(InputError, match=problem):
        open_image(hdu(**cards))


@pytest.mark.parametrize(
    ("shape", "problem"), [((3, 20, 20), "must have two axes.*take one plane"), ((1, 30), "at least 2 x 2")]
)
def test_other_shapes_are_refused(shape, problem):
    with pytest.raises(InputError, match=problem):
        open_image(hdu(shape))


def test_an_image_of_holes_is_refused():
    with pytest.raises(InputError, match="must have valid pixels"):
        open_image(fits.PrimaryHDU(np.full(SHAPE, np.nan, np.float32), header()))


def test_files_that_are_no_images_are_refused(tmp_path):
    whole = as_file(tmp_path).read_bytes()
    (tmp_path / "short.fits").write_bytes(whole[:-3000])
    (tmp_path / "text.fits").write_text("no image")
    fits.HDUList([fits.PrimaryHDU()]).writeto(tmp_path / "empty.fits")
    for name, problem in (
        ("missing.fits", "an image must be an existing file"),
        ("short.fits", "truncated"),
        ("text.fits", "must be a FITS file"),
        ("empty.fits", "two axes; .* has none"),
        ("", "is a folder; write it with CASA's exportfits"),
    ):
        with pytest.raises(InputError, match=problem):
            open_image(tmp_path / name)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (values(), "not ndarray; put an array into"),
        (NDData(values(), unit="Jy / beam"), "must have celestial coordinates"),
        (fits.PrimaryHDU(), "the HDU 'PRIMARY' has none"),
    ],
)
def test_other_things_are_refused(data, problem):
    with pytest.raises(InputError, match=problem):
        open_image(data)


def test_names_are_those_of_files():
    assert [image_name(f"/data/{name}") for name in ("a.fits", "b.fits.gz", "c.fits.fz", "d.x.fit")] == [
        "a",
        "b",
        "c",
        "d.x",
    ]

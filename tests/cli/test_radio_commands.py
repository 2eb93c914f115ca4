"""What an astronomer may do with images in the shell, with good data and bad."""

import os

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import Table
from click.testing import CliRunner
from scipy.ndimage import gaussian_filter

from museml.cli import main
from museml.detection import ImageDetections

NOISE = 1e-4
SOURCES = ((40.2, 60.7, 5e-3), (100.5, 30.1, 2e-3), (80.0, 110.4, 8e-3))  # x, y, Jy
DENDROGRAM = ("--detector", "dendrogram")


def make_hdu(shape=(140, 140), sources=SOURCES, noise=NOISE, centre=(205.0, 55.0), cards=(), drop=()):
    """Return an image of point sources in noise that is correlated over the beam of 6 arcsec."""
    sigma = 4 / 2.3548
    values = gaussian_filter(np.random.default_rng(5).normal(size=shape), sigma / np.sqrt(2), mode="wrap")
    values *= noise / values.std()
    y, x = np.indices(shape)
    for at_x, at_y, flux in sources:
        values += flux * np.exp(-((x - at_x) ** 2 + (y - at_y) ** 2) / (2 * sigma**2))
    header = fits.Header({"CTYPE1": "RA---SIN", "CTYPE2": "DEC--SIN", "BUNIT": "JY/BEAM", "RADESYS": "ICRS"})
    header.update({"CRVAL1": centre[0], "CRVAL2": centre[1], "CRPIX1": 70.5, "CRPIX2": 70.5})
    header.update({"CDELT1": -1.5 / 3600, "CDELT2": 1.5 / 3600, "BMAJ": 6 / 3600, "BMIN": 6 / 3600, "BPA": 0.0})
    header.update(dict(cards))
    for card in drop:
        del header[card]
    return fits.PrimaryHDU(values.astype("f4"), header)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return an empty folder to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def shell(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def succeeded(*arguments):
    result = shell(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def refused(*arguments):
    """Run a command that must fail with one line on stderr, and return that line."""
    result = shell(*arguments)
    assert result.exit_code == 1, result.output
    assert result.stderr.count("\n") == 1, result.stderr
    assert result.stderr.startswith("museml: error: ")
    assert "this is a bug" not in result.stderr
    return result.stderr


def detected(name="image.fits"):
    succeeded("detect", name, *DENDROGRAM, "-o", "found.fits")
    return Table.read("found.fits")


def assert_sources_at(table, hdu, sources=SOURCES):
    """Each source has a row within half a pixel, at the right place on the sky."""
    from museml.data.images import open_image

    x, y, _ = np.transpose(sources)
    ra, dec = open_image(hdu).pixel_to_sky(x, y)
    places = SkyCoord(table["ra"], table["dec"], unit="deg")
    assert (SkyCoord(ra, dec, unit="deg").match_to_catalog_sky(places)[1] < 0.75 * u.arcsec).all()


def with_holes(hdu):
    hdu.data[:, :20] = np.nan
    hdu.data[50:70, 120:] = np.nan
    return hdu


def as_fourth_dimension(hdu):
    hdu.data = hdu.data[None, None]
    return hdu


def in_millijansky(hdu):
    hdu.data, hdu.header["BUNIT"] = hdu.data * 1000, "mJy/beam"
    return hdu


GOOD = {
    "plain": make_hdu,
    "right ascension through 0": lambda: make_hdu(centre=(0.0, 10.0)),
    "north pole": lambda: make_hdu(centre=(30.0, 90.0)),
    "south pole": lambda: make_hdu(centre=(30.0, -89.98)),
    "holes": lambda: with_holes(make_hdu()),
    "Stokes and frequency": lambda: as_fourth_dimension(make_hdu()),
    "mJy": lambda: in_millijansky(make_hdu()),
    "mirrored": lambda: make_hdu(cards={"CDELT1": 1.5 / 3600}),
    "galactic": lambda: make_hdu(cards={"CTYPE1": "GLON-CAR", "CTYPE2": "GLAT-CAR", "CRVAL1": 30.0, "CRVAL2": 0.0}),
}


@pytest.mark.parametrize("name", GOOD)
def test_sources_are_found_whatever_the_image_is(folder, name):
    hdu = GOOD[name]()
    hdu.writeto("image.fits")
    found = detected()
    assert_sources_at(found, hdu)
    brightest = found[np.argmax(found["flux"])]
    assert brightest["flux"] == pytest.approx(8e-3, rel=0.05)
    assert (str(found["flux"].unit), str(found["peak"].unit)) == ("Jy", "Jy / beam")


def test_an_image_smaller_than_a_tile_with_one_source(folder):
    source = ((17.3, 14.8, 5e-3),)
    hdu = make_hdu((34, 30), source)
    hdu.writeto("image.fits")
    found = detected()
    assert_sources_at(found[:1], hdu, source)
    assert found["snr"][0] > 20


EMPTY = {
    "zero": lambda: make_hdu(noise=0, sources=()),
    "tiny": lambda: make_hdu((8, 5), ()),
    "hole": lambda: with_holes(make_hdu((140, 24), ())),
}


@pytest.mark.parametrize("name", EMPTY)
def test_nothing_found_is_an_empty_table_with_all_columns(folder, name):
    EMPTY[name]().writeto("image.fits")
    assert "0 detections in found.fits" in succeeded("detect", "image.fits", *DENDROGRAM, "-o", "found.fits")
    found = Table.read("found.fits")
    assert len(found) == 0
    assert found.colnames == ImageDetections.empty().colnames
    succeeded("plot", "image.fits", "found.fits", "-o", "empty.png")
    succeeded("clean", "found.fits", "-o", "cleaned.fits")


def bad(hdu=None, data=None, **kwargs):
    def write(path):
        made = hdu or make_hdu(**kwargs)
        if data is not None:
            made.data = data
        made.writeto(path)

    return write


def truncated(path):
    make_hdu().writeto(path)
    path.write_bytes(path.read_bytes()[:-9000])


#: what is wrong -> how such a file is written, and what the error says
BAD = {
    "no beam": (bad(drop=("BMAJ", "BMIN", "BPA")), "must have a beam; 'image' has no BMAJ"),
    "beam of 0": (bad(cards={"BMIN": 0.0}), "a beam must have finite axes"),
    "beam below a pixel": (bad(cards={"BMAJ": 1e-5, "BMIN": 1e-5}), "must be at least as large as a pixel"),
    "no unit": (bad(drop=("BUNIT",)), "must have a unit"),
    "counts": (bad(cards={"BUNIT": "counts"}), "the unit of an image must be one of brightness"),
    "kelvin": (bad(cards={"BUNIT": "K"}), "must tell its frequency"),
    "all NaN": (bad(data=np.full((140, 140), np.nan, "f4")), "must have valid pixels"),
    "no coordinates": (bad(cards={"CTYPE1": "", "CTYPE2": ""}), "must have celestial coordinates"),
    "one row": (bad(shape=(1, 140), sources=()), "at least 2 x 2 pixels"),
    "truncated": (truncated, "is truncated"),
    "text": (lambda path: path.write_text("none"), "must be a FITS file"),
    "empty": (lambda path: path.touch(), "must be a FITS file"),
    "missing": (lambda path: None, "existing file"),
    "table": (lambda path: Table({"ra": [1.0]}).write(path), "must be in a FITS extension with two axes"),
}


@pytest.mark.parametrize("name", BAD)
def test_images_that_cannot_be_used_are_told_in_one_line(folder, name):
    write, text = BAD[name]
    write(folder / "image.fits")
    assert text in refused("detect", "image.fits", *DENDROGRAM, "-o", "found.fits")
    assert not (folder / "found.fits").exists()
    refused("plot", "image.fits", "-o", "image.png")
    assert not (folder / "image.png").exists()


def test_what_the_header_lacks_can_be_given(folder):
    hdu = make_hdu(drop=("BMAJ", "BMIN", "BPA", "BUNIT"))
    hdu.writeto("image.fits")
    given = ("--beam", "6", "--unit", "Jy/beam")
    succeeded("detect", "image.fits", *DENDROGRAM, *given, "-o", "found.fits")
    assert_sources_at(Table.read("found.fits"), make_hdu())
    succeeded("plot", "image.fits", "found.fits", *given, "-o", "image.png")


@pytest.mark.filterwarnings("always:.*failed")
def test_of_several_images_the_bad_one_is_told(folder):
    make_hdu().writeto("good.fits")
    truncated(folder / "bad.fits")
    result = shell("detect", "good.fits", "bad.fits", *DENDROGRAM, "-o", "out")
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert "'bad.fits' failed, the others go on" in result.stderr
    assert [name for name in os.listdir("out") if name.startswith("good")]


def test_an_output_that_is_there_is_replaced_and_one_that_cannot_be_written_is_told_first(folder):
    make_hdu().writeto("image.fits")
    first = detected()
    assert len(detected()) == len(first)
    assert "make the folder first" in refused("detect", "image.fits", *DENDROGRAM, "-o", "no/found.fits")
    assert "has '.txt'" in refused("detect", "image.fits", *DENDROGRAM, "-o", "found.txt")
    assert "make the folder first" in refused("plot", "image.fits", "-o", "no/image.png")
    assert "is a PNG file" in refused("plot", "image.fits", "-o", "image.pdf")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_told(folder):
    make_hdu().writeto("image.fits")
    (folder / "closed").mkdir(mode=0o500)
    for command, name in (("detect", "found.fits"), ("plot", "image.png")):
        assert "choose a folder that you may write to" in refused(command, "image.fits", "-o", f"closed/{name}")


@pytest.mark.parametrize("suffix", [".fits", ".ecsv", ".vot"])
def test_catalogues_of_each_format_are_read_back(folder, suffix):
    hdu = make_hdu()
    hdu.writeto("image.fits")
    succeeded("detect", "image.fits", *DENDROGRAM, "-o", f"found{suffix}")
    succeeded("plot", "image.fits", f"found{suffix}", "--source", "1", "-o", "image.png")
    text = succeeded("match", f"found{suffix}", f"found{suffix}", "-o", "matched.fits")
    assert "(100.0%)" in text


@pytest.mark.filterwarnings("always:no row of", "always:100% of the")
def test_a_reference_elsewhere_has_a_picture_but_no_score(folder):
    make_hdu().writeto("image.fits")
    make_hdu(centre=(20.0, -30.0)).writeto("other.fits")
    detected("other.fits")
    os.rename("found.fits", "reference.fits")
    detected()
    result = shell("plot", "image.fits", "found.fits", "--reference", "reference.fits", "-o", "image.png")
    assert "museml: warning: no row of" in result.stderr
    assert result.exit_code == 0
    assert "must overlap" in refused("match", "found.fits", "reference.fits")
    assert "cover the same part of the sky" in shell("score", "found.fits", "reference.fits").stderr


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--at", "10", "10"), "the position to show must be in the image"),
        (("--source", "99"), "has no source 99"),
        (("--contours", "3;5"), "--contours needs numbers"),
        (("--size", "-1"), "size must be a positive number"),
        (("--reference", "none.fits"), "none.fits"),
        (("--reference", "image.fits"), "must hold a table"),
    ],
)
def test_pictures_that_cannot_be_drawn_are_told(folder, arguments, text):
    make_hdu().writeto("image.fits")
    catalog = ImageDetections.empty()
    catalog.write("found.fits")
    assert text in refused("plot", "image.fits", "found.fits", *arguments, "-o", "image.png")


def test_flags_of_others_are_no_flags_of_ours(folder):
    make_hdu().writeto("image.fits")
    Table({"ra": [205.0], "dec": [55.0], "flags": [128]}).write("aegean.fits")
    succeeded("plot", "image.fits", "aegean.fits", "--contours", "none", "-o", "image.png")

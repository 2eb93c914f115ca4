"""Region files show what the list holds, where it is; Catalogs of MPDAF hold all of it."""

import sys

import numpy as np
import pytest
import regions
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table
from astropy.wcs import WCS
from mpdaf.sdetect import Catalog

from museml.catalogs.image_catalog import image_catalog, write_image_catalog
from museml.catalogs.regions import to_regions, write_regions
from museml.detection import ImageDetections
from museml.errors import InputError, MissingPackageError, SettingError
from museml.output import write_table


@pytest.fixture
def found():
    """Return a few detections, also at the pole and on either side of ra = 0."""
    columns = {field.name: np.linspace(1, 2, 4) for field in ImageDetections.fields if not field.maskable}
    columns |= {"id": [1, 2, 3, 4], "source": [1, 1, 2, 3], "flags": [0, 8, 0, 0]}
    columns |= {"ra": [0.001, 359.999, 120.0, 205.0], "dec": [-30.0, 0.0, 89.99, 55.0], "pa": [0.0, 30.0, 90.0, 160.0]}
    columns |= {"major": [6.0, 9.0, 12.0, 20.0], "minor": [6.0, 6.0, 7.0, 8.0]}
    columns["dc_major"] = np.ma.array([0.0, 1.0, 2.0, 3.0], mask=[1, 0, 0, 0])
    return ImageDetections.from_columns(columns, {"PLUGIN": "test", "SETTINGS": "{}"})


@pytest.mark.parametrize("suffix", [".reg", ".crtf"])
def test_ellipses_come_back_from_the_file(found, suffix, tmp_path):
    path = tmp_path / f"found{suffix}"
    write_regions(found, path)
    again = regions.Regions.read(path)
    assert len(again) == 4
    for region, row in zip(again, found, strict=True):
        place = SkyCoord(row["ra"], row["dec"], unit="deg")
        assert place.separation(region.center.icrs).arcsec < 1e-3
        assert region.height.to_value("arcsec") == pytest.approx(row["major"], rel=1e-4)
        assert region.width.to_value("arcsec") == pytest.approx(row["minor"], rel=1e-4)
        assert region.angle.to_value("deg") == pytest.approx(row["pa"])


def test_the_major_axis_points_along_the_position_angle(found):
    region, row = to_regions(found)[3], found[3]
    centre = SkyCoord(row["ra"], row["dec"], unit="deg")
    inside = centre.directional_offset_by(row["pa"] * u.deg, 9 * u.arcsec)
    outside = centre.directional_offset_by((row["pa"] + 90) * u.deg, 9 * u.arcsec)
    wcs = WCS({"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 205.0, "CRVAL2": 55.0, "CRPIX1": 20, "CRPIX2": 20,
               "CDELT1": -1.5 / 3600, "CDELT2": 1.5 / 3600})  # fmt: skip
    assert region.contains(inside, wcs)
    assert not region.contains(outside, wcs)


def test_flagged_rows_have_another_colour(found):
    assert [region.visual["color"] for region in to_regions(found)] == ["green", "orange", "green", "green"]


@pytest.mark.parametrize(("suffix", "first"), [(".reg", "# Region file"), (".crtf", "#CRTFv0")])
def test_an_empty_list_makes_a_file_without_regions(suffix, first, tmp_path):
    write_regions(ImageDetections.empty(), tmp_path / f"empty{suffix}")
    assert (tmp_path / f"empty{suffix}").read_text().startswith(first)
    assert len(regions.Regions.read(tmp_path / f"empty{suffix}")) == 0


def test_what_has_no_size_is_a_circle():
    region = to_regions(Table({"ra": [10.0], "dec": [20.0]}))[0]
    assert region.width == region.height == 2 * u.arcsec


def test_bad_region_files_are_refused(found, tmp_path, monkeypatch):
    with pytest.raises(SettingError, match=r"must be \.reg or \.crtf; .* has '\.txt'"):
        write_regions(found, tmp_path / "a.txt")
    with pytest.raises(InputError, match="regions need the columns ra and dec; the table has RA, DEC"):
        to_regions(Table({"RA": [1.0], "DEC": [2.0]}))
    monkeypatch.setitem(sys.modules, "regions", None)
    with pytest.raises(MissingPackageError, match=r"install museml\[images\]"):
        write_regions(found, tmp_path / "a.reg")


def test_a_catalog_of_mpdaf_holds_all_and_survives_its_file(found, tmp_path):
    write_image_catalog(found, tmp_path / "catalog.fits")
    for catalog in (image_catalog(found), Catalog.read(str(tmp_path / "catalog.fits"))):
        assert isinstance(catalog, Catalog)
        assert list(catalog["ID"]) == [1, 2, 3, 4]
        np.testing.assert_array_equal(catalog["RA"], found["ra"])
        assert catalog["flux"].unit == u.Jy
        assert np.ma.getmaskarray(catalog["dc_major"]).tolist() == [True, False, False, False]
        assert (
            catalog.to_skycoord().separation(SkyCoord(found["ra"], found["dec"], unit="deg", frame="fk5")).max()
            < 1e-9 * u.deg
        )
    assert found.colnames[0] == "id"


def test_units_and_holes_survive_a_votable(found, tmp_path):
    write_table(found, tmp_path / "found.vot")
    again = Table.read(tmp_path / "found.vot")
    assert (again["peak"].unit, again["flux"].unit, again["major"].unit) == (u.Jy / u.beam, u.Jy, u.arcsec)
    assert again["dc_major"].mask.tolist() == [True, False, False, False]
    np.testing.assert_array_equal(again["ra"], found["ra"])

import numpy as np
import pytest
from astropy.table import Table

from museml.catalogs.clean import clean_catalog, judge
from museml.catalogs.laws import exclusion_radius
from museml.detection import ImageDetections
from museml.errors import InputError, SettingError

ARCSEC = 1 / 3600


@pytest.fixture
def catalog():
    """Return a source of 100 mJy, whose radius is 31.6 arcsec, and others around it."""
    east = np.array([0.0, 30, -32, 20, 1, 500, 501.5, np.nan]) * ARCSEC
    flux = np.array([100.0, 1, 1, 20, 50, 2, 3, 1])
    table = Table({"id": np.arange(11, 19), "ra": (359.999 + east) % 360, "dec": np.zeros(8), "flux": flux / 1000})
    table["flux"].unit = "Jy"
    return table


def test_the_radius_follows_the_law():
    assert np.allclose(exclusion_radius([1.0, 10, 100]), [6, 4 * np.e + 2, 4 * np.e**2 + 2])
    assert np.allclose(exclusion_radius([10.0, 100], (4, 2)), exclusion_radius([10.0, 100]))
    assert np.allclose(exclusion_radius([4.0], "max(10 * sqrt(S), 3) - -S**2 / 2"), 28)
    assert np.allclose(exclusion_radius([1.0, 4], lambda flux: 10 * flux), [10, 40])
    assert np.allclose(exclusion_radius([0.0, np.nan, -5], "log10(S)"), 0)
    assert np.allclose(exclusion_radius([0.0, 5.0], "30"), 30)


def test_faint_neighbours_and_duplicates_go(catalog):
    verdict = judge(catalog)
    assert list(verdict["removed"]) == ["", "near bright", "", "", "duplicate", "duplicate", "", "no position"]
    assert list(verdict["removed_by"]) == ["", "11", "", "", "11", "17", "", ""]
    assert np.allclose(verdict["removed_distance"][[1, 4, 5]], [30, 1, 1.5])
    assert list(clean_catalog(catalog)["id"]) == [11, 13, 14, 17]


def test_rows_can_be_flagged_instead(catalog):
    flagged = clean_catalog(catalog, flag=True)
    assert len(flagged) == 8
    assert flagged["removed_distance"].unit == "arcsec"
    assert flagged.meta["N_CLEAN"] == 4
    assert "removed" not in catalog.colnames


def test_the_order_of_the_rows_does_not_matter(catalog):
    order = np.random.default_rng(1).permutation(8)
    assert sorted(clean_catalog(catalog[order])["id"]) == sorted(clean_catalog(catalog)["id"])


def test_what_was_removed_removes_nothing():
    table = Table({"ra": np.array([0.0, 25, 50]) * ARCSEC, "dec": np.zeros(3), "flux": [0.1, 0.05, 0.04]})
    assert list(judge(table, faint=60, law="30")["removed"]) == ["", "near bright", ""]


def test_settings_change_what_goes(catalog):
    assert list(judge(catalog, duplicates=0)["removed"])[4:7] == ["", "", ""]
    assert list(judge(catalog, law=None)["removed"])[:5] == ["", "", "", "", "duplicate"]
    assert judge(catalog, bright=1000)["removed"][1] == ""
    assert judge(catalog, faint=30)["removed"][3] == "near bright"


def test_fluxes_are_read_in_their_unit(catalog):
    catalog["flux"] *= 1e6
    catalog["flux"].unit = "uJy"
    assert list(clean_catalog(catalog)["id"]) == [11, 13, 14, 17]


def test_a_table_of_detections_stays_one():
    empty = ImageDetections.empty()
    assert isinstance(clean_catalog(empty), ImageDetections)
    assert len(clean_catalog(empty, flag=True)) == 0


@pytest.mark.parametrize("law", ["4 * exp(S", "__import__('os')", "T + 1", "exp()", "S.real", "'a' * 3", 7, (1, 2, 3)])
def test_a_law_that_is_none_is_told(law):
    with pytest.raises(SettingError, match="a law must be text such as"):
        exclusion_radius([1.0], law)


def test_a_catalogue_needs_positions_and_fluxes(catalog):
    with pytest.raises(InputError, match="a catalogue needs the column 'flux'"):
        clean_catalog(catalog["ra", "dec"])
    catalog["flux"].unit = "1e-20 erg / (s cm2)"
    with pytest.raises(InputError, match="needs fluxes in Jy"):
        clean_catalog(catalog)
    with pytest.raises(SettingError, match="duplicates must be a number from 0"):
        judge(catalog, duplicates=-1)

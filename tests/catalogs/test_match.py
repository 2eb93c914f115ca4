import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table

from museml.catalogs.match import match_catalogs, match_positions
from museml.catalogs.outline import catalog_footprint
from museml.catalogs.sphere import offsets, separations
from museml.errors import InputError, SettingError

ARCSEC = 1 / 3600


def match_slowly(ra, dec, other_ra, other_dec, radius):
    """Return the pairs by the definition: the closest that is left, again and again."""
    places, others = SkyCoord(ra, dec, unit="deg"), SkyCoord(other_ra, other_dec, unit="deg")
    distance = places[:, None].separation(others).arcsec
    pairs = set()
    while distance.size and distance.min() <= radius:
        row, other = np.unravel_index(np.argmin(distance), distance.shape)
        pairs.add((int(row), int(other)))
        distance[row], distance[:, other] = np.inf, np.inf
    return pairs


@pytest.mark.parametrize("centre", [(0.0, 0.0), (359.999, 60.0), (120.0, 90.0), (200.0, -89.99)])
def test_matches_are_those_of_the_definition_everywhere_on_the_sky(centre):
    rng = np.random.default_rng(1)
    middle = SkyCoord(*centre, unit="deg")
    fields = [
        middle.directional_offset_by(rng.uniform(0, 360, n) * u.deg, 60 * np.sqrt(rng.random(n)) * u.arcsec)
        for n in (150, 120)
    ]
    ours, theirs = ((field.ra.deg, field.dec.deg) for field in fields)
    pairs = match_positions(*ours, *theirs, 8.0)
    expected = match_slowly(*ours, *theirs, 8.0)
    assert len(expected) > 60
    assert set(zip(pairs.rows.tolist(), pairs.others.tolist(), strict=True)) == expected
    true = fields[0][pairs.rows].separation(fields[1][pairs.others]).arcsec
    assert np.allclose(pairs.separation, true, rtol=1e-6, atol=1e-6)


def test_the_closest_wins_whichever_comes_first():
    ra = np.array([0.0, 3.0]) * ARCSEC
    pairs = match_positions(ra, [0.0, 0.0], np.array([2.0, -20.0]) * ARCSEC, [0.0, 0.0], 6.0)
    assert (list(pairs.rows), list(pairs.others)) == ([1], [0])


def test_offsets_are_true_at_the_pole_and_across_zero():
    east, north = offsets([0.001, 0.0], [0.0, 89.999], [359.999, 180.0], [0.0, 89.999])
    assert np.allclose(east, [7.2, 0], atol=1e-6)
    assert np.allclose(north, [0, 7.2], atol=1e-6)  # beyond the pole
    assert np.isclose(separations(0, 89.999, 180, 89.999), 7.2)
    assert np.isclose(separations(0, 0, 180, 0), 180 * 3600)


def test_lines_match_lines_of_their_wavelength_and_continua_continua():
    pairs = match_positions(
        [0.0, 0, 0], [0.0, 0, 0], [0.0, 0, 0], [ARCSEC, 0, 0], 2.0,
        wave=[5000.0, np.nan, 7000], other_wave=np.ma.masked_invalid([np.nan, 5003, 7010]), tolerance=5.0,
    )  # fmt: skip
    assert list(zip(pairs.rows, pairs.others, strict=True)) == [(0, 1), (1, 0)]


def test_positions_without_numbers_match_nothing():
    pairs = match_positions([np.nan, 5.0, 5.0], [0.0, 95.0, 0.0], [np.nan, 5.0], [0.0, 0.0], 6.0)
    assert (list(pairs.rows), list(pairs.others)) == ([2], [1])
    assert len(match_positions([], [], [1.0], [1.0], 6.0).rows) == 0


@pytest.fixture
def catalogs():
    first = Table({"ra": [10.0, 10.1, 10.2, np.nan], "dec": np.zeros(4), "flux": [1.0, 2, 3, 4]})
    second = Table({"ra": [10.2, 10.0, 30.0], "dec": [ARCSEC, 0, 0], "flux": [30.0, 10, 99], "kind": ["a", "b", "c"]})
    first["flux"].unit = "Jy"
    return first, second


def test_only_the_common_footprint_counts(catalogs):
    footprint = catalog_footprint(catalogs[0]["ra"], catalogs[0]["dec"])
    matching = match_catalogs(*catalogs, footprint=footprint)
    assert matching.counts == (3, 2, 2, 2)
    assert match_catalogs(*catalogs).counts == (3, 3, 2, 2)


def test_the_joined_table_has_both(catalogs):
    joined = match_catalogs(*catalogs).joined()
    assert joined.colnames == ["ra", "dec", "flux", "ra_2", "dec_2", "flux_2", "kind", "separation"]
    assert list(joined["flux_2"]) == [10, 30]
    assert np.allclose(joined["separation"], [0, 1], atol=1e-6)
    assert joined["flux"].unit == "Jy"


def test_rows_without_a_partner_can_stay(catalogs):
    matching = match_catalogs(*catalogs)
    first, both = matching.joined("first"), matching.joined("all")
    assert list(first["kind"].filled("-")) == ["b", "a", "-"]
    assert (len(both), both["flux"].mask.sum(), both["flux_2"].mask.sum()) == (4, 1, 1)
    assert both["kind"][-1] == "c"


def test_empty_catalogues_give_empty_tables(catalogs):
    nothing = catalogs[1][:0]
    assert len(match_catalogs(catalogs[0], nothing).joined()) == 0
    joined = match_catalogs(catalogs[0], nothing).joined("first")
    assert len(joined) == 3
    assert joined["kind"].mask.all()
    assert len(match_catalogs(nothing, nothing).joined("all")) == 0


def test_what_cannot_be_matched_is_told(catalogs):
    with pytest.raises(InputError, match="a catalogue needs the column 'dec'; this one has ra"):
        match_catalogs(Table({"ra": [1.0]}), catalogs[1])
    with pytest.raises(SettingError, match="radius must be a number from 1e-06"):
        match_catalogs(*catalogs, radius=0)

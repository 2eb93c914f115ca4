import numpy as np
import pytest
from astropy.table import Table

from museml.catalogs.mosaics import merge_mosaics
from museml.detection import ImageDetections
from museml.errors import InputError

ARCSEC = 1 / 3600


@pytest.fixture(scope="module")
def tables():
    """Return what is found in two images that overlap from RA = 359.9 to 0.1."""
    rng = np.random.default_rng(1)
    ra, dec, flux = rng.uniform(-0.3, 0.3, 600), rng.uniform(-0.1, 0.1, 600), rng.uniform(1, 9, 600)
    tables = {}
    for name, inside, depth in (("west", ra < 0.1, 1.0), ("east", ra > -0.1, 1.5)):
        shift = rng.normal(0, 0.5, (2, inside.sum())) * ARCSEC
        columns = {"ra": (ra[inside] + shift[0]) % 360, "dec": dec[inside] + shift[1], "true": np.flatnonzero(inside)}
        columns |= {"id": np.arange(inside.sum()), "source": np.arange(inside.sum()) // 2}
        tables[name] = Table({**columns, "snr": flux[inside] * depth})
    return tables


def test_each_source_is_once_and_from_the_deeper_image(tables):
    merged = merge_mosaics(tables, 3.0)
    overlap = np.isin(merged["true"], np.intersect1d(*(table["true"] for table in tables.values())))
    assert sorted(merged["true"]) == list(range(600))
    assert set(merged["mosaic"][overlap]) == {"east"}
    assert set(merged["mosaic"]) == {"east", "west"}
    assert list(merged["id"]) == list(range(1, 601))


def test_the_order_of_the_tables_does_not_matter(tables):
    rng = np.random.default_rng(2)
    shuffled = {name: tables[name][rng.permutation(len(tables[name]))] for name in ("east", "west")}
    first, second = merge_mosaics(tables), merge_mosaics(shuffled)
    for name in ("ra", "dec", "snr", "id", "true"):
        assert np.array_equal(first[name], second[name])


def test_the_false_ones_of_all_images_add_up(tables):
    scored = {name: table.copy() for name, table in tables.items()}
    for table in scored.values():
        table["score"], table["n_false"] = table["snr"], np.exp(-np.asarray(table["snr"]))
    merged = merge_mosaics(scored, 3.0)
    middle = (merged["score"] > 2) & (merged["score"] < 6)
    assert np.allclose(merged["n_false"][middle], 2 * np.exp(-merged["score"][middle]), rtol=0.05)
    assert np.all(np.diff(merged["n_false"]) >= 0)


def test_components_of_one_source_stay_together(tables):
    merged = merge_mosaics(tables, 3.0)
    west = merged[(merged["mosaic"] == "west")]
    original = dict(tables["west"]["true", "source"].iterrows())
    pairs = {(original[true], number) for true, number in west["true", "source"].iterrows()}
    assert len(pairs) == len({old for old, _ in pairs}) == len({new for _, new in pairs})


def test_rows_of_one_image_never_remove_each_other():
    double = Table({"ra": np.array([0.0, 3]) * ARCSEC, "dec": np.zeros(2), "snr": [9.0, 8]})
    single = Table({"ra": [1.0 * ARCSEC], "dec": [0.0], "snr": [5.0]})
    assert list(merge_mosaics([double, single])["snr"]) == [9, 8]


def test_extended_sources_may_lie_farther_apart():
    first, second = (Table({"ra": [x * ARCSEC], "dec": [0.0], "snr": [x + 1], "major": [40.0]}) for x in (0.0, 15.0))
    assert len(merge_mosaics([first, second])) == 1
    assert len(merge_mosaics([first, second], extent=0)) == 2
    second["major"] = 6.0
    assert len(merge_mosaics([first, second])) == 2


def test_empty_and_unplaced_rows_are_fine(tables):
    lost = tables["west"][:3].copy()
    lost["ra"] = np.nan
    merged = merge_mosaics({"west": tables["west"], "lost": lost})
    assert len(merged) == len(tables["west"])
    assert merged.meta["N_NOPOS"] == 3
    empty = merge_mosaics([ImageDetections.empty(), ImageDetections.empty()])
    assert isinstance(empty, ImageDetections)
    assert len(empty) == 0


def test_what_cannot_be_merged_is_told(tables):
    with pytest.raises(InputError, match="at least one table"):
        merge_mosaics([])
    with pytest.raises(InputError, match=r"a table of an image \(west\) needs the column 'score'"):
        merge_mosaics(tables, rank="score")

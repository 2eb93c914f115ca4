import numpy as np
import pytest
from astropy.table import Table

from museml.catalogs.sdc1 import score_sdc1
from museml.catalogs.sdc1_table import SDC1_COLUMNS, read_sdc1, sdc1_table
from museml.errors import InputError, SettingError

#: what ska-sdc 2.0.0 gives for the catalogues below: (frequency, position) -> value, n_det, n_match, n_bad, n_false
PUBLISHED = {
    (560, "core"): (85.789482567, 300, 217, 1, 83),
    (560, "centroid"): (138.220554292, 300, 247, 0, 53),
    (1400, "core"): (76.054876489, 300, 213, 1, 87),
    (1400, "centroid"): (122.761279522, 300, 240, 0, 60),
}


@pytest.fixture(scope="module")
def catalogs():
    """Return a submission with errors and false detections, and its truth."""
    rng = np.random.default_rng(1)
    number = 400
    places = rng.uniform(0.1, 0.4, number), rng.uniform(-30.2, -29.9, number)
    columns = dict(zip(SDC1_COLUMNS, (np.arange(number), *places, *places), strict=False))
    columns |= {"flux": 1e-5 * rng.pareto(1.5, number) + 1e-6, "core_frac": np.zeros(number)}
    columns |= {"b_maj": rng.lognormal(0.5, 0.6, number), "b_min": rng.lognormal(0.0, 0.6, number)}
    columns |= {"pa": rng.uniform(0, 360, number), "size": rng.integers(1, 4, number)}
    truth = Table({**columns, "class": rng.integers(1, 4, number)})
    found = truth[rng.permutation(number)[:300]].copy()
    found["id"] = np.arange(300)
    for axis in ("ra", "dec"):
        error = rng.normal(0, 0.8, 300) / 3600
        for place in ("core", "cent"):
            found[f"{axis}_{place}"] += error
    for name in ("flux", "b_maj", "b_min"):
        found[name] *= np.exp(rng.normal(0, 0.4, 300))
    found["pa"] += rng.normal(0, 15, 300) - rng.choice([0, 180, 360], 300)
    found["class"] = np.where(rng.random(300) < 0.8, found["class"], 3)
    found["size"] = np.where(rng.random(300) < 0.8, found["size"], 2)
    found["ra_core"][:40] += 0.01
    found["ra_cent"][100:150] += 360
    return found, truth


@pytest.mark.parametrize("case", list(PUBLISHED))
def test_the_published_scorer_is_reproduced(catalogs, case):
    score = score_sdc1(*catalogs, case[0], position=case[1], as_published=True)
    value, *counts = PUBLISHED[case]
    assert np.isclose(score.value, value, rtol=0, atol=1e-6)
    assert (score.n_det, score.n_match, score.n_bad, score.n_false) == tuple(counts)
    assert np.isclose(score.accuracy, (value + counts[-1]) / counts[1])


def test_a_perfect_catalogue_scores_its_number(catalogs):
    truth = catalogs[1]
    score = score_sdc1(truth, truth)
    assert np.isclose(score.value, len(truth))
    assert score.accuracy == pytest.approx(1)
    assert list(score.matches["row"]) == list(score.matches["row_t"])


def test_a_direction_has_two_position_angles(catalogs):
    turned = catalogs[1].copy()
    turned["pa"] += 180
    assert np.isclose(score_sdc1(turned, catalogs[1]).value, 400)
    assert score_sdc1(turned, catalogs[1], as_published=True).value < 390


def test_angles_across_a_fold_are_near_each_other(catalogs):
    true, found = catalogs[1].copy(), catalogs[1].copy()
    true["pa"], true["size"], found["pa"], found["size"] = 44.0, 2, 46.0, 2
    assert np.isclose(score_sdc1(found, true).value, 400)
    assert np.all(score_sdc1(found, true, as_published=True).matches["pa"] < 0.3)


def test_matches_reach_equally_far_in_all_directions():
    place = Table({name: [1.0] for name in SDC1_COLUMNS})
    place["ra_core"], place["ra_cent"], place["dec_core"], place["dec_cent"] = 10.0, 10.0, -60.0, -60.0
    place["b_maj"] = place["b_min"] = 10.0
    place["size"] = 2
    moved = place.copy()
    for name in ("ra_core", "ra_cent"):
        moved[name] += 9.0 / 3600 / np.cos(np.radians(60))
    assert score_sdc1(moved, place).n_match == 1
    assert score_sdc1(moved, place, as_published=True).n_match == 0


def test_false_detections_cost_one_each(catalogs):
    found, truth = catalogs
    elsewhere = found[:50].copy()
    elsewhere["dec_core"] += 5
    elsewhere["dec_cent"] += 5
    assert score_sdc1(elsewhere, truth).value == -50
    assert score_sdc1(elsewhere, truth, as_published=True).value == 0
    assert score_sdc1(found[:0], truth).value == 0


def test_the_training_area_can_be_chosen(catalogs):
    inside = catalogs[1].copy()
    for place in ("core", "cent"):
        inside[f"ra_{place}"] -= 0.6
        inside[f"dec_{place}"] += 0.3
    assert score_sdc1(inside, inside, area="training").n_det == 400
    assert score_sdc1(inside, inside, area="test").n_det == 0
    assert score_sdc1(inside, inside, 9200, area="test").n_det == 400


def test_own_tables_can_be_scored():
    columns = {"ra": [1.0, 1.1], "dec": [0.0, 0.0], "flux": [1.0, 2.0], "major": [8.0, 8], "minor": [6.0, 6]}
    table = Table({**columns, "pa": [30.0, 170.0]})
    assert list(sdc1_table(table)["pa"]) == [60, 100]
    assert np.isclose(score_sdc1(table, table).value, 2)
    table["dc_major"], table["dc_minor"], table["dc_pa"], table["class"] = 5.0, 0.0, 30.0, 1
    own = sdc1_table(table)
    assert (own["b_maj"][0], own["class"][0]) == (5, 1)
    assert np.isclose(score_sdc1(table, table).value, 2)


def test_text_files_are_read(catalogs, tmp_path):
    path = tmp_path / "truth.txt"
    rows = "\n".join(" ".join(str(value) for value in [*row, 7, 8]) for row in catalogs[1][:5])
    path.write_text(f"COLUMN1: ID\n ID RA\n{rows}\n")
    table = read_sdc1(path)
    assert list(table["id"]) == [0, 1, 2, 3, 4]
    assert np.allclose(table["b_min"], catalogs[1]["b_min"][:5])


def test_what_cannot_be_scored_is_told(catalogs, tmp_path):
    with pytest.raises(SettingError, match="frequency must be one of 560, 1400, 9200, not 144"):
        score_sdc1(*catalogs, 144)
    with pytest.raises(SettingError, match="area must be one of 'all', 'training', 'test', not 'train'"):
        score_sdc1(*catalogs, area="train")
    with pytest.raises(InputError, match="a catalogue needs the column 'flux'"):
        score_sdc1(catalogs[0], Table({"ra": [1.0], "dec": [1.0]}))
    wrong = catalogs[0].copy()
    wrong["size"][0] = 4
    with pytest.raises(InputError, match="must be 1, 2 or 3"):
        score_sdc1(wrong, catalogs[1])
    (tmp_path / "short.txt").write_text("1 2 3\n")
    with pytest.raises(InputError, match="has 1 rows of at least 3"):
        read_sdc1(tmp_path / "short.txt")

import numpy as np
import pytest
from astropy.table import QTable, Table, vstack
from astropy.utils.masked import Masked

from museml.catalogs.match import match_catalogs
from museml.catalogs.outline import catalog_footprint
from museml.catalogs.rates import f1_rate, middle, rate
from museml.catalogs.score import score_detections
from museml.errors import InputError, SettingError

ARCSEC = 1 / 3600


@pytest.fixture(scope="module")
def truth():
    """Return 400 sources, some of which have two components, over RA = 0."""
    rng = np.random.default_rng(1)
    ra, dec = (rng.uniform(-0.5, 0.5, 400) % 360, rng.uniform(-0.5, 0.5, 400))
    snr = 3 * rng.pareto(1.0, 400) + 3
    columns = {"source": np.repeat(np.arange(200), 2), "ra": ra, "dec": dec, "snr": snr, "flux": snr * 1e-4}
    columns |= {"major": rng.uniform(6, 12, 400), "minor": np.full(400, 6.0), "pa": rng.uniform(0, 180, 400)}
    return Table(columns)


@pytest.fixture(scope="module")
def found(truth):
    """Return what a detector might find: all from S/N 6, with known errors, and 30 false ones."""
    rng = np.random.default_rng(2)
    real = truth[truth["snr"] > 6].copy()
    real["ra"] = (real["ra"] + (0.4 + rng.normal(0, 0.3, len(real))) * ARCSEC) % 360
    real["flux"] *= 1.05 + rng.normal(0, 0.02, len(real))
    real["pa"] = (real["pa"] + 5) % 180
    real["p_real"] = 0.95
    false = real[:30].copy()
    false["ra"], false["dec"] = rng.uniform(0, 0.5, 30), rng.uniform(0.6, 0.7, 30)
    false["snr"], false["p_real"] = 5.5, 0.05
    table = vstack([real, false])
    table["score"] = table["p_real"]
    return table


def test_rates_are_counts_with_their_intervals(truth, found):
    score = score_detections(found, truth)
    wanted, seen = np.sum(truth["snr"] >= 5), np.sum(truth["snr"] > 6)
    assert score.completeness[3:] == (seen, wanted)
    assert score.reliability[3:] == (seen, seen + 30)
    assert score.completeness.low < seen / wanted < score.completeness.high
    c, r = score.completeness.value, score.reliability.value
    assert np.isclose(score.f1.value, 2 * c * r / (c + r))
    assert score.f1.low < score.f1.value < score.f1.high


def test_completeness_is_told_by_true_and_reliability_by_measured_ratio(truth, found):
    score = score_detections(found, truth)
    part = score.by_truth
    assert np.all(part["completeness"][part["snr_low"] >= 6] == 1)
    assert np.all(part["completeness"][(part["snr_high"] <= 6) & (part["n"] > 0)] == 0)
    assert np.sum(part["n"]) == 400
    (worst,) = score.by_detection[score.by_detection["snr_low"] == 5]
    assert (worst["reliability"], worst["n"]) == (0, 30)


def test_what_matches_something_fainter_is_neither_right_nor_false(truth, found):
    score = score_detections(found, truth, limit=10)
    faint = np.sum((truth["snr"] > 6) & (truth["snr"] < 10))
    assert np.sum(score.verdict == "faint") == faint
    assert score.reliability.number == len(found) - faint
    assert score.completeness.value == 1


def test_residuals_show_what_was_put_in(truth, found):
    residuals = score_detections(found, truth).bright_residuals
    medians = {row["name"]: row for row in residuals}
    assert abs(medians["flux ratio"]["median"] - 1.05) < 0.01
    assert abs(medians["flux ratio"]["scatter"] - 0.02) < 0.005
    assert abs(medians["offset east"]["median"] - 0.4) < 0.1
    assert abs(medians["offset east"]["scatter"] - 0.3) < 0.08
    assert abs(medians["offset north"]["median"]) < 1e-6
    assert abs(medians["position angle"]["median"] - 5) < 1e-6  # also where it goes through 180
    assert medians["position angle"]["n"] < medians["major ratio"]["n"]  # only of elongated ones


def test_a_source_is_found_with_one_of_its_components(truth, found):
    score = score_detections(found, truth)
    assert score.source_completeness.value > score.completeness.value
    single = truth["ra", "dec"]
    assert score_detections(found, single).source_completeness is None


def test_probabilities_are_compared_with_what_came_true(truth, found):
    score = score_detections(found, truth)
    rows = {row["p_low"].round(1): row for row in score.calibration if row["n"]}
    assert rows[0.9]["real"] == 1
    assert rows[0.0]["real"] == 0
    (error,) = score.summary[score.summary["name"] == "calibration error (ECE) of p_real"]
    assert np.isclose(error["value"], 0.05)
    plain = score_detections(found["ra", "dec"], truth)
    assert len(plain.calibration) == len(plain.curve) == 0


def test_the_curve_cuts_the_list_by_score(truth, found):
    curve = score_detections(found, truth).curve
    assert list(curve["score"]) == [0.95, 0.05]
    assert curve["reliability"][0] == 1
    assert curve["completeness"][0] == curve["completeness"][1]


def test_only_the_footprint_counts(truth, found):
    footprint = catalog_footprint([359.7, 0.3, 0.0], [-0.3, -0.3, 0.3])
    score = score_detections(found, truth, footprint=footprint)
    inside = footprint.contains(truth["ra"], truth["dec"])
    assert score.completeness.number == np.sum(inside & (truth["snr"] >= 5))
    assert score.reliability.value == 1
    assert np.sum(score.verdict == "outside") == 30 + np.sum(~inside & (truth["snr"] > 6))


def test_rows_without_position_are_reported(truth, found):
    spoilt = found.copy()
    spoilt["ra"][0] = np.nan
    score = score_detections(spoilt, truth)
    assert score.verdict[0] == "no position"
    (row,) = score.summary[score.summary["name"] == "detections: no position"]
    assert (row["value"], row["n"]) == (1, len(found))


def test_lines_in_cubes_need_their_wavelength(truth):
    del truth  # that of images
    lines = Table({"ra": np.zeros(3), "dec": np.zeros(3), "wave": [5000.0, 7000, np.nan], "flux": np.ones(3),
                   "source": [1, 1, 2], "snr": [9.0, 9, 9]})  # fmt: skip
    detections = lines[[2, 0]].copy()
    detections["wave"][1] += 3
    score = score_detections(detections, lines)
    assert score.settings == {"radius": 1.0, "tolerance": 5.0, "limit": 5.0}
    assert list(score.found) == [True, False, True]
    detections["wave"][1] += 3
    assert score_detections(detections, lines).completeness.found == 1


def test_empty_tables_have_right_answers(truth, found):
    nothing = score_detections(found[:0], truth)
    assert nothing.completeness.value == 0
    assert np.isnan(nothing.reliability.value)
    blank = score_detections(found, truth[:0])
    assert blank.reliability.value == 0
    assert np.isnan(blank.completeness.value)
    both = score_detections(found[:0], truth[:0])
    assert np.all(np.isnan(both.summary["value"][:3]))


def test_what_cannot_be_compared_is_told(truth, found):
    with pytest.raises(InputError, match="a truth needs the column 'ra'; this one has flux"):
        score_detections(found, truth["flux", "snr"])
    elsewhere = catalog_footprint([100.0], [50.0])
    with pytest.raises(InputError, match="no row of the truth of 400 lies in the footprint"):
        score_detections(found, truth, footprint=elsewhere)
    with pytest.raises(InputError, match="needs the column 'wave' in both tables"):
        score_detections(found, truth, tolerance=5)
    with pytest.raises(SettingError, match="limit must be a number from 0"):
        score_detections(found, truth, limit=-1)


def test_intervals_hold_what_they_should():
    rng = np.random.default_rng(5)
    counts = rng.binomial(40, 0.9, 300)
    held = [low <= 0.9 <= high for _, low, high, *_ in (rate(count, 40) for count in counts)]
    assert 0.91 < np.mean(held) < 0.99
    medians = [middle(rng.normal(2, 1, 50)) for _ in range(300)]
    assert 0.91 < np.mean([m.low <= 2 <= m.high for m in medians]) < 0.98
    assert f1_rate(10, 0, 0).value == 1
    assert np.isnan(middle([np.nan]).median)


def test_tables_of_quantities_are_scored_and_matched_like_others(truth, found):
    units = {"ra": "deg", "dec": "deg", "flux": "Jy", "major": "arcsec", "minor": "arcsec", "pa": "deg"}
    quantities = []
    for table in (found, truth):
        table = QTable(table, units=units)
        table["flux"] = Masked(table["flux"], mask=np.arange(len(table)) == 3)
        quantities.append(table)
    plain, score = score_detections(found, truth), score_detections(*quantities)
    assert np.array_equal(score.verdict, plain.verdict)
    assert np.allclose(score.bright_residuals["median"], plain.bright_residuals["median"], atol=0.01)
    assert len(match_catalogs(*quantities).joined()) == len(plain.pairs.rows)

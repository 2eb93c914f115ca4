import numpy as np
import pytest

from museml.output import read_table, write_table
from museml.training.evaluation import Answers, is_right
from museml.training.metrics import calibration_error
from museml.training.scores import offset_scores, score_answers, success_in_bins, warnings_of


def make_answers(z_true, z, p, depth=1.0, **columns):
    """Make a table of answers whose redshifts are known."""
    z_true, z = np.ma.masked_invalid(np.array(z_true, float)), np.ma.masked_invalid(np.array(z, float))
    count = len(z)
    offset = (z - z_true) / (1 + z_true)
    values = {"id": [str(i) for i in range(count)], "depth": np.full(count, depth), "type": ["emission"] * count}
    values |= {"object": values["id"], "snr_cont": np.ones(count), "snr_line": np.full(count, 8.0)}
    values |= {"class_true": ["unknown"] * count, "class": ["galaxy"] * count, "z_true": z_true, "z": z, "p": p}
    values |= {"offset": offset, "rank": np.where(np.ma.filled(abs(offset), 1) < 0.005, 1, 0)}
    return Answers.from_columns(values | columns)


def value_of(scores, name, data="all"):
    rows = [score for score in scores if score["name"] == name and score["data"] == data]
    return pytest.approx(rows[0]["value"])


def test_a_redshift_is_right_within_the_tolerance():
    answers = make_answers([1.0, 1.0, 1.0], [1.009, 1.011, np.nan], [0.9, 0.9, np.nan])
    assert list(is_right(answers)) == [True, False, False]


def test_no_redshift_is_right_where_nothing_is():
    answers = make_answers([np.nan] * 2, [np.nan, 0.5], [np.nan, 0.6], **{"class": ["unknown", "galaxy"]})
    assert list(is_right(answers)) == [True, False]


def test_purity_and_completeness_at_a_probability():
    answers = make_answers([1, 1, 1, 1], [1, 1, 3, 1], [0.95, 0.92, 0.91, 0.3])
    scores = score_answers(answers)
    assert value_of(scores, "purity at p > 0.9") == 2 / 3
    assert value_of(scores, "completeness at p > 0.9") == 2 / 4
    assert value_of(scores, "success") == 3 / 4


def test_honest_probabilities_have_no_calibration_error():
    p = np.repeat([0.15, 0.85], 1000)
    right = np.concatenate([np.arange(1000) < 150, np.arange(1000) < 850])
    assert calibration_error(right, p) == pytest.approx(0, abs=1e-9)
    assert calibration_error(right, np.full(2000, 0.7)) == pytest.approx(0.2)
    assert np.isnan(calibration_error([], []))


def test_success_is_told_per_bin_of_redshift():
    answers = make_answers([0.2, 0.3, 3.5], [0.2, 0.9, 3.5], [0.9] * 3)
    scores = success_in_bins(answers, "z_true")
    assert [(score["data"], score["value"], score["n"]) for score in scores] == [
        ("z 0 to 0.5", 0.5, 2),
        ("z 2.85 to 4", 1.0, 1),
    ]


def test_labels_made_with_wavelengths_in_air_are_told():
    z = np.linspace(0.3, 1.2, 40)
    good = make_answers(z, z + 1e-5 * np.sin(50 * z), np.full(40, 0.9))
    low = make_answers(z - 2.8e-4 * (1 + z), z + 1e-5 * np.sin(50 * z), np.full(40, 0.9))
    assert warnings_of(good) == []
    assert "as if wavelengths in air had been taken" in warnings_of(low)[0]
    (median, _) = offset_scores(low)
    assert median["value"] == pytest.approx(2.8e-4, abs=1e-5)
    assert median["low"] < median["value"] < median["high"]


def test_scores_follow_from_the_table_on_disk(tmp_path):
    answers = make_answers([1.0, 1.0, 0.5], [1.0, 3.0, np.nan], [0.9, 0.2, np.nan])
    write_table(answers, tmp_path / "answers.fits")
    scores, again = score_answers(answers), score_answers(read_table(Answers, tmp_path / "answers.fits"))
    assert list(again["name"]) == list(scores["name"])
    assert list(again["n"]) == list(scores["n"])


def test_each_depth_has_its_scores():
    from astropy.table import vstack

    answers = vstack([make_answers([1, 1], [1, 1], [0.9, 0.9]), make_answers([1, 1], [1, 3], [0.9, 0.2], depth=10.0)])
    scores = score_answers(answers)
    success = scores[(scores["name"] == "success") & (scores["data"] == "all")]
    assert list(success["depth"]) == [1, 10]
    assert list(success["value"]) == [1.0, 0.5]

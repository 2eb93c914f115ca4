import numpy as np
import pytest

from museml import get_classifier, get_detector
from museml.errors import SettingError, UnknownNameError
from museml.settings import check_number, is_number

WRONG = ["abc", "six", float("nan"), float("inf"), [1, 2], None, True, -1.0]


@pytest.mark.parametrize("value", [5, 5.0, np.float32(5), np.int64(5)])
def test_numbers_of_any_kind_are_numbers(value):
    assert is_number(value, 5, 5)


def test_the_message_has_rule_value_and_remedy():
    with pytest.raises(SettingError, match=r"^size must be a whole number from 1 to 9, not 2\.5; give for example 3$"):
        check_number("size", 2.5, 1, 9, example=3, whole=True)


@pytest.mark.parametrize("value", WRONG)
@pytest.mark.parametrize(
    ("get", "name", "setting"),
    [
        (get_detector, "lines", "threshold"),
        (get_detector, "lines", "block"),
        (get_detector, "lines", "widths"),
        (get_detector, "continuum", "threshold"),
        (get_detector, "continuum", "bands"),
        (get_detector, "joint", "min_p_real"),
        (get_detector, "line_sets", "min_p_z"),
        (get_classifier, "lines", "z_max"),
    ],
)
def test_what_is_no_sensible_number_is_refused_before_the_work(get, name, setting, value):
    if setting == "widths" and value == [1, 2]:
        value = [1, "wide"]
    with pytest.raises(SettingError, match=f"{setting} must be"):
        get(name, **{setting: value})


@pytest.mark.parametrize("value", [value for value in WRONG if value is not None])
def test_joint_needs_a_sensible_threshold_or_none(value):
    with pytest.raises(SettingError, match="threshold must be"):
        get_detector("joint", threshold=value)


@pytest.mark.parametrize("value", ["perhaps", 1, None])
def test_truth_values_are_true_or_false(value):
    with pytest.raises(SettingError, match="stars must be true or false, not"):
        get_classifier("lines", stars=value)


@pytest.mark.parametrize(
    ("get", "name", "settings"),
    [(get_detector, "joint", {"reality": 3}), (get_classifier, "reality", {"model": 3})],
)
def test_a_model_is_a_name_or_a_file(get, name, settings):
    with pytest.raises(SettingError, match=r"must be .*, not 3; "):
        get(name, **settings)


def test_an_unknown_model_is_refused_before_the_work():
    with pytest.raises(UnknownNameError, match="no model named 'unreal'"):
        get_detector("joint", reality="unreal")


@pytest.mark.parametrize("name", ["lines", "continuum", "joint"])
def test_impossible_psfs_are_refused_before_the_work(name):
    with pytest.raises(SettingError, match="psf must be"):
        get_detector(name, psf="wide")

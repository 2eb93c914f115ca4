import numpy as np
import pytest

from museml.catalogs.agreement import agreed
from museml.classification import Predictions, Redshifts
from museml.detection import Detections
from museml.errors import PredictionFlag

HALPHA, LYALPHA = 0.18, 5.37  # of one line


def redshifts(*rows, flags=0, kind="galaxy"):
    """Return predictions of (z, p, z_2, p_2)."""
    columns = dict(zip(("z", "p", "z_2", "p_2"), np.transpose(rows), strict=True))
    columns |= {"id": [str(k) for k in range(len(rows))], "class": [kind] * len(rows)}
    return Redshifts.from_columns(columns | {"z_err": np.full(len(rows), 1e-5), "flags": np.full(len(rows), flags)})


def detections(*rows):
    """Return a detection per source, of (z, p_z, z_2, p_z_2) or the name of its kind."""
    known = [row if isinstance(row, tuple) else (np.nan,) * 4 for row in rows]
    columns = dict(zip(("z", "p_z", "z_2", "p_z_2"), np.ma.masked_invalid(np.transpose(known)), strict=True))
    kinds = ["line" if isinstance(row, tuple) else row for row in rows]
    names = ("x", "y", "ra", "dec", "flux", "snr", "score", "n_false", "flux_err")
    columns |= {name: np.ones(len(rows)) for name in names}
    number = np.arange(1, len(rows) + 1)
    return Detections.from_columns(columns | {"id": number, "source": number, "kind": kinds})


SURE = HALPHA, 0.97, LYALPHA, 0.02


def test_opinions_that_agree_are_sure_and_the_error_is_the_classifiers():
    answer = agreed(redshifts((HALPHA, 0.8, LYALPHA, 0.15)), detections(SURE))
    assert answer["p"][0] > 0.95
    assert answer["z"][0] == pytest.approx(HALPHA)
    assert answer["z_err"][0] == 1e-5
    assert not answer["flags"][0]


def test_a_sure_set_outweighs_the_spectrum_and_keeps_its_answer_as_the_second():
    answer = agreed(redshifts((LYALPHA, 0.7, HALPHA, 0.2)), detections(SURE))
    assert answer["z"][0] == pytest.approx(HALPHA, abs=1e-6)
    assert answer["z_2"][0] == pytest.approx(LYALPHA, abs=1e-6)
    assert answer["z_err"][0] > 1e-5
    assert answer["p"][0] > 0.75
    assert not answer["flags"][0] & PredictionFlag.LINE_SET


def test_a_redshift_that_only_the_set_knows_is_flagged_and_makes_a_galaxy():
    answer = agreed(redshifts((0.0, 0.3, 1.2, 0.1), kind="star"), detections(SURE))
    assert answer["z"][0] == HALPHA
    assert answer["class"][0] == "galaxy"
    assert answer["flags"][0] & PredictionFlag.LINE_SET


def test_a_close_rival_is_told():
    answer = agreed(redshifts((HALPHA, 0.5, LYALPHA, 0.5)), detections((LYALPHA, 0.6, HALPHA, 0.4)))
    assert answer["flags"][0] & PredictionFlag.AMBIGUOUS
    assert answer["p"][0] + answer["p_2"][0] <= 1


def test_without_a_set_a_source_of_lines_is_less_sure_and_one_with_continuum_is_not():
    before = redshifts(*[(0.5, 0.9, 0.7, 0.05)] * 3)
    after = agreed(before, detections(SURE, (np.nan,) * 4, "continuum"))
    assert after["p"][1] < 0.85
    assert after["p"][2] == before["p"][2]
    assert before["p"][1] == 0.9


def test_blends_and_lists_without_sets_and_other_answers_stay():
    blend = redshifts((LYALPHA, 0.7, HALPHA, 0.9), flags=PredictionFlag.BLEND)
    assert agreed(blend, detections(SURE))["z"][0] == LYALPHA
    plain = redshifts((LYALPHA, 0.7, HALPHA, 0.2))
    assert agreed(plain, detections("line"))["p"][0] == 0.7
    names = Predictions.from_columns({"id": ["1"], "class": ["star"], "flags": [0]})
    assert agreed(names, detections(SURE)) is names


def test_with_a_continuum_the_spectrum_counts_for_more():
    lines = [detections((HALPHA, 0.9, LYALPHA, 0.02)) for _ in range(2)]
    lines[1]["kind"] = np.array(["continuum"])
    alone, with_continuum = (agreed(redshifts((0.5, 0.99, 0.7, 0.001)), one)["z"][0] for one in lines)
    assert alone == pytest.approx(HALPHA)
    assert with_continuum == pytest.approx(0.5)

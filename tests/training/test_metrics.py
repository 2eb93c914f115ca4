import numpy as np
import pytest

from museml.training.metrics import completeness_purity, rate, reliability, roc_area


def test_the_interval_of_none_out_of_ten_is_wilsons():
    score = rate("failures", 0, 10)
    assert score["low"] == pytest.approx(0, abs=1e-12)
    assert score["high"] == pytest.approx(0.2775, abs=1e-4)


def test_nothing_out_of_nothing_says_nothing():
    score = rate("failures", 0, 0)
    assert np.isnan(score["value"])
    assert (score["low"], score["high"]) == (0, 1)


def test_completeness_and_purity():
    truth = np.array([True, True, True, True, False, False])
    probability = np.array([0.9, 0.8, 0.7, 0.1, 0.6, 0.2])
    completeness, purity = completeness_purity(truth, probability, 0.5, "toys")
    assert (completeness["value"], completeness["n"]) == (0.75, 4)
    assert (purity["value"], purity["n"]) == (0.75, 4)
    assert purity["data"] == "toys"


def test_the_roc_area_is_the_chance_of_the_right_order():
    assert roc_area([True, False], [0.9, 0.1]) == 1
    assert roc_area([True, False], [0.1, 0.9]) == 0
    assert roc_area([True, False, True, False], [0.5, 0.5, 0.5, 0.5]) == 0.5


def test_honest_probabilities_are_reliable():
    rng = np.random.default_rng(0)
    probability = rng.uniform(size=20000)
    scores = reliability(rng.uniform(size=20000) < probability, probability, "toys")
    means = [float(score["name"].split()[-1]) for score in scores]
    assert np.allclose(means, [0.1, 0.3, 0.5, 0.7, 0.9], atol=0.01)
    assert np.allclose([score["value"] for score in scores], means, atol=0.03)
    assert scores[-1]["name"].startswith("true at p from 0.8 to 1.0")


def test_bold_probabilities_are_not():
    rng = np.random.default_rng(0)
    (score,) = reliability(rng.uniform(size=1000) < 0.5, np.full(1000, 0.95))
    assert score["high"] < 0.6

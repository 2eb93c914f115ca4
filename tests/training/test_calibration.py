import numpy as np
import pytest

from museml.data.probabilities import apply_calibration
from museml.training.calibration import fit_calibration


@pytest.fixture
def overconfident():
    """Return logits three times too large and shifted, and labels drawn from the true probabilities."""
    rng = np.random.default_rng(0)
    logits = np.column_stack([rng.normal(0, 1.5, 20000), np.zeros(20000)])
    labels = (rng.uniform(size=20000) > apply_calibration(logits, {"scale": 1, "offset": [0]})[:, 0]).astype(int)
    return logits * 3 + [0.6, 0], labels


def test_a_temperature_is_found(overconfident):
    logits, labels = overconfident
    calibration = fit_calibration(logits - [0.6, 0], labels, method="temperature")
    assert calibration["scale"] == pytest.approx(1 / 3, rel=0.05)


def test_scale_and_offset_are_found(overconfident):
    calibration = fit_calibration(*overconfident)
    assert calibration["scale"] == pytest.approx(1 / 3, rel=0.05)
    assert calibration["offset"] == pytest.approx([-0.2, 0], abs=0.05)


def test_weights_count(overconfident):
    logits, labels = overconfident
    plain = fit_calibration(logits, labels)
    weighted = fit_calibration(logits, labels, np.where(labels == 0, 3.0, 1.0))
    assert weighted["offset"][0] - plain["offset"][0] == pytest.approx(np.log(3), abs=0.1)


def test_perfect_separation_gives_no_endless_certainty():
    calibration = fit_calibration(np.array([[2.0, 0.0], [0.0, 2.0]]), np.array([0, 1]))
    assert np.isfinite(calibration["scale"])
    assert calibration["scale"] < 100

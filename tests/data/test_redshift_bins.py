import numpy as np
import pytest

from museml.data import redshift_bins as bins
from museml.data.log_grid import START, nearest_start

PLAIN = {"scale": 1.0, "offset": [0.0]}


def outputs_at(part, z, height=12.0, start=START):
    outputs = np.zeros((1, bins.N_OUTPUTS), np.float32)
    outputs[0, part.start + round(float(bins.bin_of(z, start)))] = height
    return outputs


def test_bins_are_fine_enough_and_reach_far_enough():
    lnz = bins.lnz()
    assert np.all(np.diff(lnz) < 5e-4)
    assert np.expm1(lnz[-1]) > 6.7
    assert lnz[0] < 0


@pytest.mark.parametrize("z", [0.0, 0.5, 3.0, 6.5])
def test_a_redshift_is_read_back(z):
    found = bins.posterior(outputs_at(bins.GALAXY, z, 30), START, PLAIN)
    assert np.expm1(found.lnz[found.galaxy[0].argmax()]) == pytest.approx(z, abs=2e-4 * (1 + z))
    assert found.classes[0] == pytest.approx([1, 0, 0, 0], abs=1e-6)


def test_another_window_shifts_the_redshifts():
    start = nearest_start(3800)
    found = bins.posterior(outputs_at(bins.QSO, 1.2, 30, start), start, PLAIN)
    assert np.expm1(found.lnz[found.qso[0].argmax()]) == pytest.approx(1.2, abs=1e-3)


def test_probabilities_add_up_and_are_not_negative():
    outputs = np.random.default_rng(0).normal(0, 5, (4, bins.N_OUTPUTS)).astype(np.float32)
    found = bins.posterior(outputs, nearest_start(3500), {"scale": 0.7, "offset": [0.0, 1.0, -1.0, 2.0]})
    assert np.allclose(found.classes.sum(axis=1), 1, atol=1e-5)
    assert np.allclose(found.second.sum(axis=1) + found.no_second, 1, atol=1e-5)
    assert min(found.redshift.min(), found.second.min()) >= 0


def test_what_is_impossible_has_no_probability():
    start = nearest_start(3500)
    found = bins.posterior(np.ones((1, bins.N_OUTPUTS), np.float32), start, PLAIN)
    assert found.galaxy[0, found.lnz < -0.0045].max() == 0
    assert found.star[0, np.abs(found.lnz) > 0.0045].max() == 0
    assert found.star.sum() > 0


def test_calibration_makes_answers_less_sure():
    outputs = outputs_at(bins.GALAXY, 1.0)
    sure, less = (bins.posterior(outputs, START, {**PLAIN, "scale": s}).galaxy.max() for s in (1.0, 0.8))
    assert sure > less

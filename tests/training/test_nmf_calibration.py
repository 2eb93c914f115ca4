import numpy as np
import pytest
from astropy.table import Table

from museml.classifiers.nmf_grid import STEP
from museml.classifiers.nmf_posterior import NODES, Calibration, Evidence, log_chances
from museml.training.nmf_calibration import _calibration, fit_posterior, log_loss, right_trials

TRIALS = 800


@pytest.fixture(scope="module")
def simulated():
    """Make evidence of which half a unit of chi2 counts one, and its truth."""
    rng = np.random.default_rng(0)
    kinds = np.repeat(["galaxy", "quasar", "star"], [TRIALS, TRIALS, 10])
    shifts = np.concatenate([np.arange(TRIALS) * 10, np.arange(TRIALS) * 10, np.arange(10)])
    gain = 8 * rng.exponential(size=(60, len(kinds)))
    truth = rng.integers(TRIALS, size=60)
    gain[np.arange(60), truth] += rng.uniform(20, 200, 60)
    active = rng.integers(1, 6, gain.shape)
    evidence = Evidence(kinds, shifts, gain.astype("f4"), active, np.full(60, 4000.0), np.full(60, 3600))
    z = np.ma.masked_array(np.expm1(truth * 10 * STEP), np.arange(60) % 10 == 0)
    gain[z.mask] = 8 * rng.exponential(size=gain[z.mask].shape)
    classes = np.where(z.mask, "nothing", "galaxy")
    return Evidence(kinds, shifts, gain.astype("f4"), active, evidence.chi2, evidence.pixels), Table(
        {"z": z, "class": classes}
    )


def test_probabilities_add_up(simulated):
    trials, nothing = log_chances(simulated[0], Calibration())
    np.testing.assert_allclose(np.exp(trials).sum(axis=1) + np.exp(nothing), 1, rtol=1e-5)


def test_the_slope_is_that_of_the_loss(simulated):
    evidence, right = simulated[0], right_trials(*simulated)
    x = np.random.default_rng(1).normal(0, 0.3, 7 + len(NODES))
    slope = log_loss(evidence, right, _calibration(x, Calibration()))[1]
    for i in range(len(x)):
        ends = [
            log_loss(evidence, right, _calibration(x + d * np.eye(len(x))[i], Calibration()))[0] for d in (-1e-2, 1e-2)
        ]
        assert slope[i] == pytest.approx((ends[1] - ends[0]) / 2e-2, abs=2e-3)


def test_the_fit_makes_the_truth_more_probable(simulated):
    right = right_trials(*simulated)
    fitted = fit_posterior(*simulated)
    assert log_loss(simulated[0], right, fitted)[0] < 0.8 * log_loss(simulated[0], right, Calibration())[0]
    assert fitted.noise > 1  # scores scatter by more than chi2 does


def test_right_is_the_redshift_and_the_class(simulated):
    right = right_trials(*simulated)
    assert not right[np.arange(60) % 10 == 0].any()
    assert set(simulated[0].kinds[right.any(axis=0)]) == {"galaxy"}

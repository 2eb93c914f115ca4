import numpy as np
import pytest
from astropy import units as u

from museml import Batch
from museml.data.background import lift_background


def batch(*levels, size=1000):
    rng = np.random.default_rng(0)
    values = np.array([rng.normal(0, 1, size) + level for level in levels], np.float32)
    mask = np.zeros(values.shape, bool)
    ids = tuple(map(str, range(len(levels))))
    return Batch(ids, values, np.ones_like(values), mask, np.arange(1.0, size + 1) * u.nm, "air")


def test_a_negative_continuum_is_raised_to_zero_and_no_other():
    made = batch(-3.0, 0.0, 5.0)
    lifted = lift_background(made)
    assert np.median(lifted.values[0]) == pytest.approx(0, abs=0.15)
    np.testing.assert_array_equal(lifted.values[1:], made.values[1:])
    assert np.median(made.values[0]) == pytest.approx(-3, abs=0.1)


def test_a_line_on_a_slope_below_zero_stays():
    x = np.arange(1000)
    line = 50 * np.exp(-0.5 * ((x - 500) / 3) ** 2)
    lifted = lift_background(batch(-2 - x / 500 + line)).values[0]
    assert lifted.max() == pytest.approx(50, abs=4)
    assert np.abs(np.median(lifted.reshape(4, -1), axis=1)).max() < 0.5


def test_noise_and_masked_rows_stay():
    made = batch(0.0)
    assert lift_background(made) is made
    made.mask[:] = True
    assert lift_background(made) is made

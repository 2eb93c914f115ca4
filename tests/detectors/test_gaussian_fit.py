import numpy as np
import pytest

from museml.detectors.gaussian_fit import WIDEST, fit_all
from museml.detectors.leaf_shapes import axes, form


def fitted(values, start):
    """Return the model fitted to a square image, of any shape, and whether it converged."""
    y, x = (axis.ravel().astype(float) for axis in np.indices(values.shape))
    models = np.array([start], float)
    nobody, limits = np.zeros(0, np.int64), np.array([[0.0, values.shape[1] - 1, 0, values.shape[0] - 1]])
    ends = np.array([0, values.size]), np.zeros(2, np.int64)
    good = fit_all(
        x, y, values.ravel(), ends[0], models, models.copy(), nobody, ends[1], np.array([6]), limits,
    )  # fmt: skip
    return models[0], bool(good[0])


@pytest.mark.parametrize("angle", [10, 30, 120])
def test_a_gaussian_keeps_its_axes_and_angle(angle):
    y, x = np.indices((15, 15))
    a, b, c = form(8.0, 5.0, angle)
    values = 3 * np.exp(-(a * (x - 7.2) ** 2 + 2 * b * (x - 7.2) * (y - 6.9) + c * (y - 6.9) ** 2))
    model, good = fitted(values, [2.5, 7, 7, *form(5, 5, 0)])
    assert good
    assert model[:3] == pytest.approx([3, 7.2, 6.9], abs=1e-3)
    major, minor, turned = (float(value[0]) for value in axes(model[None]))
    assert (major, minor, turned) == pytest.approx((8, 5, angle), abs=0.01)


def test_a_slope_does_not_become_a_needle():
    y, x = np.indices((9, 9))
    values = 1.0 + 0.05 * x + 0.3 * np.exp(-((y - x) ** 2) / 4)
    model, _ = fitted(values, [1.0, 4, 4, *form(4, 4, 0)])
    assert axes(model[None])[0][0] <= 1.001 * WIDEST * 9

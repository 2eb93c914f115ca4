import numpy as np
import pytest

from museml.extraction.weighted_fit import Pixels, WeightedFit


@pytest.fixture
def model():
    """Return two Gaussians 4 pixels apart and a constant."""
    x = np.arange(-10, 11.0)
    return np.array([np.exp(-((x - place) ** 2) / 8) for place in (-2, 2)] + [np.ones(21)])


def test_parameters_are_found_with_their_errors(model):
    rng = np.random.default_rng(1)
    var = np.tile(np.linspace(1, 4, 21), (5000, 1))
    data = [5.0, 30.0, -2.0] @ model + rng.normal(0, np.sqrt(var))
    values, variance, seen = WeightedFit(model, 1 / var[0])(Pixels.of(data, var))
    assert values.mean(axis=0) == pytest.approx([5, 30, -2], abs=0.1)
    assert values[:, 0].var() == pytest.approx(variance[0], rel=0.05)
    assert seen == pytest.approx(1)


def test_invalid_pixels_take_no_part(model):
    data = np.tile([5.0, 30.0, -2.0] @ model, (3, 1))
    data[1, 8], data[2] = np.nan, np.nan
    fit = WeightedFit(model, np.ones(21))
    values, variance, seen = fit(Pixels.of(data, np.where(np.isfinite(data), 1.0, np.nan)))
    assert values[:2] == pytest.approx(np.tile([5, 30, -2], (2, 1)), abs=1e-3)
    assert variance[1] > variance[0]
    assert seen[2] == 0


def test_what_cannot_be_told_apart_stays_finite(model):
    twice = np.vstack([model[0], model[0]])
    values, variance, _ = WeightedFit(twice, np.ones(21))(Pixels.of(6 * model[:1], np.ones((1, 21))))
    assert values.sum() == pytest.approx(6, rel=1e-3)
    assert np.isfinite(variance).all()


def test_weights_give_the_first_parameter(model):
    data = np.random.default_rng(2).normal(size=(1, 21))
    fit = WeightedFit(model, np.linspace(1, 2, 21))
    assert fit.weights() @ data[0] == pytest.approx(fit(Pixels.of(data, np.ones((1, 21))))[0][0, 0], abs=1e-5)

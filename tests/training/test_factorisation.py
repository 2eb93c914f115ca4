import numpy as np
import pytest

from museml.training.factorisation import Part, factorise

PIXELS = np.arange(120)


def bump(centre):
    return np.exp(-0.5 * ((PIXELS - centre) / 6) ** 2)


@pytest.fixture(scope="module")
def factors():
    """Factorise sums of two templates; each row covers two thirds of the pixels."""
    rng = np.random.default_rng(0)
    templates = np.array([bump(30) + bump(80), bump(55) + bump(105)])
    templates /= templates.mean(axis=1, keepdims=True)
    parts = []
    for first in (0, 20, 40):
        values = rng.exponential(size=(60, 2)) * (rng.random((60, 2)) < 0.7) @ templates[:, first : first + 80]
        parts.append(Part(first, values.astype(np.float32), np.ones(values.shape, np.float32)))
    return templates, *factorise(parts, rng.uniform(0.5, 1.5, templates.shape), rounds=200)


def test_templates_are_found_though_no_row_covers_them(factors):
    truth, found, _ = factors
    overlap = np.corrcoef(truth, found)[:2, 2:].max(axis=1)
    assert np.all(overlap > 0.99)
    assert found.min() >= 0


def test_each_round_fits_better(factors):
    losses = factors[2]
    assert losses[-1] < 1e-3 * losses[0]
    assert np.all(np.diff(losses) < 1e-6)

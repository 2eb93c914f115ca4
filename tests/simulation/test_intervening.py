import numpy as np
import pytest

from museml.simulation.spectra.instrument import MUSE
from museml.simulation.spectra.intervening import metal_transmission


def test_absorbers_lie_before_the_source():
    values = metal_transmission(np.random.default_rng(1), np.full(300, 1.2), MUSE)
    assert values[:, MUSE.vacuum > 2852.96 * 2.18 + 20].min() == 1
    assert values[:, (MUSE.vacuum > 2796 * 1.8) & (MUSE.vacuum < 2796 * 2.1)].min() < 0.6


def test_number_of_systems_is_that_of_quasar_surveys():
    values = metal_transmission(np.random.default_rng(2), np.full(600, 1.5), MUSE)
    hit = values[:, (MUSE.vacuum > 4900)].min(axis=1) < 0.9
    expected = 1 - np.exp(-0.6 * (1.48 - 0.75))
    assert abs(np.mean(hit) - expected) < 0.08


def test_nothing_absorbs_before_a_near_source_or_none():
    values = metal_transmission(np.random.default_rng(3), np.array([0.6, np.nan]), MUSE)
    np.testing.assert_array_equal(values, 1)


def test_absorbed_light_is_the_equivalent_width(monkeypatch):
    strong = ((1.0, 3.0, 1e-6, ((2796.35, 1.0),)),)
    monkeypatch.setattr("museml.simulation.spectra.intervening._SYSTEMS", strong)
    values = metal_transmission(np.random.default_rng(4), np.full(200, 1.2), MUSE)
    absorbed, deepest = (1 - values) @ np.diff(MUSE.edges), MUSE.vacuum[np.argmin(values, axis=1)]
    ratio = absorbed / (3 * deepest / 2796.35)
    assert np.median(ratio[(ratio > 0) & (ratio < 1.5)]) == pytest.approx(1, abs=0.01)  # spectra with one absorber

import numpy as np
import pytest

from museml.simulation.spectra.interstellar import transmission
from museml.simulation.spectra.population import draw

LN_WAVE = np.arange(np.log(880), np.log(6500), 1.5e-4)
WAVE = np.exp(LN_WAVE)


@pytest.fixture(scope="module")
def broken():
    """Lyman-break galaxies and their transmission."""
    table = draw(np.random.default_rng(1), 400, ["lbg"])
    return table, transmission(np.random.default_rng(2), table, LN_WAVE)


def width(values, low, high):
    """Return the equivalent width in Angstrom between two wavelengths."""
    inside = (low < WAVE) & (high > WAVE)
    return ((1 - values[:, inside]) * np.gradient(WAVE)[inside]).sum(axis=1)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(1253, 1263, 1.6), (1295, 1307.5, 2.2), (1328, 1335.3, 1.7), (1520, 1530, 1.7), (1602, 1611, 0.9)],
)
def test_equivalent_widths_are_those_of_the_composite(broken, low, high, expected):
    """Shapley et al. 2003, ApJ 588, 65, table 2."""
    assert np.mean(width(broken[1], low, high)) == pytest.approx(expected, rel=0.4)


def test_lines_of_a_galaxy_are_strong_or_faint_together(broken):
    silicon, carbon = width(broken[1], 1520, 1530), width(broken[1], 1328, 1335.3)
    assert np.corrcoef(silicon, carbon)[0, 1] > 0.7


def test_outflows_shift_the_absorption_to_the_blue(broken):
    table, values = broken
    near = np.abs(WAVE - 1526.71) < 4
    depth = np.maximum(1 - values[:, near], 0)
    velocity = (depth @ (WAVE[near] / 1526.71 - 1)) / depth.sum(axis=1) * 299792.458
    assert np.corrcoef(velocity, table["outflow"])[0, 1] < -0.7


def test_fluorescent_lines_exceed_the_continuum(broken):
    assert np.median(width(broken[1], 2623, 2629)) < -0.2


def test_magnesium_of_small_galaxies_is_filled_in():
    rng = np.random.default_rng(3)
    table = draw(rng, 600, ["star_forming"])
    absorbed = width(transmission(rng, table, LN_WAVE), 2785, 2799.9)
    heavy = np.asarray(table["mass"]) > 10
    assert np.median(absorbed[heavy]) > np.median(absorbed[~heavy]) + 0.4


def test_galaxies_without_lya_have_a_damped_trough(broken):
    table, values = broken
    trough = width(values, 1190, 1240)
    assert np.mean(trough[np.asarray(table["lya"]) < 0]) > np.mean(trough[np.asarray(table["lya"]) > 25]) + 5


def test_hardly_any_ionising_light_escapes(broken):
    assert np.median(broken[1][:, WAVE < 911]) == 0


def test_stars_and_quasars_are_left_alone():
    table = draw(np.random.default_rng(4), 30, ["star", "qso", "nothing"])
    np.testing.assert_array_equal(transmission(np.random.default_rng(4), table, LN_WAVE), 1)

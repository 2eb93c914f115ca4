import numpy as np
import pytest

from museml.simulation.spectra.instrument import BLUEMUSE, MUSE
from museml.simulation.spectra.lyman import damped_depth, effective_depth, igm_transmission, lya_profile
from museml.simulation.spectra.population import draw

VELOCITY = np.arange(-3000, 4000, 10.0)


@pytest.fixture(scope="module")
def profiles():
    """Profiles of Lya emitters on VELOCITY, and their number of peaks."""
    table = draw(np.random.default_rng(1), 500, {"lya": 1.0})
    parts = lya_profile(np.random.default_rng(2), table)
    velocity, sigma, weight = (part[:, :, None] for part in parts)
    shape = weight / (sigma * np.sqrt(2 * np.pi)) * np.exp(-0.5 * ((VELOCITY - velocity) / sigma) ** 2)
    profile = shape.sum(axis=1)
    return profile, np.sum(np.diff(np.sign(np.diff(profile, axis=1)), axis=1) < 0, axis=1)


def transmission(z, n=200, instrument=MUSE, seed=3):
    return igm_transmission(np.random.default_rng(seed), np.full(n, z), instrument)


def rest_range(z, low, high, instrument=MUSE):
    return (instrument.vacuum > low * (1 + z)) & (instrument.vacuum < high * (1 + z))


def test_profiles_keep_their_flux(profiles):
    assert np.median(profiles[0].sum(axis=1) * 10) == pytest.approx(1, abs=0.01)


def test_most_lines_are_single_red_peaks_with_a_tail_and_some_are_double(profiles):
    profile, peaks = profiles
    assert 0.5 < np.mean(peaks == 1) < 0.95
    assert peaks.max() == 2
    single = profile[peaks == 1]
    mode = VELOCITY[single.argmax(axis=1)]
    mean = single @ VELOCITY / single.sum(axis=1)
    assert 130 < np.median(mode) < 260
    assert np.mean(mean > mode) > 0.95


def test_offset_goes_with_width(profiles):
    single = profiles[0][profiles[1] == 1]
    width = np.sum(single > 0.5 * single.max(axis=1, keepdims=True), axis=1) * 10
    assert 180 < np.median(width) < 320
    assert np.corrcoef(width, VELOCITY[single.argmax(axis=1)])[0, 1] > 0.3


@pytest.mark.parametrize("z", [3.4, 4.5, 5.5])
def test_forest_has_the_observed_mean(z):
    inside = rest_range(z, 1060, 1170)
    expected = np.exp(-effective_depth(MUSE.vacuum[inside] / 1215.67 - 1)).mean()
    assert transmission(z)[:, inside].mean() == pytest.approx(expected, rel=0.1)


def test_optical_depth_grows_with_redshift():
    z = np.linspace(0, 7, 300)
    assert np.all(np.diff(effective_depth(z)) > -0.03)
    assert effective_depth(3.0) == pytest.approx(0.36, abs=0.06)  # Faucher-Giguere et al. 2008


def test_lines_of_sight_differ():
    values = transmission(4.0)[:, rest_range(4.0, 1060, 1170)]
    assert 0.02 < np.std(values.mean(axis=1)) < 0.1
    assert np.abs(np.corrcoef(values[:20])[np.triu_indices(20, 1)]).mean() < 0.2


def test_higher_lines_of_the_series_absorb_more_and_the_continuum_most():
    values = transmission(4.5)
    means = [values[:, rest_range(4.5, *rest)].mean() for rest in ((1060, 1170), (990, 1020), (920, 945), (870, 900))]
    assert np.all(np.diff(means) < 0)
    assert means[-1] < 0.2


def test_redward_of_lya_nothing_is_absorbed_but_by_damping_wings():
    assert np.mean(transmission(3.5)[:, rest_range(3.5, 1260, 1500)] > 0.95) > 0.97
    near = rest_range(6.5, 1217, 1221)
    assert transmission(6.5)[:, near].mean() < 0.95 < transmission(4.0)[:, rest_range(4.0, 1217, 1221)].mean()


def test_nothing_happens_at_low_redshift_or_without_one():
    values = igm_transmission(np.random.default_rng(1), np.array([0.5, np.nan, -0.0003]), MUSE)
    np.testing.assert_array_equal(values, 1)


def test_blue_instrument_sees_the_forest_at_redshift_two():
    values = transmission(2.3, instrument=BLUEMUSE)
    assert 0.75 < values[:, rest_range(2.3, 1080, 1170, BLUEMUSE)].mean() < 0.9


def test_damped_profile_has_its_equivalent_width():
    wave = np.arange(1100, 1330, 0.02)
    width = np.sum(1 - np.exp(-damped_depth(wave, 1215.67, 10**20.3))) * 0.02
    assert width == pytest.approx(7.3 * 10 ** (0.5 * 0.3), rel=0.04)  # Draine 2011, equation 9.24

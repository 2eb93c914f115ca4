import numpy as np
import pytest

from museml.simulation.spectra import IDEAL, MUSE, SDSS, Conditions, blend, observation, observe
from museml.simulation.spectra.artefacts import background, cosmic_rays, gain, gaps, sky_residuals, sky_spikes
from museml.simulation.spectra.observation import noise, noise_shape, reported, with_photons

AIR = MUSE.wave


@pytest.fixture
def rng():
    return np.random.default_rng(3)


def blank(n):
    return np.zeros((n, len(MUSE)), np.float16)


def test_ideal_noise_is_white_and_as_reported(rng):
    seen = observe(blank(20), rng, MUSE, IDEAL)
    pull = seen.values / seen.errors
    assert pull.std() == pytest.approx(1, abs=0.02)
    assert abs(np.mean(pull[:, 1:] * pull[:, :-1])) < 0.02
    assert not seen.mask.any()
    np.testing.assert_allclose(np.median(seen.sigma, axis=1), 1, rtol=1e-3)


def test_same_random_numbers_same_observation():
    one, two = (observe(blank(3), np.random.default_rng(5)) for _ in range(2))
    for first, second in zip(one, two, strict=True):
        np.testing.assert_array_equal(first, second)


def test_clean_spectra_are_not_changed(rng):
    flux = np.ones((3, len(MUSE)), np.float32)
    observe(flux, rng)
    assert np.all(flux == 1)


def test_masked_pixels_are_zero_and_others_have_errors(rng):
    seen = observe(blank(50), rng)
    assert 0 < seen.mask.mean() < 0.2
    assert np.all(seen.values[seen.mask] == 0)
    assert np.all(seen.errors[seen.mask] == 0)
    assert np.all(seen.errors[~seen.mask] > 0)
    assert seen.values.dtype == seen.errors.dtype == seen.sigma.dtype == np.float32


def test_many_spectra_are_observed_in_parts(rng, monkeypatch):
    monkeypatch.setattr(observation, "CHUNK", 4)
    flux = np.zeros((10, len(MUSE)), np.float32)
    flux[:, 1000] = 1
    seen = observe(flux, rng, MUSE, IDEAL)
    assert seen.values.shape == flux.shape
    assert seen.values[:, 1000] == pytest.approx(seen.amplitude, abs=5)


def test_signal_to_noise_ratio_is_drawn_evenly_in_its_logarithm(rng):
    amplitude = observe(blank(400), rng, MUSE, Conditions(snr=(2, 200))).amplitude
    assert amplitude.min() >= 2
    assert amplitude.max() <= 200
    assert np.mean(amplitude < 20) == pytest.approx(0.5, abs=0.1)


def test_correlation_of_neighbours(rng):
    values = noise(rng, (40, 3000), (0.3, 0.3))
    lag = [np.mean(values[:, k:] * values[:, :-k]) for k in (1, 2)]
    assert lag == pytest.approx([0.3, 0.0], abs=0.02)
    assert values.std() == pytest.approx(1, abs=0.01)


def test_sky_lines_stand_out_more_in_deep_data(rng):
    short, deep = (MUSE.noise(*(value[0] for value in noise_shape(rng, [h], 0.0))) for h in (0.25, 100.0))
    line = np.abs(AIR - 5578).argmin()
    assert deep[line - 5 : line + 5].max() > 1.5 * short[line - 5 : line + 5].max()


def test_bright_objects_bring_noise_of_their_own():
    sigma, clean = np.ones((2, 5), np.float32), np.array([[0.0], [60.0]]) * np.ones(5)
    noisy = with_photons(sigma, clean, np.ones(2), 1.0)
    np.testing.assert_allclose(noisy[:, 0], [1, np.sqrt(2)], rtol=1e-3)


def test_reported_errors_are_wrong_by_a_factor(rng):
    sigma = np.repeat(MUSE.sigma[None], 200, axis=0)
    errors = reported(rng, sigma, np.ones(200, np.float32), MUSE, Conditions(error_contrast=(1, 1)))
    factor = np.median(errors / sigma, axis=1)
    assert 0.54 < factor.min() < 0.65
    assert 1.4 < factor.max() < 1.65


def test_residuals_are_at_sky_lines(rng):
    sigma = np.ones((30, len(MUSE)), np.float32)
    added = sky_residuals(rng, sigma, np.full(30, 2, np.float32), np.full(30, 10.0), MUSE, Conditions())
    between, line = np.abs(AIR - 5400) < 30, np.abs(AIR - 5578) < 4
    assert added[:, between].std() < 0.2 * added[:, line].std()
    assert 0.1 < added[:, line].std() < 1.5


def test_spikes_are_mostly_at_sky_lines(rng):
    values, sigma = np.zeros((300, len(MUSE)), np.float32), np.ones((300, len(MUSE)), np.float32)
    sky_spikes(values, rng, sigma, MUSE, Conditions(spikes=1))
    peak = np.abs(values).argmax(axis=1)[np.abs(values).max(axis=1) > 1]
    assert np.mean([MUSE.sky[max(p - 2, 0) : p + 3].max() > 0 for p in peak]) > 0.7


def test_cosmic_rays_are_narrow_and_some_are_noticed(rng):
    values = np.zeros((200, 2000), np.float32)
    mask = cosmic_rays(values, rng, Conditions(cosmic_rays=1))
    struck = np.sum(values > 0.5, axis=1)
    assert 80 < np.sum(struck > 0) < 180
    assert np.median(struck[struck > 0]) <= 5
    assert 0 < mask.any(axis=1).sum() < 150


def test_background_is_smooth_and_faint(rng):
    added = background(rng, 200, MUSE, Conditions(background=0.1))
    assert 0.05 < added.std() < 0.3
    assert np.abs(np.diff(added, axis=1)).max() < 0.02


def test_calibration_is_right_on_average(rng):
    factors = gain(rng, 300, MUSE, Conditions())
    assert np.median(factors) == pytest.approx(1, abs=0.02)
    assert 0.02 < (factors[:, 0] / factors[:, -1]).std() < 0.25
    band, beside = np.abs(AIR - 7610) < 15, np.abs(AIR - 7560) < 15
    telluric = factors[:, band].mean(axis=1) / factors[:, beside].mean(axis=1)
    assert 0.01 < telluric.std() < 0.3


def test_the_notch_of_adaptive_optics(rng):
    conditions = Conditions(notch=1, gaps=0, cropped=0, edges=0, masked_sky=0)
    mask = gaps(rng, 2, MUSE, conditions)
    np.testing.assert_array_equal(mask[0], (AIR > 5800) & (AIR < 5970))
    assert not gaps(rng, 2, MUSE, IDEAL).any()


def test_cropped_spectra_keep_their_middle(rng):
    mask = gaps(rng, 100, MUSE, Conditions(cropped=1, gaps=0, notch=0, masked_sky=0))
    assert not mask[:, int(0.36 * len(AIR)) : int(0.64 * len(AIR))].any()
    assert 0.2 < mask.mean() < 0.5


def test_sky_lines_are_at_the_same_wavelengths_in_vacuum():
    muse, sdss = (one.vacuum[np.where(np.abs(one.wave - 5578) < 20, one.sky, 0).argmax()] for one in (MUSE, SDSS))
    assert muse == pytest.approx(sdss, abs=2)


def test_blend_adds_a_less_significant_object(rng):
    flux = np.eye(8, 20, dtype=np.float16)
    flux[5] = 0  # nothing there
    mixed, partner, ratio = blend(flux, rng, share=1.0, ratio=(0.2, 0.9))
    assert partner[5] == -1
    assert 5 not in partner
    for i in np.flatnonzero(partner >= 0):
        assert partner[i] != i
        np.testing.assert_allclose(mixed[i], flux[i] + ratio[i] * flux[partner[i]], rtol=1e-3)
    assert np.all((ratio == 0) | ((ratio >= 0.2) & (ratio <= 0.9)))


def test_no_blends_when_none_are_wanted(rng):
    flux = np.ones((4, 10), np.float32)
    mixed, partner, _ = blend(flux, rng, share=0.0)
    assert np.all(partner == -1)
    np.testing.assert_array_equal(mixed, flux)

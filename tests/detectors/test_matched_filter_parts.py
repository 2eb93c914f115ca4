from dataclasses import replace

import numpy as np
import pytest
from scipy.signal import convolve

from museml.data.psf import PSF
from museml.detectors.baseline import measure_baseline
from museml.detectors.false_alarms import FalseAlarms, expected_maxima
from museml.detectors.line_fit import LineSpectrum, fit_lines
from museml.detectors.line_measure import psf_spectra
from museml.detectors.line_places import find_places, point_source
from museml.detectors.matched_filter import MatchedFilter, filter_image, line_profiles
from museml.detectors.noise_field import NoiseField, block_noise, channel_noise
from museml.detectors.peaks import PEAK, find_peaks, keep_separate
from museml.detectors.robust import median, quantile, spread

RNG = np.random.default_rng(7)
WAVE = 7000 + 1.25 * np.arange(100)


def noise_of(snr):
    unmasked = np.zeros(snr.shape, bool)
    return NoiseField([block_noise(snr, unmasked, 0, snr[:, :, ::4].reshape(len(snr), -1), np.ones((1, len(snr))))])


def test_quantiles_are_those_of_numpy_without_the_invalid():
    values = RNG.normal(size=(5, 40))
    values[RNG.random(values.shape) < 0.3] = np.nan
    assert quantile(values, 0.3) == pytest.approx(np.nanquantile(values, 0.3, axis=-1))
    assert median(values) == pytest.approx(np.nanmedian(values, axis=-1))


def test_quantiles_of_nothing_are_nan():
    assert np.isnan(median(np.full((1, 3), np.nan))).all()


def test_spread_is_the_deviation_and_bright_sources_do_not_count():
    values = RNG.normal(5, 2, 20_000)
    values[:2000] += 1000
    assert spread(values[None])[0] == pytest.approx(2, rel=0.15)


def test_filter_image_is_a_convolution_with_nothing_beyond_the_border():
    image, kernel = RNG.normal(size=(3, 20, 23)).astype("f4"), PSF(0.8).image(7000, 0.2)
    expected = [convolve(plane, kernel, mode="same") for plane in image]
    assert np.allclose(filter_image(image, kernel), expected, atol=1e-5)


def test_line_profiles_have_flux_one():
    profiles = line_profiles(WAVE, np.full(100, 4.0), (40, 60), (0, 100))
    assert profiles.sum(axis=1) * 1.25 == pytest.approx(np.ones(20), rel=2e-4)
    assert profiles.argmax(axis=1) == pytest.approx(np.arange(40, 60))


def test_the_matched_filter_gives_the_signal_to_noise_of_theory():
    matched = MatchedFilter(WAVE, 0.2, PSF(0.7), (2.0,))
    variance = RNG.uniform(1, 4, (100, 15, 15)).astype("f4")
    profile = line_profiles(WAVE, matched.fwhm(2.0, WAVE), (50, 51), (0, 100))[0]
    template = profile[:, None, None] * PSF(0.7).image(WAVE[50], 0.2, 15)
    snr = matched.snr(100 * template, 1 / variance, 0, 50, 51)[0, 0, 7, 7]
    assert snr == pytest.approx(100 * np.sqrt((template**2 / variance).sum()), rel=1e-2)


def test_the_matched_filter_has_unit_scatter_in_white_noise():
    matched = MatchedFilter(WAVE, 0.2, PSF(0.7), (2.0, 6.0))
    variance = RNG.uniform(1, 4, (100, 40, 40)).astype("f4")
    data = (RNG.normal(size=variance.shape) * np.sqrt(variance)).astype("f4")
    assert matched.snr(data, 1 / variance, 0, 0, 100).std(axis=(1, 2, 3)) == pytest.approx([1, 1], abs=0.05)


def test_no_information_no_signal():
    matched = MatchedFilter(WAVE, 0.2, PSF(0.7), (2.0,))
    weight = np.ones((100, 60, 60), "f4")
    weight[:, :, 25:] = 0
    snr = matched.snr(RNG.normal(size=weight.shape).astype("f4"), weight, 0, 0, 100)
    assert np.all(snr[..., 45:] == 0)


def test_peaks_are_found_to_a_fraction_of_a_voxel():
    z, y, x = np.indices((20, 20, 20))
    field = 10 * np.exp(-((z - 8.3) ** 2 + (y - 9.6) ** 2 + (x - 7.0) ** 2) / 18)
    peaks = find_peaks(field[None], 5, first=100)
    assert len(peaks) == 1
    assert [peaks[name][0] for name in "zyx"] == pytest.approx([108.3, 9.6, 7.0], abs=0.02)
    assert peaks["snr"][0] == pytest.approx(10, rel=1e-3)


def test_a_plateau_is_one_peak():
    field = np.zeros((1, 5, 6, 6))
    field[0, 2, 2:4, 2:4] = 7
    assert len(find_peaks(field, 3)) == 1


def test_peaks_know_their_template_and_their_channels():
    field = np.zeros((2, 9, 5, 5))
    field[1, 1, 2, 2] = field[0, 6, 2, 2] = 5
    assert list(find_peaks(field, 3)["width"]) == [1, 0]
    assert len(find_peaks(field, 3, core=slice(3, 9))) == 1


def test_wings_are_dropped_and_neighbours_kept():
    peaks = np.zeros(3, PEAK)
    peaks["x"], peaks["snr"] = (10, 12, 30), (100, 45, 8)
    kept = keep_separate(peaks, lambda dz, dy, dx: np.exp(-(dx**2) / 5), (5, 10), 5)
    assert list(kept["x"]) == [10, 30]


def test_expected_maxima_are_those_counted_in_smooth_noise():
    matched = MatchedFilter(WAVE, 0.2, PSF(0.7, beta=None), (3.0,))
    data = RNG.normal(size=(100, 100, 100)).astype("f4")
    snr = matched.snr(data, np.ones_like(data), 0, 0, 100)
    noise = noise_of(snr[0])
    count = sum(np.count_nonzero(find_peaks(sign * snr, 2.8)["snr"] > 3.2) for sign in (1, -1)) / 2
    assert count == pytest.approx(expected_maxima(3.2, noise.voxels, noise.correlations), rel=0.15)


def test_negative_peaks_set_the_level_and_the_tail():
    quiet = FalseAlarms(1e6, (0.9, 0.9, 0.9), [])
    assert quiet(6.0) < 0.01
    spoilt = FalseAlarms(1e6, (0.9, 0.9, 0.9), [9.0, 8.0, 7.5])
    assert list(spoilt([7.0, 8.0, 9.0])) == [3, 2, 1]
    assert 0 < spoilt(12.0) < spoilt(10.0) < 1


def test_further_templates_add_false_detections_the_more_the_less_they_are_alike():
    field = 1e6, (0.9, 0.9, 0.9)
    one, alike, unlike = (FalseAlarms(*field, [], overlaps)(5.0) for overlaps in ((), (0.99,), (0.8,)))
    assert 1 < alike / one < unlike / one < 2


def test_residuals_that_are_expected_count_before_they_are_seen():
    pure, wary = (FalseAlarms(1e6, (0.9, 0.9, 0.9), [], residuals=residuals) for residuals in (False, True))
    assert wary(3.5) == pure(3.5)
    assert 100 * pure(8.0) < wary(8.0) < 0.1
    assert wary.log(40.0) > pure.log(40.0)


def test_the_scatter_of_a_channel_sees_residuals_but_not_a_nebula():
    snr, sky = RNG.normal(size=(60, 30, 30)), np.zeros(60, bool)
    snr[20:22, :, 15:] += 5
    snr[40:45] *= 4
    offset, scatter = channel_noise(snr, sky, 9.0)
    assert scatter[:35] == pytest.approx(np.ones(35), rel=0.2)
    assert scatter[42] == pytest.approx(4, rel=0.3)
    assert np.all(offset[30:40] == 0)


def test_the_offset_of_a_channel_is_what_the_whole_field_has():
    snr, sky = RNG.normal(size=(60, 30, 30)), np.zeros(60, bool)
    snr[20] += 5
    snr[30] -= 5
    snr[40, :, 10:] += 50
    sky[30] = True
    offset = channel_noise(snr, sky, 9.0)[0]
    assert offset[[10, 20, 30]] == pytest.approx([0, 5, -5], abs=0.2)
    assert offset[40] < 2


def test_spaxel_scatter_sees_bad_spaxels():
    snr = RNG.normal(size=(128, 10, 10))
    snr[:, 4, 5] *= 5
    noise = noise_of(snr)
    at = noise.spaxel_scatter(60)
    ask = (np.array([3.0, 3.0]), np.array([4.0, 8.0]), np.array([5.0, 8.0]))
    assert at(*ask) == pytest.approx([5, 1], rel=0.2)


def test_baseline_follows_the_continuum_and_not_the_lines():
    class Ramp:
        shape = (300, 2, 2)

        def block(self, start, stop):
            data = np.arange(start, stop, dtype="f4")[:, None, None] * np.ones((1, 2, 2), "f4")
            data[(np.arange(start, stop) // 20) == 7] += 1000
            return data, np.ones_like(data)

    baseline = measure_baseline(Ramp(), 100)
    assert baseline.at(0, 300)[:, 0, 0] == pytest.approx(np.arange(300), abs=25)
    assert not baseline.sky().any()


def spectrum_of(*lines, error=0.5, **noise):
    flux = sum(f * line_profiles(WAVE, np.full(100, w), (k, k + 1), (0, 100))[0] for f, k, w in lines)
    return LineSpectrum(WAVE, flux, np.full(100, error), **noise)


def test_fit_finds_flux_place_and_width():
    lines, chi2 = fit_lines(spectrum_of((100, 50, 4.0)), [(WAVE[50] + 1, 3.0)])
    assert lines["fit"][0]
    assert [lines[name][0] for name in ("flux", "wave", "fwhm")] == pytest.approx([100, WAVE[50], 4.0], rel=2e-2)
    assert 0 < lines["flux_err"][0] < 5
    assert chi2 < 10


def test_errors_of_a_fit_are_the_scatter_of_many_in_correlated_noise():
    clean = spectrum_of((100, 50, 5.0), error=1.5, correlation=(1.0, 0.5))
    kernel = [np.sqrt(0.5), np.sqrt(0.5)]
    found = []
    for _ in range(300):
        noise = 1.5 * np.convolve(RNG.normal(size=101), kernel, "valid")
        found.append(fit_lines(replace(clean, flux=clean.flux + noise), [(WAVE[50], 5.0)])[0][0])
    found = np.array(found)
    assert found["fit"].mean() > 0.98
    for name, truth in (("flux", 100), ("wave", WAVE[50]), ("fwhm", 5.0)):
        pull = (found[name] - truth) / found[name + "_err"]
        assert np.std(pull) == pytest.approx(1, abs=0.12)
        assert abs(np.mean(pull)) < 0.35


def test_two_lines_are_fitted_together():
    lines, _ = fit_lines(spectrum_of((100, 48, 3.0), (60, 52, 3.0)), [(WAVE[47], 3.0), (WAVE[53], 3.0)], 2.0)
    assert lines["flux"] == pytest.approx([100, 60], rel=0.02)
    assert lines["wave"] == pytest.approx(WAVE[[48, 52]], abs=0.1)


def test_a_masked_channel_does_not_change_the_width():
    spectrum = spectrum_of((100, 50, 4.0))
    spectrum.error[45] = np.inf
    assert fit_lines(spectrum, [(WAVE[50], 4.0)])[0]["fwhm"][0] == pytest.approx(4.0, abs=0.05)


def test_a_line_is_never_narrower_than_the_instrument_can_show():
    line = fit_lines(spectrum_of((100, 50, 2.0)), [(WAVE[50], 3.0)], narrowest=2.5)[0][0]
    assert line["fit"]
    assert line["fwhm"] == pytest.approx(2.5, rel=1e-3)


@pytest.mark.parametrize("error", [1.0, np.inf])
def test_a_fit_of_nothing_says_so(error):
    lines, _ = fit_lines(LineSpectrum(WAVE, np.zeros(100), np.full(100, error)), [(7050, 4.0)])
    assert not lines["fit"][0]
    assert lines["flux"][0] == 0
    assert np.isinf(lines["flux_err"][0]) == np.isinf(error)


def test_spectra_of_neighbours_are_free_of_each_others_light():
    psf = PSF(0.7)
    images = np.array([psf.image(7000, 0.2, 31, offset=(0, x)) for x in (-2.6, 2.6)])
    truth = np.array([np.linspace(1, 5, 20), np.linspace(8, 2, 20)])
    data = np.einsum("kz,kyx->zyx", truth, images)
    weight = RNG.uniform(0.5, 2, data.shape)
    weight[3] = 0
    flux, error = psf_spectra(data, weight, images)
    assert np.delete(flux, 3, axis=1) == pytest.approx(np.delete(truth, 3, axis=1), rel=1e-4)
    assert np.all(np.isinf(error[:, 3]))


def test_spectra_of_objects_at_one_place_are_finite_and_uncertain():
    images = np.repeat(PSF(0.7).image(7000, 0.2, 21)[None], 2, axis=0)
    flux, error = psf_spectra(np.ones((5, 21, 21), "f4"), np.ones((5, 21, 21), "f4"), images)
    assert np.all(np.isfinite(flux))
    assert np.all(error > 50 / np.sqrt((images[0] ** 2).sum()))


def test_places_do_not_move_together():
    source = point_source(PSF(0.7), 7000.0, 0.2)
    image = 100 * source.at((15.2, 14.7), (31, 31))[0] + RNG.normal(size=(31, 31))
    start = np.array([[15.0, 13.5], [15.0, 16.0]])
    assert np.abs(np.diff(find_places(image, np.ones((31, 31)), source, start)[:2], axis=0)).max() >= 1

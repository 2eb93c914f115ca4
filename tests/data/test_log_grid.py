import numpy as np
import pytest
from astropy import units as u

from museml.data.batch import Batch
from museml.data.log_grid import PIXELS, START, is_placed, log_axis, nearest_start, start_of, to_log_grid
from museml.data.spectral import to_air
from museml.errors import InputError

WAVE = 4750 + 1.25 * np.arange(3681)


def make_batch(values, wave=WAVE, medium="air", errors=None, mask=None):
    values = np.atleast_2d(values).astype(np.float32)
    errors = np.ones_like(values) if errors is None else errors
    mask = np.zeros(values.shape, bool) if mask is None else mask
    return Batch(tuple(str(i) for i in range(len(values))), values, errors, mask, wave * u.Angstrom, medium)


def line(wave, centre, sigma=3.0):
    return np.exp(-0.5 * ((wave - centre) / sigma) ** 2)


def test_both_modes_of_muse_fit_into_the_window():
    axis = log_axis()
    assert axis[0] < 4600
    assert axis[-1] > 9355


def test_a_line_keeps_its_vacuum_wavelength_and_its_flux():
    placed = to_log_grid(make_batch(line(WAVE, to_air(6564.6, "vacuum"))))
    axis = placed.axis.value
    flux = placed.values[0] * np.gradient(axis)
    assert np.sum(flux * axis) / np.sum(flux) == pytest.approx(6564.6, abs=0.02)
    assert np.sum(flux) == pytest.approx(np.sqrt(2 * np.pi) * 3.0, rel=1e-3)


@pytest.mark.parametrize("binning", [1, 2, 4])
def test_the_summed_signal_to_noise_does_not_depend_on_the_sampling(binning):
    wave = WAVE[: 3680 // binning * binning].reshape(-1, binning).mean(axis=1)
    batch = make_batch(np.ones(len(wave)), wave, errors=np.full((1, len(wave)), binning**-0.5, np.float32))
    placed = to_log_grid(batch)
    part = (placed.axis.value > 5000) & (placed.axis.value < 9000)
    snr2 = np.sum((placed.values[0, part] / placed.errors[0, part]) ** 2)
    assert snr2 == pytest.approx(np.ptp(placed.axis.value[part]) / 1.25, rel=2e-3)


def test_masked_pixels_stay_out():
    values, mask = np.ones((1, len(WAVE))), np.zeros((1, len(WAVE)), bool)
    values[0, 1000:1040], mask[0, 1000:1040] = 1e6, True
    placed = to_log_grid(make_batch(values, mask=mask))
    assert placed.values.max() == pytest.approx(1, abs=1e-5)
    gone = placed.mask[0] & (placed.axis.value > 5900) & (placed.axis.value < 6100)
    assert gone.sum() * 1.75e-4 * 6025 == pytest.approx(40 * 1.25, rel=0.05)


def test_other_ranges_get_a_window_of_their_own():
    wave = np.linspace(3500, 6000, 3000)
    placed = to_log_grid(make_batch(line(wave, 4000), wave, "vacuum"))
    assert start_of(placed) == pytest.approx(3500, rel=4e-4)
    assert placed.axis.value[placed.values[0].argmax()] == pytest.approx(4000, abs=1)


def test_starts_are_whole_steps_apart():
    steps = np.log([nearest_start(w) / START for w in (3500, 3801, 5000)]) / (4 * 1.75e-4)
    assert np.allclose(steps, np.round(steps))


def test_spectra_on_the_axis_stay_as_they_are():
    placed = to_log_grid(make_batch(line(WAVE, 6000)), 3800)
    assert is_placed(placed)
    assert to_log_grid(placed) is placed
    assert placed.values.shape == (1, PIXELS)


def test_wavelengths_must_increase():
    with pytest.raises(InputError, match="the wavelengths of a batch must increase; these do not: sort its channels"):
        to_log_grid(make_batch(np.ones(len(WAVE)), WAVE[::-1]))

import numpy as np
import pytest

from museml.data.channels import CHANNELS, spectrum_channels


@pytest.fixture
def spectrum():
    rng = np.random.default_rng(0)
    values = 2 + rng.normal(size=(3, 4096))
    values[:, 2000:2006] += 30
    return values.astype(np.float32), np.zeros((3, 4096), bool), np.ones((3, 4096), np.float32)


def channel(channels, name):
    return channels[..., CHANNELS.index(name)]


@pytest.mark.parametrize("scale", [1e-17, 1.0, 1e6])
def test_the_unit_does_not_matter(spectrum, scale):
    values, mask, errors = spectrum
    plain, _ = spectrum_channels(values, mask, errors)
    scaled, _ = spectrum_channels(values * np.float32(scale), mask, errors * np.float32(scale))
    assert np.allclose(plain, scaled, atol=1e-3)


def test_a_line_stands_out_by_its_signal_to_noise(spectrum):
    narrow = channel(spectrum_channels(*spectrum)[0], "narrow")
    assert np.all(np.abs(narrow.argmax(axis=1) - 2002.5) < 2)
    assert np.allclose(2 * np.sinh(narrow.max(axis=1)), 30 * np.sqrt(6), rtol=0.2)


def test_noise_stays_noise(spectrum):
    pixel = channel(spectrum_channels(*spectrum)[0], "pixel")[:, :1900]
    assert np.std(np.sinh(pixel)) == pytest.approx(1, abs=0.05)


def test_the_continuum_passes_under_a_line(spectrum):
    continuum = channel(spectrum_channels(*spectrum)[0], "continuum")
    assert np.allclose(10 * np.sinh(continuum[:, 2003]) / np.sqrt(241), 2, atol=0.4)


def test_masked_pixels_say_nothing_but_that_they_are_masked(spectrum):
    values, mask, errors = (part.copy() for part in spectrum)
    mask[:, 1000:1100] = True
    values[:, 1000:1100], errors[:, 1000:1100] = 1e9, 0
    channels, _ = spectrum_channels(values, mask, errors)
    assert np.all(channels[:, 1000:1100, :-1] == 0)
    assert np.all(channel(channels, "mask")[:, 1000:1100] == 1)
    assert np.isfinite(channels).all()


def test_a_spectrum_without_data_is_finite(spectrum):
    values, mask, errors = spectrum
    channels, _ = spectrum_channels(0 * values, ~mask, 0 * errors)
    assert np.all(channels[..., :-1] == 0)

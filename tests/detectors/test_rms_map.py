"""Background and rms of an image: right in noise, deaf to sources, raised near artefacts, the same in any strips."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from museml.data.beam import Beam
from museml.detectors import rms_map
from museml.detectors.rms_map import noise_maps
from museml.errors import SettingError

SHAPE = (360, 500)
WHOLE = slice(None), slice(None)


def as_image(values):
    """Return what noise_maps needs of an image, pixels of 1.5 arcsec and a beam of 6."""
    block = lambda rows, columns: values[rows, columns]  # noqa: E731
    return SimpleNamespace(shape=values.shape, pixel_scale=1.5, beam=Beam(6.0, 6.0), block=block)


@pytest.fixture(scope="module")
def noise():
    """Noise of unit variance with the beam as its autocorrelation."""
    white = np.random.default_rng(1).standard_normal(SHAPE)
    smooth = gaussian_filter(white, 4 / 2.3548 / np.sqrt(2), mode="wrap")
    return (smooth / smooth.std()).astype("f4")


def test_noise_that_varies_over_the_field_is_measured(noise):
    true = 1 + np.arange(SHAPE[1]) / SHAPE[1]
    background, rms = noise_maps(as_image(noise * true + 5)).block(*WHOLE)
    assert np.abs(rms / true - 1).max() < 0.2
    assert np.abs(rms / true - 1).mean() < 0.05
    assert np.abs(background - 5).max() < 0.5


def test_sources_change_the_rms_little(noise):
    values = noise.copy()
    rng = np.random.default_rng(2)
    for y, x in rng.integers(10, 350, (40, 2)):
        values[y - 2 : y + 3, x - 2 : x + 3] += 200
    before, after = (noise_maps(as_image(image)).block(*WHOLE)[1] for image in (noise, values))
    assert np.median(after / before) == pytest.approx(1.02, abs=0.03)
    assert (after / before).max() < 1.3


def test_the_rms_rises_where_artefacts_are_and_only_there(noise):
    y, x = np.indices(SHAPE)
    radius = np.hypot(x - 250, y - 180)
    values = noise * (1 + 5 * (radius < 30))
    rms = noise_maps(as_image(values)).block(*WHOLE)[1]
    assert rms[radius < 20].min() > 4
    assert np.median(rms[radius > 90]) < 1.1
    assert noise_maps(as_image(values), adaptive=False).block(*WHOLE)[1].max() < 2


def test_holes_are_bridged_and_do_not_touch_their_surroundings(noise):
    values = noise.copy()
    values[100:250, 150:300] = np.nan
    background, rms = noise_maps(as_image(values)).block(*WHOLE)
    assert np.isfinite(rms).all()
    assert np.isfinite(background).all()
    assert np.abs(rms - 1).max() < 0.25


def test_zeros_outside_a_mosaic_are_no_noise(noise):
    values = noise.copy()
    values[:, :250] = 0
    assert np.abs(noise_maps(as_image(values)).block(*WHOLE)[1] - 1).max() < 0.3


def test_an_image_without_data_has_no_rms():
    background, rms = noise_maps(as_image(np.full((50, 60), np.nan, "f4"))).block(*WHOLE)
    assert np.isnan(rms).all()
    assert np.isnan(background).all()


@pytest.mark.parametrize("shape", [(1, 1), (3, 90), (41, 39)])
def test_small_images_have_maps_of_their_shape(noise, shape):
    background, rms = noise_maps(as_image(noise[: shape[0], : shape[1]])).block(*WHOLE)
    assert background.shape == rms.shape == shape


def test_values_depend_neither_on_slices_nor_on_strips(noise, monkeypatch):
    maps = noise_maps(as_image(noise))
    whole = maps.block(*WHOLE)[1]
    np.testing.assert_array_equal(maps.block(slice(33, 90), slice(7, 450))[1], whole[33:90, 7:450])
    y, x = np.array([40, 0, 359]), np.array([3, 499, 20])
    np.testing.assert_allclose(maps.at(x, y)[1], whole[y, x], rtol=1e-6)
    monkeypatch.setattr(rms_map, "PIXELS", 50 * SHAPE[1])
    np.testing.assert_array_equal(noise_maps(as_image(noise)).block(*WHOLE)[1], whole)


def test_a_box_smaller_than_two_beams_is_refused(noise):
    with pytest.raises(SettingError, match="box must be a number from 2"):
        noise_maps(as_image(noise), box=1)


def test_an_image_without_noise_has_none():
    y, x = np.indices((60, 60)) - 24.0
    source = 0.01 * np.exp(-4 * np.log(2) * (x**2 + y**2) / 16)
    background, rms = noise_maps(as_image(source.astype("f4"))).block(*WHOLE)
    assert np.isnan(background).all()
    assert np.isnan(rms).all()

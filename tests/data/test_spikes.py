import numpy as np
import pytest
from astropy import units as u

from museml import Batch
from museml.data.spikes import mask_spikes


def line(sigma, height=100.0, size=60, place=30.0):
    values = np.random.default_rng(0).normal(0, 1, (1, size))
    values += height * np.exp(-0.5 * ((np.arange(size) - place) / sigma) ** 2)
    mask = np.zeros(values.shape, bool)
    return Batch(("a",), values.astype("f4"), np.ones(values.shape, "f4"), mask, np.arange(1.0, size + 1) * u.nm, "air")


@pytest.mark.parametrize("place", [0, 30, 59])
def test_a_single_bright_pixel_is_masked(place):
    batch = mask_spikes(line(0.1, place=place))
    assert np.flatnonzero(batch.mask[0]).tolist() == [place]
    assert batch.values[0, place] == 0


@pytest.mark.parametrize("sigma", [0.5, 1.0, 5.0])
def test_lines_stay_even_in_coarse_pixels(sigma):
    batch = line(sigma)
    assert mask_spikes(batch) is batch


def test_faint_and_negative_spikes_stay():
    assert not mask_spikes(line(0.1, height=8)).mask.any()
    assert not mask_spikes(line(0.1, height=-100)).mask.any()


def test_two_pixels_are_no_spectrum_with_spikes():
    batch = line(0.1, size=2, place=1)
    assert mask_spikes(batch) is batch

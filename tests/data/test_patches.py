import numpy as np
import pytest

from museml.data.beam_frame import BeamFrame, beam_frame
from museml.data.images import open_image
from museml.data.patches import components_of, encode, open_patches, patch_batch, unpack
from museml.errors import InputError
from museml.simulation.fields import simulate_field


def test_what_is_encoded_is_decoded_in_all_cells_around():
    truth = [21.3, 30.8, 50.0, 8.0, 5.0, 30.0, 12.0]
    targets = encode(components_of(*([v] for v in truth)), (64, 64))
    known = targets[..., 0, :][targets[..., 0, -1] > 0]
    assert len(known) == 9
    outputs = np.zeros((16, 16, 8))
    outputs[..., 1:] = targets[..., 0, :-1]
    found = unpack(outputs)
    rows = targets[..., 0, -1] > 0
    for name, value in zip(("x", "y", "flux", "major", "minor", "angle"), truth, strict=False):
        assert np.allclose(found[name][rows], value, rtol=1e-4)


def test_of_three_components_near_a_cell_the_two_nearest_are_kept():
    x = np.array([33.5, 34.5, 38.0])
    ones = np.ones(3)
    targets = encode(components_of(x, 33.5 * ones, ones, 4 * ones, 4 * ones, 0 * ones, [5.0, 9.0, 50.0]), (64, 64))
    assert targets[8, 8, :, -1].tolist() == [5.0, 9.0]


def test_sides_are_filled_up_with_nothing():
    batch = patch_batch(np.ones((1, 20, 33)))
    assert batch.values.shape == (1, 32, 48, 1)
    assert batch.mask[0, 20:].all()
    assert not batch.mask[0, :20, :33].any()


def test_what_are_no_patches_is_refused():
    with pytest.raises(InputError, match=r"patches must be a Batch or numbers of shape \(n, y, x\)"):
        open_patches(np.zeros((4, 4)))


def test_an_elliptical_beam_becomes_round_and_four_pixels_wide():
    image = open_image(simulate_field((64, 80), 3, beam=(9.0, 6.0, 30.0), pixel_scale=1.2).hdu)
    frame = beam_frame(image)
    angle = image.pixel_angle(40, 30, 30.0)
    _, _, major, minor, _ = frame.into(40.0, 30.0, 7.5, 5.0, angle)
    assert (major, minor) == pytest.approx((4.0, 4.0), abs=0.01)


def test_places_and_ellipses_come_back_from_the_frame():
    frame = BeamFrame([[0.7, 0.1], [0.1, 1.3]], (5.0, -2.0))
    known = 31.0, 12.0, 9.0, 4.0, 25.0
    assert np.allclose(frame.back(*frame.into(*known)), known)


def test_a_window_in_the_frame_holds_the_peak_where_it_should_be():
    y, x = np.mgrid[:60, :50]
    values = np.exp(-((x - 30.0) ** 2 + (y - 25.0) ** 2) / 20)
    signal, frame = BeamFrame([[0.8, 0.1], [0.1, 1.4]]).window(values, (100, 200))
    place = np.unravel_index(np.nanargmax(signal), signal.shape)
    wanted = frame.into(130.0, 225.0, 4.0, 4.0, 0.0)[:2]
    assert np.abs(np.subtract(place[::-1], wanted)).max() < 0.75


def test_a_beam_that_the_network_cannot_work_with_is_refused():
    image = open_image(simulate_field((64, 64), 3, beam=90.0, pixel_scale=1.5).hdu)
    with pytest.raises(InputError, match=r"beam is 1.8 to 40 pixels wide, not 60.00 to 60.00"):
        beam_frame(image)

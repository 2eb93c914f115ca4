import numpy as np
import pytest
from scipy.ndimage import label

from museml.detectors.deblending import CONTRAST, RISE, deblend, vertex


def blobs(*rows, shape=(25, 30), width=2.0):
    y, x = np.mgrid[: shape[0], : shape[1]]
    return sum(h * np.exp(-((x - px) ** 2 + (y - py) ** 2) / (2 * width**2)) for px, py, h in rows)


def ridge(peak, saddle):
    """Return the image of two equal peaks with a saddle between them."""
    return np.interp(np.arange(21), [0, 5, 10, 15, 20], [saddle / 2, peak, saddle, peak, saddle / 2])[None].repeat(3, 0)


@pytest.mark.parametrize("saddle", [3.0, 30.0, 300.0])
@pytest.mark.parametrize(("share", "number"), [(0.8, 1), (1.6, 2)])
def test_a_peak_counts_when_it_rises_above_its_saddle(saddle, share, number):
    image = ridge(saddle + share * np.hypot(RISE, CONTRAST * saddle), saddle)
    assert deblend(image, np.ones(image.shape, int)).max() == number


def test_every_labelled_pixel_is_kept_and_no_other():
    image = np.random.default_rng(1).normal(size=(25, 30)) + blobs((8, 10, 20.0), (20, 12, 9.0))
    labels = label(image > 1, np.ones((3, 3)))[0]
    assert np.array_equal(deblend(image, labels) > 0, labels > 0)


def test_a_faint_peak_is_told_from_a_bright_one():
    image = blobs((8, 12, 2000.0), (20, 12, 12.0))
    labels = deblend(image, (image > RISE).astype(int))
    assert labels.max() == 2
    assert labels[12, 8] != labels[12, 20]


def test_the_border_of_equal_neighbours_is_halfway():
    image = blobs((8, 12, 10.0), (20, 12, 10.0))
    labels = deblend(image, np.ones(image.shape, int))
    assert len({*labels[:, :13].ravel()}) == 1
    assert len({*labels[:, 16:].ravel()}) == 1
    assert labels[12, 5] != labels[12, 25]


def test_nothing_labelled_gives_no_label():
    assert not deblend(np.ones((4, 5)), np.zeros((4, 5), int)).any()


def test_the_vertex_is_between_the_pixels():
    dy, dx = vertex(blobs((10.3, 11.6, 5.0)), np.array([12]), np.array([10]))
    assert np.allclose([dy, dx], [[-0.4], [0.3]], atol=0.02)

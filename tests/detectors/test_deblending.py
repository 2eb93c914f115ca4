import numpy as np
import pytest

from museml.detectors.deblending import deblend, peaks


def blobs(*rows, shape=(25, 30), width=2.0):
    y, x = np.mgrid[: shape[0], : shape[1]]
    return sum(h * np.exp(-((x - px) ** 2 + (y - py) ** 2) / (2 * width**2)) for px, py, h in rows)


def test_peaks_are_the_local_maxima():
    image = blobs((8, 10, 20.0), (20, 12, 9.0))
    y, x = peaks(image)
    high = image[y, x] > 1
    assert sorted(zip(x[high], y[high], strict=True)) == [(8, 10), (20, 12)]


def test_a_plateau_has_one_peak():
    assert len(peaks(np.ones((4, 5)))[0]) == 1


@pytest.mark.parametrize(("rise", "contrast", "number"), [(1.0, 0.0, 2), (100.0, 0.0, 1), (0.0, 50.0, 1)])
def test_a_peak_counts_when_it_rises_above_its_saddle(rise, contrast, number):
    image = blobs((10, 10, 20.0), (17, 10, 15.0))
    assert deblend(image, (image > 1).astype(int), rise, contrast).max() == number


def test_every_labelled_pixel_is_kept_and_no_other():
    image = np.random.default_rng(1).normal(size=(25, 30)) + blobs((8, 10, 20.0), (20, 12, 9.0))
    labels = (image > 1).astype(int)
    assert np.array_equal(deblend(image, labels, 2.0, 0.0) > 0, labels > 0)


def test_the_border_of_equal_neighbours_is_halfway():
    image = blobs((8, 12, 10.0), (20, 12, 10.0))
    labels = deblend(image, np.ones(image.shape, int), 1.0, 0.0)
    assert len({*labels[:, :13].ravel()}) == 1
    assert len({*labels[:, 15:].ravel()}) == 1
    assert labels[12, 5] != labels[12, 25]


def test_nothing_labelled_gives_no_label():
    assert not deblend(np.ones((4, 5)), np.zeros((4, 5), int), 1.0, 0.0).any()

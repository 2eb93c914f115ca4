from dataclasses import replace

import numpy as np
import pytest

from museml.data.psf import PSF
from museml.detectors.band_images import BandImage, matched_filter
from museml.detectors.peeling import peel, seen
from museml.detectors.point_fit import fit_points, light_inside, move_points, widths

SHAPE = (41, 45)
FWHM = 3.5


def picture(sources, psf=0.7, seed=0, kernel=0.7):
    """Return an image of point sources (x, y, S/N) in unit noise, filtered with a PSF that may not be theirs."""
    kernel = PSF(kernel).image(7000, 0.2)
    data = np.random.default_rng(seed).normal(size=SHAPE)
    for x, y, snr in sources:
        data += snr / np.sqrt(np.sum(kernel**2)) * exact(x, y, psf)
    weight = np.ones(SHAPE)
    return BandImage("white", False, data, weight, kernel, 1.0, (0.9, 0.9), matched_filter(data, weight, kernel))


def exact(x, y, fwhm):
    """Return a PSF at a position between pixels, from one that is sampled 5 times as finely."""
    fine = PSF(fwhm).image(7000, 0.04, size=5 * 81)
    corner = 5 * 40 + 2 - np.rint(5 * np.array([y, x])).astype(int) - 2
    rows, columns = (slice(start, start + 5 * n) for start, n in zip(corner, SHAPE, strict=True))
    padded = np.pad(fine, 5 * 45)
    rows, columns = (slice(part.start + 5 * 45, part.stop + 5 * 45) for part in (rows, columns))
    return padded[rows, columns].reshape(SHAPE[0], 5, SHAPE[1], 5).sum(axis=(1, 3))


def nowhere():
    return np.zeros(SHAPE, bool)


@pytest.mark.parametrize("separation", [5.0, 6.0, 8.3, 10.0])
def test_a_faint_neighbour_is_found_where_it_is(separation):
    image = picture([(18.2, 20, 80), (18.2 + separation, 20, 12)])
    places, _ = peel([image], np.array([[18.2, 20.0]]), nowhere(), 5.0, FWHM)
    assert len(places) == 2
    assert np.hypot(places[1, 0] - 18.2 - separation, places[1, 1] - 20) < 0.7
    assert 9 < seen([image], places)[1] < 15


@pytest.mark.parametrize("kernel", [0.65, 0.7, 0.75])
@pytest.mark.parametrize("seed", [1, 2])
def test_a_lonely_star_gets_no_neighbours(kernel, seed):
    image = picture([(20.3, 20.4, 150)], seed=seed, kernel=kernel)
    assert len(peel([image], np.array([[20.3, 20.4]]), nowhere(), 5.0, FWHM)[0]) == 1


def test_a_chain_of_neighbours_is_found_in_passes():
    sources = [(8, 20, 100), (15, 20, 30), (22, 20, 15), (29, 20, 15)]
    places, _ = peel([picture(sources)], np.array([[8.0, 20.0]]), nowhere(), 5.0, FWHM)
    assert np.allclose(sorted(places[:, 0]), [8, 15, 22, 29], atol=0.5)


def test_wide_sources_are_not_looked_at():
    outside = nowhere()
    outside[:, 22:] = True
    image = picture([(15, 20, 80), (25, 20, 12)])
    assert len(peel([image], np.array([[15.0, 20.0]]), outside, 5.0, FWHM)[0]) == 1


def test_light_between_the_sources_is_background():
    image = picture([(12, 20, 60), (30, 20, 40)])
    lifted = replace(image, data=image.data + 0.5)
    _, (cleaned,) = peel([lifted], np.array([[12.0, 20.0], [30.0, 20.0]]), nowhere(), 5.0, FWHM)
    assert np.median(lifted.data - cleaned.data) == pytest.approx(0.5, abs=0.1)


def test_the_fit_tells_neighbours_apart_and_its_errors_say_how_well():
    truth, positions = np.array([80, 20]), np.array([[18.0, 20.0], [22.0, 20.0]])
    pulls = []
    for seed in range(20):
        image = picture([(18, 20, 80), (22, 20, 20)], seed=seed)
        fit = fit_points(image.data, image.weight, image.kernel, positions)
        pulls.append((fit.flux - truth / np.sqrt(np.sum(image.kernel**2))) / fit.error)
        assert np.std(image.data - fit.image) < 1.1
    assert 0.7 < np.std(pulls) < 1.3
    assert abs(np.mean(pulls)) < 0.6


def test_two_sources_at_one_place_share_the_light():
    image = picture([(20, 20, 80)])
    fit = fit_points(image.data, image.weight, image.kernel, np.array([[20.0, 20.0], [20.0, 20.0]]))
    assert np.isclose(*fit.flux, rtol=1e-3)


def test_places_between_pixels_are_found():
    sources = [(18.3, 20.4, 80), (24.8, 19.7, 40)]
    places, _ = move_points([picture(sources)], np.rint(np.array(sources)[:, :2]), 2.0)
    assert np.allclose(places, np.array(sources)[:, :2], atol=0.3)


def test_sources_at_the_edge_stay_in_the_field():
    places, _ = move_points([picture([(0.2, 40.4, 50)])], np.array([[0.0, 40.0]]), 2.0)
    assert np.all(places > -0.5)
    assert places[0, 1] < SHAPE[0] - 0.5


@pytest.mark.parametrize(("fwhm", "least", "most"), [(0.7, -0.2, 0.2), (0.85, 0.25, 0.9), (1.05, 0.5, 2.5)])
def test_the_width_of_a_core_is_told_beside_a_neighbour_that_nobody_knows(fwhm, least, most):
    image = picture([(18.3, 20.4, 60)], psf=fwhm)
    image = replace(image, data=image.data + picture([(25.3, 20.4, 40)]).data)
    (excess,), (error,) = widths(image, np.array([[18.3, 20.4]]), FWHM)
    assert least < excess < most
    assert error < 0.1


def test_light_on_its_own_label():
    labels = np.zeros(SHAPE, int)
    labels[:, :20], labels[:, 20:] = 1, 2
    kernel = picture([]).kernel
    inside = light_inside(kernel, np.array([[19.5, 20.0], [32.0, 20.0]]), labels)
    assert np.allclose(inside, [0.5, 1], atol=0.03)

import numpy as np
import pytest

from museml.data.psf import PSF
from museml.detectors.band_images import BandImage, matched_filter
from museml.detectors.peeling import fit_points, peel, point_snr

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


@pytest.mark.parametrize("separation", [7.0, 8.3, 10.0])
def test_a_faint_neighbour_is_found_where_it_is(separation):
    image = picture([(18.2, 20, 80), (18.2 + separation, 20, 12)])
    found = peel([image], [18.2], [20.0], nowhere(), 5.0, FWHM)
    assert len(found) == 1
    assert np.hypot(found[0, 0] - 18.2 - separation, found[0, 1] - 20) < 0.7
    assert 7 < found[0, 2] < 15


@pytest.mark.parametrize("kernel", [0.65, 0.7, 0.75])
@pytest.mark.parametrize("seed", [1, 2])
def test_a_lonely_star_gets_no_neighbours(kernel, seed):
    image = picture([(20.3, 20.4, 150)], seed=seed, kernel=kernel)
    assert len(peel([image], [20.3], [20.4], nowhere(), 5.0, FWHM)) == 0


def test_a_chain_of_neighbours_is_found_in_passes():
    sources = [(8, 20, 100), (15, 20, 30), (22, 20, 15), (29, 20, 15)]
    found = peel([picture(sources)], [8.0], [20.0], nowhere(), 5.0, FWHM)
    assert sorted(np.rint(found[:, 0])) == [15, 22, 29]


def test_wide_sources_are_not_looked_at():
    outside = nowhere()
    outside[:, 22:] = True
    image = picture([(15, 20, 80), (25, 20, 12)])
    assert len(peel([image], [15.0], [20.0], outside, 5.0, FWHM)) == 0


def test_with_no_known_source_there_is_no_new_one():
    assert peel([picture([(20, 20, 30)])], [], [], nowhere(), 5.0, FWHM).shape == (0, 3)


def test_the_fit_tells_neighbours_apart():
    image = picture([(18, 20, 80), (22, 20, 20)])
    flux, model = fit_points(image.data, image.weight, image.kernel, np.array([[18.0, 20.0], [22.0, 20.0]]))
    truth = np.array([80, 20]) / np.sqrt(np.sum(image.kernel**2))
    assert np.allclose(flux, truth, atol=3 / np.sqrt(np.sum(image.kernel**2)))
    assert np.std(image.data - model) < 1.1


def test_two_sources_at_one_place_share_the_light():
    image = picture([(20, 20, 80)])
    flux, _ = fit_points(image.data, image.weight, image.kernel, np.array([[20.0, 20.0], [20.0, 20.0]]))
    assert np.isclose(flux[0], flux[1], rtol=1e-3)


def test_the_neighbours_light_does_not_count():
    positions = np.array([[18.0, 20.0], [22.0, 20.0]])
    snr = point_snr(picture([(18, 20, 80), (22, 20, 20)]), positions)
    assert np.allclose(snr, [80, 20], atol=4)

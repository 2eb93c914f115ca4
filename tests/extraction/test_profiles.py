import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from museml.data.psf import PSF
from museml.extraction.profiles import POINT, WIDTHS, Profiles, fit_shape, share

WAVE = np.linspace(4750, 9350, 100)
Y, X = np.mgrid[-30:31, -30:31]


@pytest.mark.parametrize("fwhm", [0.5, 0.9])
def test_a_point_source_is_the_psf_at_any_place_and_wavelength(fwhm):
    psf = PSF(fwhm, -3e-5)
    image = psf.share(Y - 0.3, X + 0.4, 5500.0, 0.2)
    table = share(Profiles(psf, WAVE, 0.2, 50).point(5500.0), np.hypot(Y - 0.3, X + 0.4))
    assert np.abs(table - image).max() < 2e-3 * image.max()


def test_wide_profiles_are_gaussians_seen_through_the_psf():
    psf = PSF(0.7)
    profiles = Profiles(psf, WAVE, 0.2, 50)
    image = gaussian_filter(psf.share(Y, X, 7000.0, 0.2), WIDTHS[2] * profiles.fwhm / 2.355)
    table = share(profiles.at(7000.0), np.hypot(Y, X))[2]
    assert np.abs(table - image).max() < 0.02 * image.max()


def test_a_galaxy_beside_a_star_is_told_from_it():
    """A source twice as wide as the PSF with a star at 7 pixels: the first is extended, the second is not."""
    psf, rng = PSF(0.7), np.random.default_rng(3)
    profiles, noise = Profiles(psf, WAVE, 0.2, 50), rng.normal(0, 0.3, Y.shape)
    galaxy = 3000 * gaussian_filter(psf.share(Y, X, 7050.0, 0.2), 2.5)
    white = galaxy + 8000 * psf.share(Y, X - 7, 7050.0, 0.2) + noise
    distances = np.array([np.hypot(Y, X).ravel(), np.hypot(Y, X - 7).ravel()])
    for order, extended in (([0, 1], True), ([1, 0], False)):
        near = distances[order[0]] < 14
        shape = fit_shape(white.ravel()[near], distances[order][:, near], np.array([True, True]), profiles.at(7050.0))
        assert (shape[1:].sum() > 0.7) == extended
        assert shape.sum() == pytest.approx(1)
    assert fit_shape(noise.ravel(), distances[:1], np.array([True]), profiles.at(7050.0)) is POINT

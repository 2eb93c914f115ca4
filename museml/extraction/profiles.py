"""How the light of sources is spread over pixels: the PSF, or, for an extended source, its shape in white light."""

from functools import cached_property

import numpy as np
from astropy.stats import gaussian_fwhm_to_sigma, mad_std
from scipy.optimize import nnls

__all__ = ["POINT", "Profiles", "fit_shape", "share"]

NODES = 5  # wavelengths at which the profiles are computed; linear between
STEP = 0.05  # of their tables, in pixels
ANGLES = np.radians([0.0, 22.5, 45.0])  # over which the share of square pixels is averaged
#: FWHM of the Gaussians which, seen through the PSF, make up extended sources, in FWHM of the PSF; 0 is a point
WIDTHS = (0.0, 0.7, 1.5, 3.0)
POINT = np.eye(len(WIDTHS))[0]  # the shape of a point source
RINGS = np.sqrt(-2 * np.log1p(-(np.arange(24) + 0.5) / 24))  # radii of equal parts of a Gaussian, in sigma
AROUND = np.pi * (np.arange(8) + 0.5) / 8  # directions on a ring
EXTENDED = 0.1  # part of the light outside of a point from which a source is extended
CLEARLY = 25.0  # least improvement of chi2 by an extended shape


class Profiles:
    """The share of light in pixels against their distance from a source, for a PSF and for Gaussians seen through it.

    Parameters
    ----------
    psf : `~museml.data.psf.PSF`
        The PSF.
    wave : ndarray
        Wavelengths of the cube in Angstrom.
    pixel_scale : float
        Pixel size in arcsec.
    reach : float
        Largest distance that will be asked for, in pixels.
    """

    def __init__(self, psf, wave, pixel_scale, reach):
        self._nodes = np.linspace(wave[0], wave[-1], NODES)
        self._radius = np.arange(0, reach + 1, STEP)
        self.fwhm = float(psf.fwhm_at(np.mean(wave))) / pixel_scale
        self._points = np.array([_point(psf, node, pixel_scale, self._radius) for node in self._nodes])

    @cached_property
    def _tables(self):
        sigmas = self.fwhm * gaussian_fwhm_to_sigma * np.array(WIDTHS)
        return np.array([[_widened(table, self._radius, sigma) for sigma in sigmas] for table in self._points])

    def at(self, wave):
        """Return the profiles at a wavelength, shape (widths, distances), for `share`."""
        return self._between(self._tables, wave)

    def point(self, wave):
        """Return the profile of a point source at a wavelength, shape (distances,)."""
        return self._between(self._points, wave)

    def shaped(self, shape, wave):
        """Return the profile of a source of some shape (see `fit_shape`), shape (distances,)."""
        return self.point(wave) if shape is POINT else shape @ self.at(wave)

    def _between(self, tables, wave):
        place = float(np.interp(wave, self._nodes, np.arange(NODES)))
        left = min(int(place), NODES - 2)
        return (left + 1 - place) * tables[left] + (place - left) * tables[left + 1]


def share(profile, distance):
    """Return the share of light in pixels at distances (in pixels) from a source.

    Parameters
    ----------
    profile : ndarray, shape (..., distances)
        As `Profiles.at` returns, or a sum of them.
    distance : ndarray
        In pixels.

    Returns
    -------
    ndarray, shape (..., *distance.shape)
    """
    place = distance / STEP
    left = np.minimum(place.astype(int), profile.shape[-1] - 2)
    part = np.minimum(place - left, 1)
    return (1 - part) * profile[..., left] + part * profile[..., left + 1]


def _point(psf, wave, pixel_scale, radius):
    """Return the PSF averaged over a pixel's area."""
    return np.mean([psf.share(radius * np.sin(a), radius * np.cos(a), wave, pixel_scale) for a in ANGLES], axis=0)


def _widened(table, radius, sigma):
    """Return a round profile convolved with a Gaussian: its mean over displacements by the Gaussian."""
    if sigma == 0:
        return table
    steps = sigma * RINGS * np.sqrt(2 / np.mean(RINGS**2))
    across, along = (np.multiply.outer(steps, function(AROUND)).ravel() for function in (np.sin, np.cos))
    distance = np.hypot(radius[:, None] - along, across)
    return np.interp(distance, radius, table, right=0).mean(axis=1)


def fit_shape(white, distances, continuum, profile):
    """Fit a source and its neighbours to the white-light image, and tell how wide the source is.

    Parameters
    ----------
    white : ndarray, shape (pixels,)
        White-light image around the source; NaN where there are no data.
    distances : ndarray, shape (sources, pixels)
        Distances of the pixels from the source, which comes first, and its neighbours.
    continuum : ndarray of bool, shape (sources,)
        Which of them have a continuum and may be extended; the others are points.
    profile : ndarray, shape (widths, distances)
        At the middle wavelength, see `Profiles.at`.

    Returns
    -------
    ndarray, shape (widths,)
        Parts of the light that belong to each width; they add up to 1. That of a point, unless the source is
        clearly extended.
    """
    valid = np.isfinite(white)
    if np.count_nonzero(valid) < 2 * len(distances) + len(WIDTHS):
        return POINT
    columns = share(profile, distances[:, valid])  # widths, sources, pixels
    flat = np.ones((1, columns.shape[2]))
    others = np.vstack([columns[0, 1:], *columns[1:, 1:][:, continuum[1:]], flat, -flat])
    data, scale = white[valid], np.abs(columns).max()
    narrow = _fit(np.vstack([columns[:1, 0], others]) / scale, data)
    wide = _fit(np.vstack([columns[:, 0], others]) / scale, data)
    parts = wide[0][: len(WIDTHS)]
    noise = max(mad_std(wide[1]), 1e-30)
    better = (np.sum(narrow[1] ** 2) - np.sum(wide[1] ** 2)) / noise**2
    extended = better > CLEARLY and parts[1:].sum() > EXTENDED * parts.sum()
    return parts / parts.sum() if extended else POINT


def _fit(columns, data):
    """Return non-negative amplitudes and residuals."""
    amplitudes = nnls(columns.T, data)[0]
    return amplitudes, data - amplitudes @ columns

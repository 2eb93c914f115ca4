"""Spectra of one source, by optimal weights and in an aperture, with and without the local sky."""

import numpy as np
from astropy.stats import mad_std
from photutils.geometry import circular_overlap_grid

__all__ = ["APERTURE", "REACH", "SkyRing", "SourceSpectra"]

#: radii in units of the FWHM
APERTURE = 1.0  # of the aperture spectrum
CORE = 1.5  # within which the optimal weights work: 92 % of a Moffat profile
RING = (2.5, 4.0)  # of the local sky: 1 % of a Moffat profile's light falls in
REACH = RING[1]
LEAST_RING = 12  # pixels; fewer tell no sky
NODES = 9  # wavelengths at which the PSF is evaluated; linear between
CLIPS = 5  # rounds of leaving out neighbours


class SourceSpectra:
    """The spectra of one source, gathered block by block.

    Attributes
    ----------
    values, variances : dict of ndarray
        By name: ``MUSE_PSF`` is weighted by PSF and variance (Horne 1986, PASP 98, 609, equation 8),
        ``MUSE_APER`` the sum over a circle of radius one FWHM; ``MUSE_SKY`` is the local sky per
        pixel, of `SkyRing` from 2.5 to 4 FWHM, and the names with ``_SKYSUB`` have it subtracted.
        NaN where there are no data.
    """

    def __init__(self, cube, psf, window, white):
        offsets = window.offsets()
        fwhm = float(psf.fwhm_at(cube.wave.mean())) / cube.pixel_scale
        self._profile = _Profile(cube, psf, offsets)
        radius = np.hypot(*offsets)
        self._core = radius <= max(CORE * fwhm, radius.min())
        self.circle = _circle(offsets, APERTURE * fwhm)
        ring = (radius >= RING[0] * fwhm) & (radius < RING[1] * fwhm)
        self._ring = SkyRing(ring, offsets, white[window.inside])
        kinds = ("MUSE_PSF", "MUSE_APER")
        names = [*kinds, *(f"{kind}_SKYSUB" for kind in kinds), "MUSE_SKY"] if self._ring.usable else kinds
        self.values = {name: np.full(cube.shape[0], np.nan) for name in names}
        self.variances = {name: np.full(cube.shape[0], np.nan) for name in names}

    @property
    def has_sky(self):
        """Whether the ring around the source has pixels enough for a local sky."""
        return self._ring.usable

    def add(self, start, data, var):
        """Add a block of wavelength planes, cut to the window.

        Parameters
        ----------
        start : int
            Number of the first plane.
        data, var : ndarray, shape (planes, y, x)
            NaN where invalid.
        """
        planes = slice(start, start + len(data))
        profile = self._profile(planes)
        sums = {
            "MUSE_PSF": _optimal(data[:, self._core], var[:, self._core], profile[:, self._core]),
            "MUSE_APER": _aperture(data, var, profile, self.circle),
        }
        for name, (flux, variance, _) in sums.items():
            self.values[name][planes], self.variances[name][planes] = flux, variance
        if self.has_sky:
            self._subtract_sky(planes, sums, *self._ring(data, var))

    def _subtract_sky(self, planes, sums, sky, sky_var):
        self.values["MUSE_SKY"][planes], self.variances["MUSE_SKY"][planes] = sky, sky_var
        for name, (flux, variance, area) in sums.items():
            self.values[f"{name}_SKYSUB"][planes] = flux - area * sky
            self.variances[f"{name}_SKYSUB"][planes] = variance + area**2 * sky_var


class SkyRing:
    """The local sky: a plane fitted to the pixels of a ring, taken at the source's position.

    Neighbours, seen in the white-light image as pixels off the plane, are left out.

    Parameters
    ----------
    pixels : ndarray of bool, shape (y, x)
        The ring.
    offsets : tuple of ndarray
        Distances in y and x from the source, in pixels.
    white : ndarray, shape (y, x)
        White-light image; NaN where there are no data.
    """

    def __init__(self, pixels, offsets, white):
        self._pixels = _clipped(pixels & np.isfinite(white), offsets, white)
        self.usable = np.count_nonzero(self._pixels) >= LEAST_RING
        self._weights = np.linalg.pinv(_plane(offsets, self._pixels))[0] if self.usable else None

    def __call__(self, data, var):
        """Return the sky per pixel and its variance in each plane; NaN where half of the ring is invalid."""
        values, var = data[:, self._pixels], var[:, self._pixels]
        valid = np.isfinite(values)
        enough = valid.mean(axis=1) > 0.5
        if not valid.all():
            values = np.where(valid, values, _row_means(values)[:, None])
            var = np.where(valid, var, _row_means(var)[:, None])
        sky = [values @ self._weights, var @ self._weights**2]
        return tuple(np.where(enough, quantity, np.nan) for quantity in sky)


def _plane(offsets, pixels):
    """Return the design matrix of a plane; its first coefficient is the value at the source."""
    y, x = (offset[pixels] for offset in offsets)
    return np.stack([np.ones(len(x)), y, x], axis=1)


def _clipped(pixels, offsets, white):
    """Leave out the pixels that are off the plane by more than 3 robust standard deviations."""
    for _ in range(CLIPS):
        if np.count_nonzero(pixels) < LEAST_RING:
            break
        plane = _plane(offsets, pixels)
        residual = white[pixels] - plane @ np.linalg.lstsq(plane, white[pixels])[0]
        residual -= np.median(residual)
        pixels = pixels.copy()
        pixels[pixels] = np.abs(residual) <= 3 * mad_std(residual)
    return pixels


def _row_means(values):
    count = np.isfinite(values).sum(axis=1)
    return np.nansum(values, axis=1) / np.maximum(count, 1)


class _Profile:
    """The share of a point source's light that falls in each pixel, for any planes of the cube."""

    def __init__(self, cube, psf, offsets):
        self._wave = cube.wave
        self._nodes = np.linspace(cube.wave[0], cube.wave[-1], NODES)
        self._images = np.array([psf.share(*offsets, wave, cube.pixel_scale) for wave in self._nodes])

    def __call__(self, planes):
        place = np.interp(self._wave[planes], self._nodes, np.arange(NODES))
        left = np.minimum(place.astype(int), NODES - 2)
        part = (place - left)[:, None, None]
        return (1 - part) * self._images[left] + part * self._images[left + 1]


def _circle(offsets, radius):
    """Return the share of each pixel that lies within a circle."""
    (y, x), shape = offsets, offsets[0].shape
    edges = (x[0, 0] - 0.5, x[0, -1] + 0.5, y[0, 0] - 0.5, y[-1, 0] + 0.5)
    return circular_overlap_grid(*edges, shape[1], shape[0], radius, 1, 1)


def _optimal(data, var, share):
    """Return flux, variance, and what a sky of 1 per pixel adds to the flux; pixels are the last axis."""
    weight = np.where(np.isfinite(data), share / var, 0.0)
    norm = (weight * share).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        flux = (weight * np.nan_to_num(data)).sum(axis=1) / norm
        result = flux, 1 / norm, weight.sum(axis=1) / norm
    return tuple(np.where(norm > 0, values, np.nan) for values in result)


def _aperture(data, var, share, circle):
    """Return flux, variance and area within the circle; lost pixels are made up for by the profile.

    A plane with less than half of the light in valid pixels is NaN.
    """
    valid = np.isfinite(data) * circle
    seen = (valid * share).sum(axis=(1, 2)) / (circle * share).sum(axis=(1, 2))
    factor = np.divide(1, seen, out=np.full(seen.shape, np.nan), where=seen > 0.5)
    flux = factor * (valid * np.nan_to_num(data)).sum(axis=(1, 2))
    variance = factor**2 * (valid * circle * np.nan_to_num(var)).sum(axis=(1, 2))
    return flux, variance, factor * valid.sum(axis=(1, 2))

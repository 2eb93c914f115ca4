"""Where the objects are in the image of a line: positions from a fit, and neighbours told apart."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.interpolate import RectBivariateSpline
from scipy.optimize import leastsq
from scipy.spatial.distance import pdist

from museml.detectors.matched_filter import filter_image

__all__ = ["find_places", "point_source"]

TRIALS = 60  # evaluations that a fit may take
MOVE = 1.0  # PSF FWHM that a fit may move an object
TOGETHER = 1.0  # pixels between objects, at least
ADDED = 2  # objects that may be found beside those that are known
LEFT = 3.5  # S/N of what is left over, at least
BETTER = 30.0  # by how much chi^2 must fall for one more
UNSURE = 0.1  # of the brightest object's S/N: what an error of the PSF may look like
APART = 1.0  # PSF FWHM between objects, at least
FAINTEST = 5.0  # S/N of each object of several, at least
SCATTER = 2.5  # chi^2 per pixel up to which point sources describe the image


@dataclass(frozen=True)
class _PointSource:
    """The image of a point source at any place, with its derivatives."""

    spline: RectBivariateSpline
    half: int
    fwhm: float

    def at(self, place, shape):
        """Return a source of flux 1 at a place (y, x) in an image, and the derivatives by y and x."""
        y, x = np.arange(shape[0]) - place[0], np.arange(shape[1]) - place[1]
        inside = (np.abs(y)[:, None] <= self.half + 1) & (np.abs(x) <= self.half + 1)
        value, by_y, by_x = (self.spline(y, x, **kind) * inside for kind in ({}, {"dx": 1}, {"dy": 1}))
        return value, -by_y, -by_x

    def image(self):
        """Return the source in the middle of an image."""
        return self.at((self.half, self.half), 2 * [2 * self.half + 1])[0]


@lru_cache(maxsize=64)
def point_source(psf, wave, pixel_scale):
    """Return the image of a point source as a function of its place.

    Parameters
    ----------
    psf : `~museml.data.psf.PSF`
        The PSF.
    wave : float
        Wavelength in Angstrom.
    pixel_scale : float
        In arcsec.
    """
    middle = psf.image(wave, pixel_scale)
    half, fwhm = len(middle) // 2, float(psf.fwhm_at(wave)) / pixel_scale
    axis = np.arange(-half - 2, half + 2.01, 0.5)
    share = psf.share(*np.meshgrid(axis, axis, indexing="ij"), wave, pixel_scale)
    return _PointSource(RectBivariateSpline(axis, axis, share / share[4:-4:2, 4:-4:2].sum()), half, fwhm)


def find_places(image, error, source, places, scatter=1.0, more=True):
    """Fit point sources to the image of a line.

    Parameters
    ----------
    image, error : ndarray, shape (y, x)
        The image and its standard errors, infinite where it is invalid.
    source : object
        What `point_source` returns.
    places : array_like, shape (n, 2)
        y and x of objects to begin with.
    scatter : float
        Errors of what is seen through the PSF, in units of what ``error`` says; more than 1 in correlated noise.
    more : bool
        Whether to look for objects beside.

    Returns
    -------
    ndarray, shape (n or more, 2)
        The same objects in the same order, where a fit was possible moved to their places, and others.
    """
    known = _fit(image, error, source, np.asarray(places, float))
    if known is None:
        return np.asarray(places, float)
    for _ in range(ADDED if more else 0):
        fits = [_fit(image, error, source, start) for start in _with_one_more(image, error, source, known, scatter)]
        fits = [fit for fit in fits if fit and _is_better(fit, known, source, scatter, np.isfinite(error).sum())]
        if not fits:
            break
        known = min(fits, key=lambda fit: fit.chi2)
    return known.places


@dataclass(frozen=True)
class _Fit:
    places: np.ndarray
    snr: np.ndarray
    chi2: float
    model: np.ndarray


def _fit(image, error, source, start):
    """Fit fluxes and places of point sources; None where that fails, one moves far, or two move together."""
    weight, count = 1 / error, len(start)
    if np.count_nonzero(weight) <= 3 * count:
        return None
    shapes = np.array([source.at(place, image.shape)[0] for place in start])
    fluxes = np.linalg.lstsq((shapes * weight).reshape(count, -1).T, (image * weight).ravel(), rcond=None)[0]
    scale = max(np.abs(fluxes).max(), 1e-30)

    @lru_cache(maxsize=1)
    def made(values):
        return [(row[0] * scale, *source.at(row[1:], image.shape)) for row in np.reshape(values, (-1, 3))]

    def sources(values):
        return made(tuple(values))

    def residuals(values):
        return ((sum(flux * value for flux, value, _, _ in sources(values)) - image) * weight).ravel()

    def slopes(values):
        rows = [(value * scale, flux * by_y, flux * by_x) for flux, value, by_y, by_x in sources(values)]
        return (np.concatenate(rows) * weight).reshape(3 * count, -1)

    begin = np.column_stack([fluxes / scale, start]).ravel()
    values, _, about, _, status = leastsq(
        residuals, begin, Dfun=slopes, col_deriv=True, full_output=True, maxfev=TRIALS
    )
    rows = values.reshape(-1, 3)
    moved = np.hypot(*(rows[:, 1:] - start).T)
    nearest = pdist(rows[:, 1:]).min(initial=np.inf)
    if status not in (1, 2, 3, 4) or np.any(rows[:, 0] <= 0) or max(moved) > MOVE * source.fwhm or nearest < TOGETHER:
        return None
    information = np.einsum("ki,ki->k", *2 * [slopes(values)[::3] / scale])
    chi2, model = float(np.sum(about["fvec"] ** 2)), sum(flux * value for flux, value, _, _ in sources(values))
    return _Fit(rows[:, 1:], rows[:, 0] * scale * np.sqrt(information), chi2, model)


def _with_one_more(image, error, source, fit, scatter):
    """Return guesses: one more object where most is left over, if that is much; and its neighbour farther away."""
    weight, psf = np.float32(1 / error**2)[None], source.image()
    left = filter_image((image - fit.model)[None].astype(np.float32) * weight, psf)[0]
    information = filter_image(weight, psf**2)[0]
    significance = np.where(information > 1e-3 * information.max(), left / np.sqrt(np.maximum(information, 1e-30)), 0)
    place = np.array(np.unravel_index(np.argmax(significance), image.shape), float)
    if significance.max() < LEFT * scatter:
        return []
    nearest = np.argmin(np.hypot(*(fit.places - place).T))
    aside = fit.places.copy()
    aside[nearest] -= (place - aside[nearest]) / 2
    return [np.vstack([fit.places, place]), np.vstack([aside, place])]


def _is_better(fit, known, source, scatter, pixels):
    """Return whether one more object is needed, can be told from the others, and explains the image."""
    new = fit.places[-1]
    distance = np.hypot(*(fit.places[:-1] - new).T).min()
    needed = BETTER + (UNSURE * known.snr.max() / scatter) ** 2
    gain, seen = (known.chi2 - fit.chi2) / scatter**2, fit.snr.min() / scatter
    return gain > needed and seen > FAINTEST and distance > APART * source.fwhm and fit.chi2 < SCATTER * pixels

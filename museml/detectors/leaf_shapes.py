"""Shapes of leaves: Gaussians fitted to all of them at once, of the beam's shape where that is enough."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from museml.detectors.gaussian_errors import POINT, GaussianErrors, gaussian_errors
from museml.detectors.leaves import compiled

__all__ = ["LeafShapes", "axes", "fit_shapes", "form"]

SWEEPS = 3  # in which neighbours are taken out of each other's pixels
NEIGHBOUR = 4.0  # distance in beams up to which a source is another's neighbour
BETTER = 0.5  # fall of chi squared per squared FWHM of the beam by which two sources are better than a resolved one
APART = 0.7  # least distance of two sources in a leaf, in beams
SECOND = 4.5  # least peak of the fainter of two sources in a leaf, in units of the rms
CONTRAST = 0.05  # the same in units of the brighter one
RESOLVED = 2.0  # standard errors by which the area must exceed the beam's
CURVATURE = 4 * np.log(2)


@dataclass(frozen=True)
class LeafShapes:
    """Fitted Gaussians, lengths in pixels.

    Attributes
    ----------
    leaf : ndarray of int
        The leaf that each belongs to; a leaf may have two.
    models : ndarray, shape (sources, 6)
        (A, x, y, a, b, c) of A exp(-(a dx^2 + 2 b dx dy + c dy^2)).
    resolved : ndarray of bool
        Whether the source is larger than the beam; if not, its model has the beam's shape.
    failed : ndarray of bool
        Whether no fit converged; the model is then the beam at the peak.
    errors : GaussianErrors
        Relative to the model.
    """

    leaf: np.ndarray
    models: np.ndarray
    resolved: np.ndarray
    failed: np.ndarray
    errors: GaussianErrors


def form(major, minor, angle):
    """Return a, b and c of an ellipse; the angle of the major axis is from +y towards -x, in degrees."""
    angle = np.radians(angle)
    sin, cos = np.sin(angle), np.cos(angle)
    long, short = CURVATURE / np.square(major), CURVATURE / np.square(minor)
    return long * sin**2 + short * cos**2, (short - long) * sin * cos, long * cos**2 + short * sin**2


def axes(models):
    """Return major and minor axis (FWHM) and angle of models: the reverse of `form`."""
    a, b, c = np.asarray(models).T[3:]
    mean, difference = (a + c) / 2, np.hypot((a - c) / 2, b)
    angle = np.degrees(np.arctan2(2 * b, a - c)) / 2
    major = np.sqrt(CURVATURE / np.maximum(mean - difference, 1e-12))
    return major, np.sqrt(CURVATURE / (mean + difference)), angle % 180


def fit_shapes(pixels, x, y, peak, rms, beams, beam_size, *, divide=False):
    """Fit Gaussians to leaves.

    First they have the beam's shape, then any; those that are not larger than the beam by more than chance keep
    the beam's. Each is fitted to what its neighbours leave, in several sweeps.

    Parameters
    ----------
    pixels : `~museml.detectors.leaf_pixels.LeafPixels`
    x, y : ndarray
        Places of the peaks.
    peak, rms : ndarray
        Jy/beam.
    beams : ndarray, shape (leaves, 3)
        Form of the beam at each leaf.
    beam_size : float
        Its FWHM in pixels, the geometric mean.
    divide : bool or ndarray of bool
        Whether a leaf, or which of them, becomes two sources where two of the beam's shape fit better than one of
        any shape; the second ones follow after all others.

    Returns
    -------
    LeafShapes
    """
    scene = _Scene.of(pixels, np.column_stack([x, y]), rms, NEIGHBOUR * beam_size)
    start = np.column_stack([peak, x, y, beams])
    point, point_good = scene.fit(start, np.full(len(x), 3))
    shaped, shaped_good = scene.fit(point, np.full(len(x), 6))
    resolved = shaped_good & point_good & is_resolved(shaped, rms, beam_size)
    models, leaf = np.where(resolved[:, None], shaped, point), np.arange(len(x))
    if np.any(divide):
        leaf, models, resolved = scene.divided(models, point, resolved, divide, beam_size)
        scene = _Scene.of(pixels.take(leaf), models[:, 1:3], rms[leaf], NEIGHBOUR * beam_size)
    fitted, good = scene.fit(models, np.where(resolved, 6, 3))
    models = np.where(good[:, None], fitted, models)
    return LeafShapes(leaf, models, resolved, ~good, errors(models, resolved, rms[leaf], beam_size))


def is_resolved(models, rms, beam_size):
    """Whether models are larger than the beam by more than noise explains."""
    major, minor, _ = axes(models)
    error = gaussian_errors(models[:, 0] / rms, major, minor, beam_size**2)
    ratio = major * minor / beam_size**2
    return ratio - 1 > RESOLVED * ratio * np.hypot(error.major, error.minor)


def errors(models, resolved, rms, beam_size):
    """Return the errors of models; those of the beam's shape have an error of the peak and of the place only."""
    major, minor, _ = axes(models)
    free = gaussian_errors(models[:, 0] / rms, major, minor, beam_size**2)
    point = POINT * rms / models[:, 0]
    values = {name: np.where(resolved, value, 0.0) for name, value in vars(free).items()}
    values |= {"peak": np.where(resolved, free.peak, point), "flux": np.where(resolved, free.flux, point)}
    return GaussianErrors(**values | {"along": free.along, "across": free.across})


@dataclass(frozen=True)
class _Scene:
    """All that a fit needs beside the models."""

    pixels: object
    rms: np.ndarray
    limits: np.ndarray
    near: np.ndarray
    near_first: np.ndarray

    @classmethod
    def of(cls, pixels, places, rms, distance):
        return cls(pixels, rms, _limits(pixels), *_neighbours(places, distance))

    def fit(self, models, free):
        """Return models improved in several sweeps, and whether the last of them converged."""
        for _ in range(SWEEPS if len(self.near) else 1):
            before, models = models, models.copy()
            good = compiled("gaussian_fit").fit_all(*self._pixels, models, before, *self._near, free, self.limits)
        return models, good

    def divided(self, models, point, resolved, divide, beam_size):
        """Return leaf, model and whether it is resolved of all sources: two for some leaves, see `fit_pairs`."""
        one = point.copy()
        two, gain = compiled("gaussian_fit").fit_pairs(*self._pixels, one, models, *self._near, self.rms, self.limits)
        apart = np.hypot(*(one - two)[:, 1:3].T)
        fainter = np.minimum(one[:, 0], two[:, 0])
        split = divide & resolved & (gain > BETTER * beam_size**2) & (apart > APART * beam_size)
        split &= (fainter > SECOND * self.rms) & (fainter > CONTRAST * np.maximum(one[:, 0], two[:, 0]))
        models = np.where(split[:, None], one, models)
        leaf = np.append(np.arange(len(models)), np.flatnonzero(split))
        return leaf, np.concatenate([models, two[split]]), np.append(resolved & ~split, np.zeros(split.sum(), bool))

    @property
    def _pixels(self):
        return self.pixels.x, self.pixels.y, self.pixels.values, self.pixels.first

    @property
    def _near(self):
        return self.near, self.near_first


def _limits(pixels):
    first = np.minimum(pixels.first[:-1], max(len(pixels.x) - 1, 0))
    return np.column_stack([f.reduceat(v, first) for v in (pixels.x, pixels.y) for f in (np.minimum, np.maximum)])


def _neighbours(places, distance):
    """Return the neighbours of each place, one list after the other, and where each begins."""
    pairs = cKDTree(places).query_pairs(distance, output_type="ndarray")
    both = np.concatenate([pairs, pairs[:, ::-1]])
    both = both[np.lexsort(both.T[::-1])]
    return np.ascontiguousarray(both[:, 1]), np.searchsorted(both[:, 0], np.arange(len(places) + 1))

"""The outline of a catalogue: where it has looked, as far as its positions tell."""

import numpy as np
from scipy.spatial import ConvexHull

from museml.catalogs.footprint import Footprint, common_footprint
from museml.catalogs.sphere import (
    ARCSEC,
    axes_at,
    filled,
    finite_positions,
    positions_of,
    separations,
    unit_vectors,
)
from museml.errors import InputError
from museml.settings import check_number

__all__ = ["CatalogFootprint", "catalog_footprint", "common_outline"]

WIDEST = 60.0  # degrees from its centre that a catalogue's outline may reach
AROUND = np.arange(16) * np.pi / 8


class CatalogFootprint(Footprint):
    """The least convex outline around positions, with a margin."""

    def __init__(self, ra, dec, margin):
        self.centre = positions_of(unit_vectors(ra, dec).mean(axis=0))
        points = self._project(ra, dec)
        if len(points) > 3 and np.linalg.matrix_rank(points - points[0], tol=1e-12) == 2:
            corners = ConvexHull(points).vertices
            ra, dec = ra[corners], dec[corners]
        ra, dec = _circles(ra, dec, margin)
        self._walls = ConvexHull(self._project(ra, dec)).equations
        self.reach = float(separations(*self.centre, ra, dec).max()) / 3600

    def contains(self, ra, dec):
        """Tell which positions, in degrees, lie inside."""
        near = separations(*self.centre, ra, dec) / 3600 <= self.reach * (1 + 1e-9)
        inside = np.array(near)
        points = self._project(filled(ra)[near], filled(dec)[near])
        within = np.ones(len(points), bool)
        for *normal, distance in self._walls:
            within &= points @ normal + distance <= 1e-12
        inside[near] = within
        return inside

    def _project(self, ra, dec):
        """Return the places in the tangent plane, in which great circles are straight."""
        centre, east, north = axes_at(*self.centre)
        vectors = unit_vectors(ra, dec)
        return np.stack([vectors @ east, vectors @ north], axis=-1) / (vectors @ centre)[..., None]


def catalog_footprint(ra, dec, margin=6.0):
    """Return the least convex outline around the positions of a catalogue.

    It is what can be said of where a catalogue has looked when nothing but the catalogue is known; holes and bays are
    taken as looked at.

    Parameters
    ----------
    ra, dec : array_like
        In degrees; those that are not finite are passed over.
    margin : float
        By how much it reaches beyond the positions, in arcsec.

    Raises
    ------
    InputError
        If there is no position, or if they reach over more than 60 degrees from their centre.
    SettingError
        If the margin is not above 0.
    """
    check_number("margin", margin, 1e-3, example=6.0)
    known = finite_positions(ra, dec)
    if not known.any():
        raise InputError("a catalogue's footprint needs positions; it has no row with finite ra and dec; check it")
    ra, dec = filled(ra)[known], filled(dec)[known]
    mean = unit_vectors(ra, dec).mean(axis=0)
    if np.linalg.norm(mean) < 1e-6 or separations(*positions_of(mean), ra, dec).max() > WIDEST * 3600:
        raise InputError(
            f"a catalogue's outline can reach {WIDEST:g} degrees from its centre; this one is wider; "
            "take the part of interest, or give an image as footprint"
        )
    return CatalogFootprint(ra, dec, margin)


def common_outline(first, second, margin=6.0):
    """Return where the outlines of two catalogues overlap; one of them may reach over the whole sky.

    Parameters
    ----------
    first, second : `~astropy.table.Table`
        With ``ra`` and ``dec`` in degrees.
    margin : float
        As for `catalog_footprint`.

    Raises
    ------
    InputError
        If a catalogue has no position, if both are too wide, or if they do not overlap.
    """
    smaller, larger = sorted((first, second), key=_extent)
    outline = catalog_footprint(smaller["ra"], smaller["dec"], margin)
    apart = separations(*outline.centre, larger["ra"], larger["dec"]) / 3600
    near = larger[np.nan_to_num(apart, nan=np.inf) <= 1.5 * outline.reach + margin / 3600]
    common = common_footprint(outline, catalog_footprint(near["ra"], near["dec"], margin)) if len(near) else None
    if common is None or not common.area:
        raise InputError(
            "two catalogues must overlap to be compared; these have no part of the sky in common; check their positions"
        )
    return common


def _extent(table):
    """Return how wide a catalogue is: one less the length of the mean of its unit vectors."""
    known = finite_positions(table["ra"], table["dec"])
    if not known.any():
        return -1.0
    return 1 - float(np.linalg.norm(unit_vectors(table["ra"], table["dec"])[known].mean(axis=0)))


def _circles(ra, dec, margin):
    """Return points around each position at the distance of the margin, in arcsec."""
    x, y = np.tan(margin * ARCSEC) * np.stack([np.cos(AROUND), np.sin(AROUND)])
    points = []
    for a, d in zip(np.atleast_1d(ra), np.atleast_1d(dec), strict=True):
        centre, east, north = axes_at(a, d)
        points.append(centre + x[:, None] * east + y[:, None] * north)
    return positions_of(np.concatenate(points))

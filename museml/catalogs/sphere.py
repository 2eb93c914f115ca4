"""Positions on the sphere: unit vectors, distances, and which are near each other."""

import numpy as np
from scipy.spatial import cKDTree

__all__ = [
    "ARCSEC",
    "filled",
    "finite_positions",
    "offsets",
    "positions_of",
    "separations",
    "sky_pairs",
    "unit_vectors",
]

#: radians
ARCSEC = np.pi / 180 / 3600


def filled(values):
    """Return values as an array of floats without unit, with NaN where they are masked."""
    return np.asarray(np.ma.filled(np.ma.asarray(values, float), np.nan))


def finite_positions(ra, dec):
    """Tell which positions are finite, with a declination from -90 to 90."""
    ra, dec = filled(ra), filled(dec)
    return np.isfinite(ra) & np.isfinite(dec) & (np.abs(dec) <= 90)


def unit_vectors(ra, dec):
    """Return unit vectors of positions in degrees, shape (..., 3)."""
    ra, dec = np.radians(filled(ra)), np.radians(filled(dec))
    return np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=-1)


def positions_of(vectors):
    """Return right ascensions from 0 to 360 and declinations of vectors, in degrees."""
    x, y, z = np.moveaxis(np.asarray(vectors, float), -1, 0)
    return np.degrees(np.arctan2(y, x)) % 360, np.degrees(np.arctan2(z, np.hypot(x, y)))


def separations(ra, dec, other_ra, other_dec):
    """Return the distances of positions on the sphere, in arcsec; all in degrees, and broadcast."""
    chord = np.linalg.norm(unit_vectors(ra, dec) - unit_vectors(other_ra, other_dec), axis=-1)
    return _angle(chord)


def axes_at(ra, dec):
    """Return the unit vectors to a position in degrees, and east and north of it."""
    centre, alpha = unit_vectors(ra, dec), np.radians(ra)
    east = np.array([-np.sin(alpha), np.cos(alpha), 0.0])
    return centre, east, np.cross(centre, east)


def offsets(ra, dec, other_ra, other_dec):
    """Return by how much positions lie east and north of others, in arcsec.

    They are the coordinates in the tangent plane at the others, scaled to the true distance, so that right ascensions
    may go through 0 and positions lie at a pole.
    """
    vectors, alpha = unit_vectors(ra, dec), np.radians(filled(other_ra))
    east = np.stack([-np.sin(alpha), np.cos(alpha), np.zeros_like(alpha)], axis=-1)
    north = np.cross(unit_vectors(other_ra, other_dec), east)
    x, y = np.sum(vectors * east, axis=-1), np.sum(vectors * north, axis=-1)
    length = np.hypot(x, y)
    scale = np.divide(separations(ra, dec, other_ra, other_dec), length, out=np.zeros_like(length), where=length > 0)
    return x * scale, y * scale


def sky_pairs(ra, dec, other_ra, other_dec, radius):
    """Find all pairs of two lists of positions that are no farther apart than a radius.

    Parameters
    ----------
    ra, dec, other_ra, other_dec : array_like
        In degrees; positions that are not finite are near none.
    radius : float
        In arcsec.

    Returns
    -------
    rows, others : ndarray of int
        Rows of the two lists.
    separation : ndarray
        In arcsec.
    """
    known, others_known = finite_positions(ra, dec), finite_positions(other_ra, other_dec)
    rows, others = np.flatnonzero(known), np.flatnonzero(others_known)
    if not len(rows) or not len(others):
        return np.zeros(0, int), np.zeros(0, int), np.zeros(0)
    first = cKDTree(unit_vectors(filled(ra)[rows], filled(dec)[rows]))
    second = cKDTree(unit_vectors(filled(other_ra)[others], filled(other_dec)[others]))
    reach = 2 * np.sin(min(radius * ARCSEC, np.pi) / 2) * (1 + 1e-12) + 1e-15
    near = first.sparse_distance_matrix(second, reach, output_type="ndarray")
    return rows[near["i"]], others[near["j"]], _angle(near["v"])


def _angle(chord):
    return 2 * np.arcsin(np.clip(chord / 2, 0, 1)) / ARCSEC

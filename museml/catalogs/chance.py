"""How many matches are there by chance."""

from typing import NamedTuple

import numpy as np

from museml.catalogs.match import inside_footprint
from museml.catalogs.rates import rate
from museml.catalogs.sphere import ARCSEC, filled, sky_pairs
from museml.errors import InputError
from museml.settings import check_number

__all__ = ["Chance", "chance_rate", "expected_chance"]


class Chance(NamedTuple):
    """What part of random positions has a match."""

    value: float  #: counted part
    low: float  #: lower end of the interval that holds 95 %
    high: float  #: upper end
    number: int  #: of random positions
    expected: float  #: part for a catalogue without clustering, by its density
    density: float  #: rows of the catalogue per square degree of the footprint


def chance_rate(catalog, radius, footprint, *, tolerance=None, number=20000, seed=0):
    """Count how many random positions, uniform on the sphere, have a row of a catalogue within a radius.

    It is the part of things without a true counterpart that are matched all the same. Where the catalogue is clustered,
    it is less than its density lets expect, and for things that cluster with it more.

    Parameters
    ----------
    catalog : `~astropy.table.Table`
        With ``ra`` and ``dec`` in degrees.
    radius : float
        In arcsec.
    footprint : footprint of `museml.catalogs.footprint`
        Where the positions lie.
    tolerance : float
        If it is given, count lines (rows with a ``wave``) near random wavelengths, too, that are even over the range of
        those of the catalogue: greatest difference, in Angstrom.
    number : int
        How many positions.
    seed : int or `~numpy.random.Generator`
        The same seed draws the same positions.

    Returns
    -------
    Chance

    Raises
    ------
    InputError
        If there is no footprint, or if it has no area.
    """
    check_number("radius", radius, 1e-6, 648000, example=6.0)
    check_number("number", number, 1, whole=True, example=20000)
    if footprint is None:
        raise InputError("random positions need a footprint; there is none; give an image or a catalogue's outline")
    rng, catalog, part = np.random.default_rng(seed), catalog["ra", "dec", *(["wave"] if tolerance else [])], 1.0
    if tolerance is not None:
        catalog = catalog[np.isfinite(filled(catalog["wave"]))]
    density = inside_footprint(catalog, footprint).sum() / footprint.area if footprint.area else np.nan
    rows, others, _ = sky_pairs(*footprint.random(number, rng), catalog["ra"], catalog["dec"], radius)
    if tolerance is not None and len(catalog):
        near, part = _near_in_wavelength(filled(catalog["wave"]), rows, others, tolerance, number, rng)
        rows = rows[near]
    counted = rate(len(np.unique(rows)), number)
    return Chance(*counted[:3], number, float(expected_chance(density * part, radius)), float(density))


def _near_in_wavelength(wave, rows, others, tolerance, number, rng):
    """Return which pairs agree with random wavelengths, and what part of the range the tolerance is."""
    low, high = wave.min(), wave.max()
    near = np.abs(rng.uniform(low, high, number)[rows] - wave[others]) <= tolerance
    return near, min(1.0, 2 * tolerance / (high - low)) if high > low else 1.0


def expected_chance(density, radius):
    """Return what part of random positions has a neighbour, if these are spread evenly at random.

    It is 1 - exp(-density area), with the area of the circle on the sphere.

    Parameters
    ----------
    density : array_like
        Neighbours per square degree.
    radius : array_like
        In arcsec.

    Returns
    -------
    ndarray
    """
    area = 4 * np.pi * np.sin(np.asarray(radius) * ARCSEC / 2) ** 2 * np.degrees(1) ** 2
    return -np.expm1(-np.asarray(density) * area)

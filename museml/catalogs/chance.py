"""How many matches are there by chance."""

from typing import NamedTuple

import numpy as np

from museml.catalogs.match import inside_footprint
from museml.catalogs.rates import rate
from museml.catalogs.sphere import ARCSEC, sky_pairs
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


def chance_rate(catalog, radius, footprint, *, number=20000, seed=0):
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
    density = inside_footprint(catalog, footprint).sum() / footprint.area if footprint.area else np.nan
    rows, _, _ = sky_pairs(*footprint.random(number, seed), catalog["ra"], catalog["dec"], radius)
    counted = rate(len(np.unique(rows)), number)
    return Chance(*counted[:3], number, float(expected_chance(density, radius)), float(density))


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

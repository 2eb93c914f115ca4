"""Where an image has looked, and where several have."""

from abc import ABC, abstractmethod
from functools import cached_property

import numpy as np
from astropy.coordinates import SkyCoord

from museml.catalogs.sphere import axes_at, filled, positions_of, separations
from museml.data.cubes import CubeData, open_cube
from museml.data.image_files import read_stored
from museml.data.images import ImageData
from museml.data.kind import kind_of
from museml.errors import InputError

__all__ = [
    "CommonFootprint",
    "Footprint",
    "ImageFootprint",
    "common_footprint",
    "image_footprint",
]

SAMPLE = 200_000  # positions by which areas are measured
ROUNDS = 200
AT_ONCE = 2**22  # pixels that are read together


class Footprint(ABC):
    """A part of the sky.

    A subclass gives ``centre`` (ra, dec in degrees) and ``reach`` (degrees), a circle that holds all of it, and
    `contains`.
    """

    @abstractmethod
    def contains(self, ra, dec):
        """Tell which positions, in degrees, lie inside."""

    @cached_property
    def area(self):
        """Area in square degrees, by counting random positions: of a square right within a part of 0.003."""
        ra, dec = self._in_circle(SAMPLE, np.random.default_rng(0))
        return float(self.contains(ra, dec).mean() * 2 * np.pi * _one_less_cos(self.reach) * np.degrees(1) ** 2)

    def random(self, number, seed=0):
        """Draw positions that are uniform on the sphere.

        Parameters
        ----------
        number : int
            How many.
        seed : int or `~numpy.random.Generator`
            The same seed draws the same positions.

        Returns
        -------
        ra, dec : ndarray
            In degrees.

        Raises
        ------
        InputError
            If there is no area to draw from.
        """
        rng, drawn, count = np.random.default_rng(seed), [], 0
        for _ in range(ROUNDS):
            if count >= number:
                break
            ra, dec = self._in_circle(2 * number + 100, rng)
            inside = self.contains(ra, dec)
            drawn.append(np.stack([ra[inside], dec[inside]]))
            count += int(inside.sum())
        if count < number:
            raise InputError("random positions need a footprint with an area; this one has almost none; give another")
        return tuple(np.concatenate([np.zeros((2, 0)), *drawn], axis=1)[:, :number])

    def _in_circle(self, number, rng):
        """Draw positions that are uniform in the circle around everything."""
        depth, angle = rng.random(number) * _one_less_cos(self.reach), rng.uniform(0, 2 * np.pi, number)
        sine = np.sqrt(depth * (2 - depth))
        centre, east, north = axes_at(*self.centre)
        x, y = (sine * np.cos(angle))[:, None], (sine * np.sin(angle))[:, None]
        return positions_of((1 - depth)[:, None] * centre + x * east + y * north)


class ImageFootprint(Footprint):
    """The valid pixels of an image.

    Parameters
    ----------
    wcs : `~astropy.wcs.WCS`
        Celestial coordinates.
    shape : tuple
        (y, x).
    read : callable
        ``read(rows)``, with a slice, returns those rows of the image, NaN where it has no data.
    """

    def __init__(self, wcs, shape, read):
        self._wcs, self._shape = wcs, shape
        step = max(1, AT_ONCE // shape[1])
        parts = [read(slice(start, start + step)) for start in range(0, shape[0], step)]
        # a bit for each pixel: 50 MB for 20,000 x 20,000 pixels
        self._valid = np.concatenate([np.packbits(np.isfinite(part), axis=1) for part in parts])
        self.centre, self.reach = self._circle()

    def contains(self, ra, dec):
        """Tell which positions, in degrees, lie on a valid pixel."""
        ra, dec = np.atleast_1d(filled(ra)), np.atleast_1d(filled(dec))
        inside = separations(*self.centre, ra, dec) / 3600 <= self.reach
        near = np.flatnonzero(inside)
        x, y = self._wcs.world_to_pixel(SkyCoord(ra[near], dec[near], unit="deg"))
        inside[near] = self._is_valid(x, y)
        return inside

    def _is_valid(self, x, y):
        with np.errstate(invalid="ignore"):
            on = (x >= -0.5) & (x < self._shape[1] - 0.5) & (y >= -0.5) & (y < self._shape[0] - 0.5)
        column, row = (np.rint(values[on]).astype(int) for values in (x, y))
        column, row = np.clip(column, 0, self._shape[1] - 1), np.clip(row, 0, self._shape[0] - 1)
        on[on] = (self._valid[row, column // 8] >> (7 - column % 8)) & 1
        return on

    def _circle(self):
        """Return the centre and the radius, in degrees, of a circle around the image."""
        height, width = self._shape
        along, up = np.linspace(-0.5, width - 0.5, 33), np.linspace(-0.5, height - 0.5, 33)
        x = np.concatenate([along, along, np.full(33, -0.5), np.full(33, width - 0.5), [(width - 1) / 2]])
        y = np.concatenate([np.full(33, -0.5), np.full(33, height - 0.5), up, up, [(height - 1) / 2]])
        sky = self._wcs.pixel_to_world(x, y).icrs
        ra, dec = sky.ra.deg, sky.dec.deg
        reach = separations(ra[-1], dec[-1], ra, dec).max() / 3600
        return (ra[-1], dec[-1]), float(reach * 1.001) if np.isfinite(reach) else 180.0


class CommonFootprint(Footprint):
    """Where all of several footprints are."""

    def __init__(self, parts):
        self.parts = tuple(parts)
        smallest = min(self.parts, key=lambda part: part.reach)
        self.centre, self.reach = smallest.centre, smallest.reach

    def contains(self, ra, dec):
        """Tell which positions, in degrees, lie inside."""
        return np.all([part.contains(ra, dec) for part in self.parts], axis=0)


def image_footprint(image):
    """Return where an image has data.

    Parameters
    ----------
    image : `~museml.data.images.ImageData`, path, FITS HDU, MPDAF Image or Cube, NDData
        The image; it needs no beam. Of a cube, three of its planes are looked at.

    Raises
    ------
    InputError
        If it cannot be read, or has no celestial coordinates.
    """
    if isinstance(image, CubeData) or kind_of(image) == "cube":
        cube = open_cube(image)
        planes = [len(cube.wave) * quarter // 4 for quarter in (1, 2, 3)]
        return ImageFootprint(cube.wcs.wcs, cube.shape[1:], lambda rows: _any_plane(cube, planes, rows))
    if isinstance(image, ImageData):
        return ImageFootprint(image.wcs, image.shape, image.block)
    stored = read_stored(image)
    return ImageFootprint(stored.wcs, stored.pixels.shape, lambda rows: stored.pixels(rows, slice(None)))


def common_footprint(*footprints):
    """Return where all footprints are; those that are None are everywhere, and so is the answer without others."""
    parts = [part for part in footprints if part is not None]
    return CommonFootprint(parts) if len(parts) > 1 else parts[0] if parts else None


def _any_plane(cube, planes, rows):
    """Return values that are finite where one of the planes is."""
    values = [cube.block(plane, plane + 1, rows)[0][0] for plane in planes]
    return np.where(np.any(np.isfinite(values), axis=0), 0.0, np.nan)


def _one_less_cos(degrees):
    return 2 * np.sin(np.radians(min(degrees, 180.0)) / 2) ** 2

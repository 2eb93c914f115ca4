"""Tiles of an image: windows that overlap, each with a core of its own; the seam is handled here only."""

from dataclasses import dataclass

import numpy as np

from museml.errors import SettingError

__all__ = ["Tile", "tiles"]


@dataclass(frozen=True)
class Tile:
    """A window of an image, and its core.

    Attributes
    ----------
    rows, columns : slice
        The window, with its margin as far as the image goes.
    core_rows, core_columns : slice
        The core, counted in the image. The cores of all tiles cover the image, and none overlaps another.
    bounds : tuple of float
        First and last x and y that the core owns, the last ones not included; infinite at the image's edge, so
        that what was measured a little outside has an owner, too.
    """

    rows: slice
    columns: slice
    core_rows: slice
    core_columns: slice
    bounds: tuple

    @property
    def shape(self):
        """Shape of the window."""
        return self.rows.stop - self.rows.start, self.columns.stop - self.columns.start

    @property
    def offset(self):
        """What to add to x and y counted in the window."""
        return self.columns.start, self.rows.start

    def owns(self, x, y):
        """Tell which positions of the image, counted from 0, belong to this tile and to no other."""
        left, right, bottom, top = self.bounds
        x, y = np.asarray(x, float), np.asarray(y, float)
        return (x >= left) & (x < right) & (y >= bottom) & (y < top)


def tiles(shape, size, margin):
    """Divide an image into tiles, row by row.

    Parameters
    ----------
    shape : tuple of int
        (ny, nx) of the image.
    size : int or (int, int)
        Sides of the cores in pixels, (y, x) if they differ; the last ones of a row and a column may be smaller.
    margin : int
        What a window has around its core.

    Returns
    -------
    list of Tile

    Raises
    ------
    SettingError
        Unless ``size`` is positive and ``margin`` is not negative.
    """
    if np.min(size) < 1 or margin < 0:
        raise SettingError(f"tiles must have a size of at least 1 and a margin of at least 0, not {size} and {margin}")
    sizes = np.broadcast_to(size, 2)
    rows, columns = (_steps(length, int(size), int(margin)) for length, size in zip(shape, sizes, strict=True))
    return [
        Tile(window, other, core, core_other, (*bounds_other, *bounds))
        for window, core, bounds in rows
        for other, core_other, bounds_other in columns
    ]


def _steps(length, size, margin):
    """Return window, core and bounds of the tiles along one axis."""
    return [
        (
            slice(max(start - margin, 0), min(start + size + margin, length)),
            slice(start, min(start + size, length)),
            (start - 0.5 if start else -np.inf, start + size - 0.5 if start + size < length else np.inf),
        )
        for start in range(0, length, size)
    ]

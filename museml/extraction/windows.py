"""Square windows of a cube around a position, and images over them."""

from dataclasses import dataclass

import numpy as np
from astropy import units as u
from mpdaf.obj import Image

__all__ = ["BLOCK", "Window", "white_image"]

BLOCK = 64  # wavelength planes in memory at once


@dataclass(frozen=True)
class Window:
    """A square of (2 half + 1)^2 pixels around a position; it may reach beyond the field.

    Attributes
    ----------
    x, y : float
        The position, in pixels of the cube, from 0.
    half : int
        Pixels to each side of the position's pixel.
    shape : tuple
        (y, x) of the cube.
    """

    x: float
    y: float
    half: int
    shape: tuple

    @property
    def start(self):
        """The first pixel (y, x), which may be negative."""
        return round(self.y) - self.half, round(self.x) - self.half

    @property
    def inside(self):
        """Slices (y, x) of the part that lies in the field."""
        stops = [min(start + 2 * self.half + 1, size) for start, size in zip(self.start, self.shape, strict=True)]
        return tuple(slice(max(start, 0), stop) for start, stop in zip(self.start, stops, strict=True))

    def offsets(self):
        """Return distances in y and x from the position, in pixels, of the part in the field."""
        y, x = np.mgrid[self.inside]
        return y - self.y, x - self.x

    def image(self, wcs, values, var=None, unit=u.dimensionless_unscaled):
        """Return an `~mpdaf.obj.Image` of the whole window; what is outside the field is masked."""
        window_wcs = wcs.copy()
        window_wcs.wcs.wcs.crpix -= np.array(self.start[::-1])
        values = np.ma.masked_invalid(self._padded(values))
        window_wcs.naxis1, window_wcs.naxis2 = values.shape[1], values.shape[0]
        var = None if var is None else np.ma.array(np.nan_to_num(self._padded(var)), mask=values.mask)
        return Image(wcs=window_wcs, data=values, var=var, unit=unit, copy=False)

    def _padded(self, values):
        size = 2 * self.half + 1
        padded = np.full((size, size), np.nan)
        starts = [part.start - start for part, start in zip(self.inside, self.start, strict=True)]
        shape = values.shape
        padded[starts[0] : starts[0] + shape[0], starts[1] : starts[1] + shape[1]] = values
        return padded


def white_image(cube):
    """Return the mean over wavelength of a cube.

    Parameters
    ----------
    cube : `~museml.data.cubes.CubeData`
        The cube; it is read in blocks.

    Returns
    -------
    ndarray, shape (y, x)
        In the cube's unit; NaN where no voxel is valid.
    """
    total = np.zeros(cube.shape[1:])
    count = np.zeros(cube.shape[1:])
    for start in range(0, cube.shape[0], BLOCK):
        data, _ = cube.block(start, min(start + BLOCK, cube.shape[0]))
        total += np.nansum(data, axis=0, dtype=float)
        count += np.isfinite(data).sum(axis=0)
    return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)

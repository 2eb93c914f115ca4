"""A cube with objects put into it, without a copy of it: they are added to each block as it is read."""

import numpy as np

from museml.data.cubes import CubeData, open_cube
from museml.data.psf import cube_psf
from museml.simulation.stamps import make_stamp

__all__ = ["InjectedCube", "add_objects", "stamps_of"]


class InjectedCube(CubeData):
    """A cube whose blocks have objects added; everything else is the cube's own.

    Parameters
    ----------
    cube : CubeData, `~mpdaf.obj.Cube` or path
        The cube; it is not changed.
    truth : `~astropy.table.Table`
        What is added, see `~museml.simulation.cubes.inject_lines`.
    psf : PSF
        By default that of the cube, or, when it tells none, the detectors' default.
    """

    def __init__(self, cube, truth, psf=None):
        cube = open_cube(cube)
        self.__dict__.update(vars(cube))
        self._original, self._fluxes = cube, np.asarray(truth["flux"], float)
        self._stamps = stamps_of(truth, cube, cube_psf(cube, psf)[0])

    def block(self, start, stop, rows=slice(None), columns=slice(None)):
        """Return data and variance of wavelength planes, of a part of the field; the variance is the cube's."""
        data, var = self._original.block(start, stop, rows, columns)
        return add_objects(data, start, self._stamps, self._fluxes, (rows.start or 0, columns.start or 0)), var


def stamps_of(truth, cube, psf):
    """Return the stamp of each row of a truth table."""
    return [make_stamp(row, cube, psf) for row in truth]


def add_objects(values, start, stamps, fluxes, corner=(0, 0)):
    """Add objects to an array of planes from ``start``, in place, and return it.

    Parameters
    ----------
    values : ndarray, shape (planes, y, x)
        In the unit of the fluxes per Angstrom.
    start : int
        Number of the first plane.
    stamps : sequence of `~museml.simulation.stamps.Stamp`
        The objects.
    fluxes : sequence of float
        Their fluxes.
    corner : (int, int)
        The pixel (y, x) at which the array starts.
    """
    stop = start + len(values)
    for stamp, flux in zip(stamps, fluxes, strict=True):
        (rows, top), (columns, left) = map(_overlap, stamp.image, corner, values.shape[1:])
        if stamp.first < stop and stamp.last > start and rows.stop > rows.start and columns.stop > columns.start:
            planes, part = stamp.part(start, stop)
            values[planes, rows, columns] += (flux * part[:, top, left]).astype(values.dtype)
    return values


def _overlap(stamp, first, length):
    """Return the slices of an array from pixel ``first`` on, and of a stamp, along one axis, where the two overlap."""
    low, high = max(stamp.start, first), min(stamp.stop, first + length)
    return slice(low - first, high - first), slice(low - stamp.start, high - stamp.start)

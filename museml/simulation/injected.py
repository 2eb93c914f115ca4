"""A cube with objects put into it, without a copy of it: they are added to each block as it is read."""

import numpy as np

from museml.data.cubes import CubeData, open_cube
from museml.data.psf import DEFAULT_PSF
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
        self._stamps = stamps_of(truth, cube, psf or cube.psf or DEFAULT_PSF)

    def block(self, start, stop):
        """Return data and variance of wavelength planes; the variance is the cube's."""
        data, var = self._original.block(start, stop)
        return add_objects(data, start, self._stamps, self._fluxes), var


def stamps_of(truth, cube, psf):
    """Return the stamp of each row of a truth table."""
    return [make_stamp(row, cube, psf) for row in truth]


def add_objects(values, start, stamps, fluxes):
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
    """
    stop = start + len(values)
    for stamp, flux in zip(stamps, fluxes, strict=True):
        if stamp.first < stop and stamp.last > start:
            planes, part = stamp.part(start, stop)
            values[planes, *stamp.image] += (flux * part).astype(values.dtype)
    return values

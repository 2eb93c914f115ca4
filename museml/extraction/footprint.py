"""The pixels that are used for one source, and what for."""

import numpy as np
from photutils.geometry import circular_overlap_grid

from museml.extraction.scene import REACH
from museml.extraction.sky import plane

__all__ = ["APERTURE", "Footprint"]

#: radii in units of the FWHM
APERTURE = 1.0  # of the aperture spectrum
CORE = 1.5  # within which the optimal weights work: 92 % of a Moffat profile
RING = 2.5  # beyond which the local sky is taken: 1 % of a Moffat profile's light is between here and the end
FREE = 1.5  # beyond this from all sources, what does not fit is left out
SAME = 3.0  # up to here, one with a line at the same wavelength is a part of the same object


class Footprint:
    """The pixels within 4 FWHM of a source, as one axis.

    Attributes
    ----------
    rows : ndarray of int
        The source and its neighbours, see `~museml.extraction.neighbours.Neighbourhood`.
    merged : int
        How many are too near to the source to be told apart from it.
    index : tuple of ndarray
        Where the pixels are in the window.
    offsets : tuple of ndarray
        Their distances in y and x from the source, in pixels; ``radius`` is the distance.
    circle : ndarray
        What part of each is in the aperture.
    plane : ndarray, shape (3, pixels)
        See `~museml.extraction.sky.plane`.
    distances : ndarray, shape (sources, pixels)
        From the source and its neighbours.
    free : ndarray of bool
        Which are far from all of them.
    """

    def __init__(self, scene, row, window):
        self._scene, self._row, around = scene, row, scene.around(row)
        self.rows, self.merged = around.rows, around.merged
        y, x = window.offsets()
        self._shape = y.shape
        self.index = np.nonzero(np.hypot(y, x) <= REACH * scene.fwhm)
        self.offsets = y[self.index], x[self.index]
        self.radius, self.plane = np.hypot(*self.offsets), plane(self.offsets)
        self.circle = _circle((y, x), APERTURE * scene.fwhm)[self.index].astype(np.float32)
        here = [index + part.start for index, part in zip(self.index, window.inside, strict=True)]
        self._in_field = here[0] * scene.cube.shape[2] + here[1]
        self.distances = scene.distances(self.rows, *here)
        self.free = self.distances.min(axis=0) > FREE * scene.fwhm

    @property
    def neighbours(self):
        """How many sources are fitted together with this one."""
        return len(self.rows) - 1

    @property
    def separable(self):
        """Whether there are neighbours, none of which nearby has a line at the same wavelength.

        Such a one is a part of the same object, whose shape is not known.
        """
        places = self._scene.sources.places
        gaps = np.hypot(*(places[self.rows[1:]] - places[self._row]).T)
        close = self.rows[1:][gaps < SAME * self._scene.fwhm]
        return self.neighbours > 0 and not self._scene.sources.shares_a_line(self._row, close)

    def core(self):
        """Return which pixels the optimal weights use."""
        return self.radius <= max(CORE * self._scene.fwhm, self.radius.min())

    def ring(self):
        """Return which pixels may tell the local sky."""
        return self.radius >= RING * self._scene.fwhm

    def take(self, block):
        """Return the pixels' part of a block of the field, shape (planes, pixels)."""
        return np.take(block.reshape(len(block), -1), self._in_field, axis=1)

    def images(self, rows):
        """Return values of the pixels as images of the window; 0 elsewhere."""
        images = np.zeros((len(rows), *self._shape))
        images[:, *self.index] = rows
        return images


def _circle(offsets, radius):
    """Return the share of each pixel that lies within a circle."""
    (y, x), shape = offsets, offsets[0].shape
    edges = (x[0, 0] - 0.5, x[0, -1] + 0.5, y[0, 0] - 0.5, y[-1, 0] + 0.5)
    return circular_overlap_grid(*edges, shape[1], shape[0], radius, 1, 1)

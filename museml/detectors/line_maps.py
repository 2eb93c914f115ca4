"""Signal-to-noise ratios of lines, and of the close doublet of [OII], everywhere in a part of the field."""

from dataclasses import dataclass
from functools import cached_property, reduce

import numpy as np
from scipy.ndimage import maximum_filter1d

from museml.detectors.line_grid import STEP, WIDTHS

__all__ = ["DOUBLET", "Doublet", "LineMaps"]

DOUBLET = round(np.log(3729.88 / 3727.09) / STEP)  # steps between the two lines of [OII]
RATIOS = (0.7, 1.0, 1.4)  # of the second line's flux to the first's


@dataclass(frozen=True)
class Doublet:
    """How to add up two lines `DOUBLET` steps apart, by step of the axis and for one width.

    Attributes
    ----------
    scale : ndarray, shape (2, steps)
        1 / (standard error of the flux) of the first and the second line.
    overlap : ndarray, shape (steps,)
        Correlation of their S/N.
    """

    scale: np.ndarray
    overlap: np.ndarray

    @classmethod
    def of(cls, grid, width, scale):
        """Make it for a `~museml.detectors.line_grid.LineGrid` and the scale of single lines."""
        second = np.zeros_like(scale)
        second[:-DOUBLET] = scale[DOUBLET:]
        return cls(np.array([scale, second]), grid.overlap(width, DOUBLET))

    def weights(self, ratio, steps=slice(None)):
        """Return the weights of the two lines' S/N in that of both, shape (2, n), and the scale of both together."""
        shares = np.array([1, ratio]) / (1 + ratio)
        parts = shares[:, None] * self.scale[:, steps]
        scale = np.sqrt(np.sum(parts**2, axis=0) + 2 * parts.prod(axis=0) * self.overlap[steps])
        return parts / np.where(scale > 0, scale, 1), scale


class LineMaps:
    """S/N of lines of all widths.

    Parameters
    ----------
    spectra : ndarray, shape (channels, y, x), float32
        S/N of a point source in each channel.
    grid : `~museml.detectors.line_grid.LineGrid`
        The axis.

    Attributes
    ----------
    snr : list of ndarray, shape (steps, y, x)
        For each of `museml.detectors.line_grid.WIDTHS`.
    scale : list of ndarray, shape (steps,)
        1 / (standard error of a line's flux).
    """

    def __init__(self, spectra, grid):
        self.grid = grid
        found = [grid.filtered(spectra.reshape(len(spectra), -1), width) for width in WIDTHS]
        self.snr = [snr.reshape(-1, *spectra.shape[1:]) for snr, _ in found]
        self.scale = [scale for _, scale in found]
        self._doublets = [Doublet.of(grid, *pair) for pair in zip(WIDTHS, self.scale, strict=True)]

    @cached_property
    def single(self):
        """Highest S/N of a line of any width."""
        return reduce(np.maximum, self.snr)

    @cached_property
    def around(self):
        """Highest S/N of a line of any width at each pixel and its neighbours."""
        return maximum_filter1d(maximum_filter1d(self.single, 3, axis=1), 3, axis=2)

    @cached_property
    def lowest(self):
        """Lowest S/N of a line of any width."""
        return reduce(np.minimum, self.snr)

    @cached_property
    def doublet(self):
        """Highest S/N of [OII], of two equal lines of any width, with the first at each step."""
        return reduce(
            np.maximum,
            (self._both(snr, doublet) for snr, doublet in zip(self.snr, self._doublets, strict=True)),
        )

    @staticmethod
    def _both(snr, doublet):
        (first, second), _ = doublet.weights(1.0, slice(0, -DOUBLET))
        both = np.zeros_like(snr)
        both[:-DOUBLET] = _column(first) * snr[:-DOUBLET]
        both[:-DOUBLET] += _column(second) * snr[DOUBLET:]
        return both

    def line(self, width, place, y, x):
        """Return S/N and scale of lines of one width, at places on the axis that need not be whole numbers."""
        return _between(self.snr[width], place, y, x), self.scale[width][np.rint(place).astype(int)]

    def pair(self, width, place, y, x):
        """Return S/N and scale of [OII] with its first line at a place, at the ratio that suits it best."""
        steps = np.minimum(np.rint(place).astype(int), len(self.grid) - 1 - DOUBLET)
        lines = np.array([_between(self.snr[width], place + shift, y, x) for shift in (0, DOUBLET)])
        weights, scales = zip(
            *(self._doublets[width].weights(ratio, steps) for ratio in RATIOS),
            strict=True,
        )
        snr = np.sum(np.array(weights) * lines, axis=1)
        best = snr.argmax(axis=0)[None]
        return tuple(np.take_along_axis(np.array(values), best, axis=0)[0] for values in (snr, scales))


def _column(values):
    return values[:, None, None].astype(np.float32)


def _between(values, place, y, x):
    """Interpolate between the steps of the axis."""
    low = np.clip(place.astype(int), 0, len(values) - 2)
    part = np.clip(place - low, 0, 1).astype(np.float32)
    below, above = (values[low + k, y, x] for k in (0, 1))
    return below + part * (above - below)

"""The best redshifts of many p(z) at once."""

from dataclasses import dataclass

import numpy as np

__all__ = ["RIGHT", "Grid", "Mode", "clear", "find_mode", "mass_within", "ranked"]

#: a redshift this close to the truth, in ln(1+z), is right
RIGHT = 0.005
#: a mode ends at this many of its standard deviations, but no further than this in ln(1+z)
REACH, WIDEST = 4.0, 0.03
#: cells on each side of the middle one that the highest point of a mode is averaged over
POINT = 2


@dataclass(frozen=True)
class Grid:
    """Cells of p(z), even in ln(1+z).

    Attributes
    ----------
    start, step : float
        Centre of the first cell and the distance of centres, in ln(1+z).
    size : int
        Number of cells.
    """

    start: float
    step: float
    size: int

    @property
    def lnz(self):
        """Centres of the cells in ln(1+z)."""
        return self.start + self.step * np.arange(self.size)

    def cells(self, width):
        """Return how many cells a width in ln(1+z) is."""
        return round(width / self.step)


@dataclass(frozen=True)
class Mode:
    """One mode of each row.

    Attributes
    ----------
    lnz, spread : ndarray, shape (n,)
        Mean and standard deviation in ln(1+z).
    p : ndarray, shape (n,)
        Probability within `RIGHT` of the mean.
    """

    lnz: np.ndarray
    spread: np.ndarray
    p: np.ndarray

    def rows(self, rows):
        """Return some of the rows."""
        return Mode(self.lnz[rows], self.spread[rows], self.p[rows])

    def where(self, chosen, other):
        """Return the chosen rows, and another mode's for the rest."""
        return Mode(*(np.where(chosen, one, two) for one, two in zip(_parts(self), _parts(other), strict=True)))


def find_mode(pz, grid):
    """Return the `Mode` with the greatest mass of each row.

    Parameters
    ----------
    pz : ndarray, shape (n, cells)
        Probability of each cell.
    grid : Grid
        The cells.
    """
    total, half = _summed(pz), grid.cells(RIGHT)
    heaviest = half + np.argmax(total[:, 2 * half + 1 :] - total[:, : -2 * half - 1], axis=1)
    top = _highest(pz, heaviest, half)
    mean, spread = top * grid.step + grid.start, np.full(len(pz), RIGHT)
    for _ in range(3):
        mean, spread = _moments(pz, grid, mean, np.clip(REACH * spread, RIGHT, WIDEST))
    return Mode(mean, spread, _between(total, grid, mean, RIGHT))


def clear(pz, grid, mode):
    """Return p(z) without a mode, so that the next one can be found."""
    reach = np.clip(REACH * mode.spread, RIGHT, WIDEST) + RIGHT
    return np.where(np.abs(grid.lnz - mode.lnz[:, None]) <= reach[:, None], 0, pz)


def ranked(modes):
    """Return modes in the order of their probability, row by row."""
    order = np.argsort([-mode.p for mode in modes], axis=0, kind="stable")
    parts = [np.take_along_axis(np.array(part), order, axis=0) for part in zip(*map(_parts, modes), strict=True)]
    return [Mode(*rank) for rank in zip(*parts, strict=True)]


def _parts(mode):
    return mode.lnz, mode.spread, mode.p


def mass_within(pz, grid, lnz, reach):
    """Return the probability within a reach of ln(1+z), with parts of cells at the ends."""
    return _between(_summed(pz), grid, lnz, reach)


def _summed(pz):
    """Return the sum of all cells before each border between cells, and at the end."""
    total = np.zeros((len(pz), pz.shape[1] + 1))
    np.cumsum(pz, axis=1, out=total[:, 1:])
    return total


def _between(total, grid, lnz, reach):
    ends = [np.clip((lnz + sign * reach - grid.start) / grid.step + 0.5, 0, grid.size) for sign in (-1, 1)]
    low, high = (_at(total, end) for end in ends)
    return np.clip(high - low, 0, 1)


def _at(values, place):
    """Return values of each row at a fractional place."""
    first = np.minimum(place.astype(int), values.shape[1] - 2)
    rows, part = np.arange(len(values)), place - first
    return (1 - part) * values[rows, first] + part * values[rows, first + 1]


def _highest(pz, centre, half):
    """Return the highest cell of each row near a centre, averaged over a few."""
    near = np.clip(centre[:, None] + np.arange(-half - POINT, half + POINT + 1), 0, pz.shape[1] - 1)
    values = np.take_along_axis(pz, near, axis=1)
    level = sum(values[:, i : values.shape[1] - 2 * POINT + i] for i in range(2 * POINT + 1))
    return near[np.arange(len(pz)), POINT + np.argmax(level, axis=1)]


def _moments(pz, grid, centre, reach):
    """Return mean and standard deviation of ln(1+z) within a reach; a cell is as wide as it is."""
    half = grid.cells(WIDEST)
    place = np.round((centre - grid.start) / grid.step).astype(int)
    near = place[:, None] + np.arange(-half, half + 1)
    lnz = grid.start + grid.step * near
    inside = (near >= 0) & (near < grid.size) & (np.abs(lnz - centre[:, None]) <= reach[:, None])
    weight = np.where(inside, np.take_along_axis(pz, np.clip(near, 0, grid.size - 1), axis=1), 0).astype(float)
    total = np.maximum(weight.sum(axis=1), 1e-300)
    mean = np.where(total > 1e-300, np.sum(weight * lnz, axis=1) / total, centre)
    var = np.sum(weight * (lnz - mean[:, None]) ** 2, axis=1) / total
    return mean, np.sqrt(var + grid.step**2 / 12)

"""What is measured at places and redshifts where there may be a set of lines."""

from dataclasses import dataclass, fields
from itertools import product

import numpy as np

from museml.detectors.line_grid import STEP, WIDTHS
from museml.detectors.line_maps import DOUBLET
from museml.detectors.set_members import LINES

__all__ = ["Candidates", "measured"]

OFFSETS = np.arange(-1.5, 1.6, 0.5)  # steps by which a candidate's redshift is improved
BESIDE = 3  # steps to each side where a line that does not belong to the set may have its peak


@dataclass
class Candidates:
    """Places and redshifts at which there may be a source with several lines.

    Attributes
    ----------
    lnz : ndarray, shape (n,)
        ln(1 + z).
    y, x : ndarray of int, shape (n,)
        Pixels.
    dy, dx : ndarray, shape (n,)
        Where in these pixels, from their centres.
    width : ndarray of int, shape (n,)
        Number in `museml.detectors.line_grid.WIDTHS`.
    snr, scale, nearby : ndarray, shape (n, lines)
        For each of `museml.detectors.set_members.LINES`: S/N at the place where the line should be;
        1 / (standard error of its flux), 0 where it is not covered; the highest S/N of a single line around, in
        wavelength and on the sky.
    """

    lnz: np.ndarray
    y: np.ndarray
    x: np.ndarray
    dy: np.ndarray
    dx: np.ndarray
    width: np.ndarray
    snr: np.ndarray
    scale: np.ndarray
    nearby: np.ndarray

    def __len__(self):
        return len(self.lnz)

    def __getitem__(self, rows):
        return Candidates(*(getattr(self, field.name)[rows] for field in fields(self)))

    @classmethod
    def joined(cls, parts):
        """Put several together."""
        return cls(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(cls)))


def measured(maps, trial, y, x, lines):
    """Measure all lines at places, with the width and the redshift that suit some of them best.

    Parameters
    ----------
    maps : `~museml.detectors.line_maps.LineMaps`
        S/N of lines.
    trial, y, x : ndarray of int, shape (n,)
        ln(1 + z) in steps of the axis, and pixels.
    lines : list of int
        The lines that shall fit, as numbers in `museml.detectors.set_members.LINES`.

    Returns
    -------
    Candidates
    """
    choices = list(product(range(len(WIDTHS)), OFFSETS))
    merits = np.array([_merit(_at(maps, width, trial + offset, y, x, lines)[0]) for width, offset in choices])
    width, offset = np.divmod(merits.argmax(axis=0), len(OFFSETS))
    trial = trial + OFFSETS[offset]
    snr, scale = (np.zeros((len(trial), len(LINES)), np.float32) for _ in range(2))
    for k in range(len(WIDTHS)):
        rows = width == k
        snr[rows], scale[rows] = _at(maps, k, trial[rows], y[rows], x[rows], range(len(LINES)))
    dy, dx = (_shift(maps, trial, y, x, width, lines, axis) for axis in np.eye(2, dtype=int))
    return Candidates(trial * STEP, y, x, dy, dx, width, snr, scale, _nearby(maps, trial, y, x))


def _shift(maps, trial, y, x, width, lines, axis):
    """Return the vertex of a parabola through the lines' merits at three pixels along y or x."""
    shift, shape = np.zeros(len(trial)), maps.single.shape[1:]
    for k in range(len(WIDTHS)):
        rows = np.flatnonzero(width == k)
        places = (_beside(y[rows], x[rows], step * axis, shape) for step in (-1, 0, 1))
        merits = [_merit(_at(maps, k, trial[rows], *place, lines)[0]) for place in places]
        curvature = 2 * merits[1] - merits[0] - merits[2]
        shift[rows] = (merits[2] - merits[0]) / np.where(curvature > 0, 2 * curvature, np.inf)
    return np.clip(shift, -0.5, 0.5)


def _beside(y, x, step, shape):
    return np.clip(y + step[0], 0, shape[0] - 1), np.clip(x + step[1], 0, shape[1] - 1)


def _merit(snr):
    return np.logaddexp(0, np.maximum(snr, 0) ** 2 / 2 - 3).sum(axis=1)


def _at(maps, width, trial, y, x, lines):
    """Return S/N and scale of lines, shape (n, lines)."""
    snr, scale = (np.zeros((len(trial), len(lines)), np.float32) for _ in range(2))
    for column, number in enumerate(lines):
        wave, profile = LINES[number]
        place = trial + maps.grid.place(wave)
        last = len(maps.grid) - 1 - (DOUBLET if profile == "oii" else 0)
        rows = np.flatnonzero((place >= 0) & (place <= last))
        measure = maps.pair if profile == "oii" else maps.line
        snr[rows, column], scale[rows, column] = measure(width, place[rows], y[rows], x[rows])
    return snr, scale


def _nearby(maps, trial, y, x):
    """Return the highest S/N of a single line around the place of each line, shape (n, lines)."""
    highest = np.zeros((len(trial), len(LINES)), np.float32)
    for column, (wave, profile) in enumerate(LINES):
        place = np.rint(trial + maps.grid.place(wave)).astype(int)
        steps = range(-BESIDE, BESIDE + 1 + (DOUBLET if profile == "oii" else 0))
        around = [maps.around[np.clip(place + step, 0, len(maps.grid) - 1), y, x] for step in steps]
        highest[:, column] = np.max(around, axis=0)
    return highest

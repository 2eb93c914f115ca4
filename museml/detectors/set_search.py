"""The first search for line sets: all redshifts at all pixels, by adding up shifted slices of a filtered cube."""

from dataclasses import dataclass, fields
from functools import reduce
from itertools import pairwise, product

import numpy as np
from scipy.special import logsumexp

from museml.data.threads import in_threads
from museml.detectors.line_grid import STEP, WIDTHS, LineGrid
from museml.detectors.set_members import GROUPS, LINES

__all__ = ["STRONG", "Candidates", "search_sets"]

PIXELS = 1600  # of the field in one tile
FLOOR = 4.5  # of ln(likelihood ratio), for candidates
STRONG = 4.5  # S/N of lines that are counted one by one
BOUND = 7.0  # ln(likelihood ratio) that one line gives before it is taken for an unrelated one ...
SLOPE = 1.0  # ... and what it gives beyond, per unit of S/N, so that the best redshift is still the best
BRIGHT = 15.0  # of ln(likelihood ratio), for candidates that are no peaks
UNIT = 6.0  # steps of the tables for a ln(likelihood ratio) of 1
FINE = 8.0  # steps of the tables for a S/N of 1
SIGNALS = np.exp(np.linspace(np.log(1.5), np.log(15), 40))  # true S/N of lines, in the tables
OFFSETS = np.arange(-1.5, 1.6, 0.5)  # steps by which a candidate's redshift is improved
BESIDE = 3  # steps to each side where a line that does not belong to the set may have its peak
DOUBLET = round(np.log(3729.88 / 3727.09) / STEP)  # steps between the two lines of [OII]
RATIOS = (0.7, 1.0, 1.4)  # of the second line to the first


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
        1 / (standard error of its flux), 0 where it is not covered; the highest S/N of a single line around.
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


@dataclass(frozen=True)
class _Tile:
    """Part of the field: with a border of one pixel, and without."""

    rows: slice
    columns: slice
    core: tuple


def search_sets(kept, wave, medium):
    """Find candidates.

    Parameters
    ----------
    kept : `~museml.detectors.filtered_cube.FilteredCube`
    wave : ndarray
        Wavelengths in Angstrom.
    medium : str
        'air' or 'vacuum'.

    Returns
    -------
    candidates : Candidates
    strong, negative : ndarray of int, shape (m, 3)
        Step of the axis, y and x of the peaks of a single line's S/N above `STRONG`, and of its negative.
    grid : `~museml.detectors.line_grid.LineGrid`
        The axis.
    """
    grid = LineGrid.of(wave, medium, kept.root)
    found = list(in_threads(lambda tile: _search_tile(kept, grid, tile), _tiles(kept.shape[1:])))
    candidates = Candidates.joined([part for part, _, _ in found])
    strong, negative = (np.concatenate([part[k] for part in found]) for k in (1, 2))
    return candidates, strong, negative, grid


def _tiles(shape):
    side = int(np.sqrt(PIXELS))
    edges = [np.linspace(0, n, -(-n // side) + 1).astype(int) for n in shape]
    for (y, y_end), (x, x_end) in product(*(pairwise(edge) for edge in edges)):
        rows, columns = slice(max(0, y - 1), y_end + 1), slice(max(0, x - 1), x_end + 1)
        core = slice(y - rows.start, y_end - rows.start), slice(x - columns.start, x_end - columns.start)
        yield _Tile(rows, columns, core)


def _search_tile(kept, grid, tile):
    spectra = kept.part(tile.rows, tile.columns)
    maps = {width: _filtered(spectra, grid, width) for width in WIDTHS}
    single = reduce(np.maximum, (snr for snr, _ in maps.values()))
    doublet = reduce(np.maximum, (_doublet(maps[width][0], grid, width) for width in WIDTHS))
    parts = []
    for group in GROUPS:
        total = _sum(group, grid, single, doublet)
        places = _peaks(total, FLOOR * UNIT, tile.core)
        places = np.hstack([places, _of_lines(group, grid, single, doublet, tile.core), _highest(total, *places[1:])])
        parts.append(_measured(places, group, grid, maps, single))
    candidates = Candidates.joined(parts)
    lowest = reduce(np.minimum, (snr for snr, _ in maps.values()))
    peaks = [_peaks(some, STRONG, tile.core).T for some in (single, -lowest)]
    corner = np.array([0, tile.rows.start, tile.columns.start])
    candidates.scale *= kept.depth[tile.rows, tile.columns][candidates.y, candidates.x][:, None]
    candidates.y += tile.rows.start
    candidates.x += tile.columns.start
    return candidates, peaks[0] + corner, peaks[1] + corner


def _filtered(spectra, grid, width):
    """Return S/N and scale of lines of one width."""
    snr, scale = grid.filtered(spectra.reshape(len(spectra), -1), width)
    return snr.reshape(-1, *spectra.shape[1:]), scale


def _doublet(snr, grid, width):
    """Return the S/N of [OII] with its first line at each step, of two equal lines."""
    norm = 1 / np.sqrt(2 + 2 * grid.overlap(width, DOUBLET)[:-DOUBLET, None, None])
    both = np.zeros_like(snr)
    np.multiply(snr[:-DOUBLET] + snr[DOUBLET:], norm.astype(np.float32), out=both[:-DOUBLET])
    return both


def _table(seen):
    """Return ln(likelihood ratio), in integer units, of a line that is seen with a probability, by its S/N."""
    snr = np.arange(-128, 128) / FINE
    ratio = logsumexp(snr[:, None] * SIGNALS - SIGNALS**2 / 2, axis=1) - np.log(len(SIGNALS))
    bounded = -np.logaddexp(-ratio, -BOUND)
    gain = np.log1p(seen * np.expm1(bounded)) + SLOPE * np.maximum(snr - STRONG, 0)
    return np.clip(np.rint(UNIT * gain), -127, 127).astype(np.int8)


def _sum(group, grid, single, doublet):
    """Return the sum over lines at each trial redshift and pixel."""
    index = {"line": _quantised(single), "oii": _quantised(doublet)}
    first, last = _trials(group)
    total = np.zeros((last - first, *single.shape[1:]), np.int16)
    gains = {}
    for number, seen in group.lines:
        wave, profile = LINES[number]
        if (profile, seen) not in gains:
            gains[profile, seen] = _table(seen)[index[profile]]
        shift = round(np.log(wave) / STEP) - grid.first + first
        low, high = max(0, -shift), min(last - first, len(grid) - shift)
        if high > low:
            total[low:high] += gains[profile, seen][low + shift : high + shift]
    return total


def _quantised(snr):
    return np.clip(snr * FINE + 128.5, 0, 255).astype(np.uint8)


def _trials(group):
    return [round(np.log1p(z) / STEP) for z in group.z_range]


def _peaks(field, floor, core):
    """Return z, y and x of the local maxima, shape (3, n)."""
    padded = np.pad(field, 1, constant_values=-128)
    inside = np.zeros(field.shape[1:], bool)
    inside[core] = True
    z, y, x = (index + 1 for index in np.nonzero((field >= floor) & inside))
    for number, (dz, dy, dx) in enumerate(product((-1, 0, 1), repeat=3)):
        if number == 13:
            continue
        here, there = padded[z, y, x], padded[z + dz, y + dy, x + dx]
        higher = here > there if number < 13 else here >= there
        z, y, x = z[higher], y[higher], x[higher]
    return np.array([z - 1, y - 1, x - 1])


def _highest(total, y, x):
    """Return the best trials at pixels of peaks; inside an extended source they need not be peaks themselves."""
    y, x = np.unique([y, x], axis=1)
    column = total[:, y, x]
    places = np.array([column.argmax(axis=0), y, x])
    return places[:, column.max(axis=0, initial=0) > BRIGHT * UNIT]


def _of_lines(group, grid, single, doublet, core):
    """Return places of single strong lines, each taken for every line of the group."""
    lines, pairs = (_peaks(snr, STRONG, core) for snr in (single, doublet))
    either = np.hstack([pairs, *(lines - np.array([[step], [0], [0]]) for step in (0, DOUBLET // 2, DOUBLET))])
    first, last = _trials(group)
    places = [np.zeros((3, 0), int)]
    for number, _ in group.lines:
        wave, profile = LINES[number]
        z, y, x = either if profile == "oii" else lines
        z = np.rint(z - grid.place(wave)).astype(int) - first
        places.append(np.array([z, y, x])[:, (z >= 0) & (z < last - first)])
    return np.hstack(places)


def _measured(places, group, grid, maps, single):
    """Return the candidates, with the width and the redshift that suit the lines of the group best."""
    trial, y, x = places
    trial = trial + _trials(group)[0]
    lines = [number for number, _ in group.lines]
    merits = np.array(
        [
            _merit(_at(maps, WIDTHS[width], trial + offset, y, x, lines, grid)[0])
            for width, offset in product(range(len(WIDTHS)), OFFSETS)
        ]
    )
    width, offset = np.divmod(merits.argmax(axis=0), len(OFFSETS))
    trial = trial + OFFSETS[offset]
    snr, scale = (np.zeros((len(trial), len(LINES)), np.float32) for _ in range(2))
    for k, value in enumerate(WIDTHS):
        rows = width == k
        snr[rows], scale[rows] = _at(maps, value, trial[rows], y[rows], x[rows], range(len(LINES)), grid)
    dy, dx = (_shift(maps, trial, y, x, width, lines, grid, axis) for axis in np.eye(2, dtype=int))
    return Candidates(trial * STEP, y, x, dy, dx, width, snr, scale, _nearby(single, trial, y, x, grid))


def _shift(maps, trial, y, x, width, lines, grid, axis):
    """Return the vertex of a parabola through the lines' merits at three pixels along y or x."""
    shift, shape = np.zeros(len(trial)), maps[WIDTHS[0]][0].shape[1:]
    for k, value in enumerate(WIDTHS):
        rows = np.flatnonzero(width == k)
        merits = [
            _merit(_at(maps, value, trial[rows], *_beside(y[rows], x[rows], step * axis, shape), lines, grid)[0])
            for step in (-1, 0, 1)
        ]
        curvature = 2 * merits[1] - merits[0] - merits[2]
        shift[rows] = (merits[2] - merits[0]) / np.where(curvature > 0, 2 * curvature, np.inf)
    return np.clip(shift, -0.5, 0.5)


def _beside(y, x, step, shape):
    return np.clip(y + step[0], 0, shape[0] - 1), np.clip(x + step[1], 0, shape[1] - 1)


def _merit(snr):
    return np.logaddexp(0, np.maximum(snr, 0) ** 2 / 2 - 3).sum(axis=1)


def _at(maps, width, trial, y, x, lines, grid):
    """Return S/N and scale of lines, shape (n, lines)."""
    values, scales = maps[width]
    snr, scale = (np.zeros((len(trial), len(lines)), np.float32) for _ in range(2))
    for column, number in enumerate(lines):
        wave, profile = LINES[number]
        place = trial + grid.place(wave)
        last = len(grid) - 1 - (DOUBLET if profile == "oii" else 0)
        rows = np.flatnonzero((place >= 0) & (place <= last))
        snr[rows, column] = _between(values, place[rows], y[rows], x[rows])
        scale[rows, column] = scales[np.rint(place[rows]).astype(int)]
        if profile == "oii":
            second = _between(values, place[rows] + DOUBLET, y[rows], x[rows])
            overlap = grid.overlap(width, DOUBLET)[place[rows].astype(int)]
            snr[rows, column] = _both(snr[rows, column], second, overlap)
            scale[rows, column] *= np.sqrt((1 + overlap) / 2)
    return snr, scale


def _between(values, place, y, x):
    """Interpolate between the steps of the axis."""
    low = np.clip(place.astype(int), 0, len(values) - 2)
    part = np.clip(place - low, 0, 1).astype(np.float32)
    below, above = (values[low + k, y, x] for k in (0, 1))
    return below + part * (above - below)


def _both(first, second, overlap):
    """Return the S/N of two lines, at the ratio of theirs that suits them best."""
    parts = [(first + ratio * second) / np.sqrt(1 + ratio**2 + 2 * ratio * overlap) for ratio in RATIOS]
    return np.max(parts, axis=0)


def _nearby(single, trial, y, x, grid):
    """Return the highest S/N of a single line around the place of each line, shape (n, lines)."""
    highest = np.zeros((len(trial), len(LINES)), np.float32)
    for column, (wave, profile) in enumerate(LINES):
        place = np.rint(trial + grid.place(wave)).astype(int)
        steps = range(-BESIDE, BESIDE + 1 + (DOUBLET if profile == "oii" else 0))
        around = [single[np.clip(place + step, 0, len(grid) - 1), y, x] for step in steps]
        highest[:, column] = np.max(around, axis=0)
    return highest

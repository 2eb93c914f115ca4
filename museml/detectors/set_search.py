"""The first search for line sets: all redshifts at all pixels, by adding up shifted slices of a filtered cube."""

from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np
from scipy.special import logsumexp

from museml.data.threads import in_threads
from museml.detectors.line_grid import STEP, LineGrid
from museml.detectors.line_maps import DOUBLET, LineMaps
from museml.detectors.set_measure import Candidates, measured
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
        core = (
            slice(y - rows.start, y_end - rows.start),
            slice(x - columns.start, x_end - columns.start),
        )
        yield _Tile(rows, columns, core)


def _search_tile(kept, grid, tile):
    maps = LineMaps(kept.part(tile.rows, tile.columns), grid)
    candidates = Candidates.joined([_of_group(group, maps, tile.core) for group in GROUPS])
    peaks = [_peaks(some, STRONG, tile.core).T for some in (maps.single, -maps.lowest)]
    corner = np.array([0, tile.rows.start, tile.columns.start])
    candidates.scale *= kept.depth[tile.rows, tile.columns][candidates.y, candidates.x][:, None]
    candidates.y += tile.rows.start
    candidates.x += tile.columns.start
    return candidates, peaks[0] + corner, peaks[1] + corner


def _of_group(group, maps, core):
    """Return the candidates of a group."""
    total = _sum(group, maps)
    places = np.hstack([_peaks(total, FLOOR * UNIT, core), _of_lines(group, maps, core)])
    places = np.hstack([places, _highest(total, *places[1:])])
    trial, y, x = places
    return measured(maps, trial + _trials(group)[0], y, x, [number for number, _ in group.lines])


def _table(seen):
    """Return ln(likelihood ratio), in integer units, of a line that is seen with a probability, by its S/N."""
    snr = np.arange(-128, 128) / FINE
    ratio = logsumexp(snr[:, None] * SIGNALS - SIGNALS**2 / 2, axis=1) - np.log(len(SIGNALS))
    bounded = -np.logaddexp(-ratio, -BOUND)
    gain = np.log1p(seen * np.expm1(bounded)) + SLOPE * np.maximum(snr - STRONG, 0)
    return np.clip(np.rint(UNIT * gain), -127, 127).astype(np.int8)


def _sum(group, maps):
    """Return the sum over lines at each trial redshift and pixel."""
    index, grid = (
        {"line": _quantised(maps.single), "oii": _quantised(maps.doublet)},
        maps.grid,
    )
    first, last = _trials(group)
    total = np.zeros((last - first, *maps.single.shape[1:]), np.int16)
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


def _of_lines(group, maps, core):
    """Return places of single strong lines, each taken for every line of the group."""
    lines, pairs = (_peaks(snr, STRONG, core) for snr in (maps.single, maps.doublet))
    either = np.hstack(
        [
            pairs,
            *(lines - np.array([[step], [0], [0]]) for step in (0, DOUBLET // 2, DOUBLET)),
        ]
    )
    first, last = _trials(group)
    places = [np.zeros((3, 0), int)]
    for number, _ in group.lines:
        wave, profile = LINES[number]
        z, y, x = either if profile == "oii" else lines
        z = np.rint(z - maps.grid.place(wave)).astype(int) - first
        places.append(np.array([z, y, x])[:, (z >= 0) & (z < last - first)])
    return np.hstack(places)

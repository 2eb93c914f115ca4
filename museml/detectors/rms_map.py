"""Background and rms of an image on grids: coarse, and finer where artefacts raise the noise."""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from scipy.ndimage import distance_transform_edt, uniform_filter

from museml.detectors.robust import quantiles
from museml.settings import check_number

__all__ = ["NoiseMaps", "noise_maps"]

CELLS = 5  # cells along a box
MEDIAN = 5  # boxes along the window whose median is the coarse value at its middle
ENOUGH = 0.2  # valid part of a box below which its neighbours speak for it
ONE_SIGMA = 0.158655  # the part of a normal distribution below minus one standard deviation
SURE = 3.5  # standard errors by which a fine rms must exceed the coarse one
FEW = 4.0  # beams of negative pixels in a box below which its rms is not believed
TINY = 1e-6  # part of a box that is no more than rounding
ROUNDING = np.finfo(np.float32).eps  # part of the brightest value below which nothing is noise
PIXELS = 2**22  # pixels in memory at a time


@dataclass(frozen=True)
class NoiseMaps:
    """Background and rms of an image, interpolated linearly between the middles of boxes and cells.

    Attributes
    ----------
    shape : tuple of int
        Of the image, (y, x).
    box, cell : int
        Sides in pixels.
    background, coarse : ndarray, shape (boxes along y, boxes along x)
        Jy/beam; NaN if the whole image is.
    rms : ndarray, shape (cells along y, cells along x)
        Jy/beam; ``coarse``, or more near artefacts.
    """

    shape: tuple
    box: int
    cell: int
    background: np.ndarray
    coarse: np.ndarray
    rms: np.ndarray

    def block(self, rows, columns):
        """Return background and rms of the pixels in two slices, float32, in Jy/beam.

        The values at a pixel do not depend on the slices.
        """
        y, x = (np.arange(*part.indices(n)) for part, n in zip((rows, columns), self.shape, strict=True))
        return _spread(self.background, self.box, y, x), _spread(self.rms, self.cell, y, x)

    def at(self, x, y):
        """Return background and rms at positions in pixels, in Jy/beam."""
        return _points(self.background, self.box, y, x), _points(self.rms, self.cell, y, x)

    def raised(self, x, y):
        """Return the ratio of the rms to that of its wider surroundings at positions in pixels."""
        return _points(self.rms, self.cell, y, x) / _points(self.coarse, self.box, y, x)


def noise_maps(image, *, box=10.0, adaptive=True):
    """Measure background and rms of an image, in strips, so that it need not fit into memory.

    In each box, the background is the median and the rms the distance from there to the 16th percentile; the median
    of these over 5 x 5 boxes is free of all but the largest sources. Artefacts are negative as often as positive,
    sources are not: where the rms of the negative pixels in a box exceeds that of its wider surroundings significantly,
    it is used instead.

    Parameters
    ----------
    image : `~museml.data.images.ImageData`
    box : float
        Side of a box, in beams (FWHM).
    adaptive : bool
        Whether the rms may rise from box to box, as it does around bright sources.

    Returns
    -------
    NoiseMaps
    """
    check_number("box", box, 2, example=10.0)
    cell = max(2, round(box / CELLS * beam_pixels(image)))
    side = min(CELLS * cell, max(image.shape))
    background, coarse = _coarse(image, side)
    maps = NoiseMaps(tuple(image.shape), side, side, background, coarse, coarse)
    return replace(maps, cell=cell, rms=_fine(image, maps, cell)) if adaptive else maps


def beam_pixels(image):
    """Return the FWHM of the beam's circle of equal area, in pixels."""
    return np.sqrt(image.beam.major * image.beam.minor) / image.pixel_scale


def strips(shape, step):
    """Return slices of rows that hold whole steps, and not many pixels."""
    rows = step * max(1, PIXELS // (step * shape[1]))
    edges = [*range(0, shape[0], rows), shape[0]]
    return [slice(*pair) for pair in pairwise(edges)]


def _coarse(image, side):
    stride = max(1, int(beam_pixels(image) / 2))  # neighbouring pixels say the same
    rows = [_box_values(image.block(rows=r, columns=slice(None)), side, stride) for r in strips(image.shape, side)]
    middle, rms, top = np.concatenate(rows, axis=1)
    noise = rms > ROUNDING * np.nanmax(top, initial=0)
    return tuple(_smoothed(np.where(noise, grid, np.nan)) for grid in (middle, rms))


def _box_values(strip, side, stride):
    """Return median, spread and highest value of the boxes in a strip; NaN where too little is valid."""
    values = _boxes(strip, side)[..., ::stride, ::stride].reshape(
        -(-strip.shape[0] // side), -1, (-(-side // stride)) ** 2
    )
    middle, low = quantiles(values, (0.5, ONE_SIGMA))
    valid = np.isfinite(values).mean(axis=-1) >= ENOUGH
    return np.where(valid, [middle, middle - low, np.fmax.reduce(values, axis=-1)], np.nan)


def _boxes(strip, side):
    """Return a strip cut into boxes, shape (boxes along y, boxes along x, side, side), filled up with NaN."""
    ny, nx = (-(-n // side) for n in strip.shape)
    padded = np.full((ny * side, nx * side), np.nan, np.float32)
    padded[: strip.shape[0], : strip.shape[1]] = strip
    return padded.reshape(ny, side, nx, side).swapaxes(1, 2)


def _smoothed(grid):
    """Return the median over a window of boxes, and the nearest value where there is none."""
    if not np.isfinite(grid).any():
        return grid
    return _filled(_window_median(grid))


def _window_median(grid):
    padded = np.pad(grid, MEDIAN // 2, constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (MEDIAN, MEDIAN)).reshape(*grid.shape, MEDIAN**2)
    return quantiles(windows, (0.5,))[0]


def _filled(grid):
    known = np.isfinite(grid)
    if known.all():
        return grid
    nearest = distance_transform_edt(~known, return_distances=False, return_indices=True)
    return grid[tuple(nearest)]


def _spread(grid, side, y, x):
    """Return a grid interpolated at rows y and columns x."""
    low, high, part = _neighbours(y, side, grid.shape[0])
    lines = grid[low] + part[:, None] * (grid[high] - grid[low])
    low, high, part = _neighbours(x, side, grid.shape[1])
    return (lines[:, low] + part * (lines[:, high] - lines[:, low])).astype(np.float32)


def _points(grid, side, y, x):
    """Return a grid interpolated at points."""
    low_y, high_y, part_y = _neighbours(np.asarray(y, float), side, grid.shape[0])
    low_x, high_x, part_x = _neighbours(np.asarray(x, float), side, grid.shape[1])
    low = grid[low_y, low_x] + part_y * (grid[high_y, low_x] - grid[low_y, low_x])
    high = grid[low_y, high_x] + part_y * (grid[high_y, high_x] - grid[low_y, high_x])
    return low + part_x * (high - low)


def _neighbours(places, side, number):
    """Return the cells whose middles are before and after each place, and how far it is between them."""
    steps = np.clip((places + 0.5) / side - 0.5, 0, number - 1)
    low = np.floor(steps).astype(int)
    return low, np.minimum(low + 1, number - 1), steps - low


def _fine(image, maps, cell):
    """Return the rms in cells, each measured in the box around it."""
    rows = [_negative(image, maps, strip, cell) for strip in strips(image.shape, cell)]
    squares, number = (uniform_filter(np.concatenate(part), CELLS, mode="constant") for part in zip(*rows, strict=True))
    fine = np.sqrt(np.maximum(squares, 0) / np.maximum(number, TINY))
    middles = [(np.arange(n) + 0.5) * cell - 0.5 for n in fine.shape]
    coarse = _spread(maps.coarse, maps.box, *middles)
    beams = number * (CELLS * cell) ** 2 / image.beam.area(image.pixel_scale)
    error = 1 / np.sqrt(np.maximum(4 * beams, 1))  # squares are correlated over half a beam
    return np.where((beams > FEW) & (fine > (1 + SURE * error) * coarse), fine, coarse)


def _negative(image, maps, rows, cell):
    """Return sum of squares and number of the negative pixels in each cell of a strip."""
    columns = slice(0, image.shape[1])
    values = image.block(rows=rows, columns=columns) - maps.block(rows, columns)[0]
    negative = values < 0
    return _cell_sums(np.where(negative, values, 0) ** 2, cell), _cell_sums(negative, cell)


def _cell_sums(values, cell):
    ny, nx = (-(-n // cell) for n in values.shape)
    padded = np.zeros((ny * cell, nx * cell), np.float32)
    padded[: values.shape[0], : values.shape[1]] = values
    return padded.reshape(ny, cell, nx, cell).sum(axis=(1, 3), dtype=float) / cell**2

"""The part of an image that a picture shows, with its pixels averaged where there are more than the picture has."""

from dataclasses import dataclass

import numpy as np

from museml.detectors.robust import spread
from museml.errors import SettingError

__all__ = ["AROUND", "Window", "choose_window", "read_binned", "scatter", "typical_noise"]

AROUND = 25.0  # beams across a zoom whose size nobody gave
STRIP = 2**24  # pixels read at a time
SAMPLE = 2**20  # pixels that the noise is measured in


@dataclass(frozen=True)
class Window:
    """Rows and columns of an image, and by how many pixels they are averaged."""

    rows: slice
    columns: slice
    factor: int

    @property
    def extent(self):
        """Edges of the averaged pixels, counted in pixels of the whole image: left, right, bottom, top."""
        (height, width), step = self.shape, self.factor
        left, bottom = self.columns.start - 0.5, self.rows.start - 0.5
        return left, left + step * width, bottom, bottom + step * height

    @property
    def limits(self):
        """Edges of what is shown, as `extent`; averaged pixels may stand out at the right and the top."""
        return self.columns.start - 0.5, self.columns.stop - 0.5, self.rows.start - 0.5, self.rows.stop - 0.5

    @property
    def shape(self):
        """Number of averaged pixels: rows, columns."""
        return tuple(-(-(part.stop - part.start) // self.factor) for part in (self.rows, self.columns))

    def holds(self, x, y):
        """Say which positions are shown."""
        left, right, bottom, top = self.limits
        return (x >= left) & (x <= right) & (y >= bottom) & (y <= top)


def choose_window(image, centre=None, size=None, most=1000):
    """Choose what is shown of an image.

    Parameters
    ----------
    image : `~museml.data.images.ImageData`
        The image.
    centre : (float, float), optional
        Right ascension and declination, degrees (ICRS); by default the whole image is shown.
    size : float, optional
        Length of a side, arcsec; by default 25 beams.
    most : int
        Most pixels along a side of the picture.

    Raises
    ------
    SettingError
        If the position is not in the image, or the size is not positive.
    """
    parts = [slice(0, length) for length in image.shape]
    if centre is not None:
        parts = _around(image, centre, AROUND * image.beam.major if size is None else size)
    longest = max(part.stop - part.start for part in parts)
    return Window(*parts, -(-longest // most))


def _around(image, centre, size):
    if not (np.isfinite(size) and size > 0):
        raise SettingError(f"size must be a positive number of arcsec, not {size!r}")
    x, y = (float(value) for value in image.sky_to_pixel(*centre))
    height, width = image.shape
    if not (-0.5 <= x <= width - 0.5 and -0.5 <= y <= height - 0.5):
        raise SettingError(f"the position to show must be in the image; {centre[0]:.5f} {centre[1]:+.5f} is not in it")
    half = max(size / image.pixel_scale / 2, 2.0)
    return [
        slice(max(int(np.floor(at - half)), 0), min(int(np.ceil(at + half)) + 1, length))
        for at, length in zip((y, x), image.shape, strict=True)
    ]


def read_binned(image, window):
    """Read a window, averaged over squares of pixels, a strip at a time.

    A square more than half of which is a hole is a hole; pixels in holes count nowhere.

    Returns
    -------
    ndarray, shape ``window.shape``
    """
    width = window.columns.stop - window.columns.start
    step = max(STRIP // (width * window.factor), 1) * window.factor
    starts = range(window.rows.start, window.rows.stop, step)
    strips = [slice(start, min(start + step, window.rows.stop)) for start in starts]
    return np.concatenate([_averaged(image.block(rows, window.columns), window.factor) for rows in strips])


def _averaged(values, factor):
    if factor == 1:
        return values
    known = np.isfinite(values)
    total = _sums(np.where(known, values, 0), factor)
    count, possible = _sums(known, factor), _sums(np.ones_like(known), factor)
    return np.divide(total, count, out=np.full(total.shape, np.nan, "f4"), where=2 * count >= np.maximum(possible, 1))


def _sums(values, factor):
    """Add up squares of pixels; those at the end may be smaller."""
    starts = [np.arange(0, length, factor) for length in values.shape]
    return np.add.reduceat(np.add.reduceat(values, starts[1], axis=1, dtype="f4"), starts[0], axis=0)


def typical_noise(image, window):
    """Return the scatter of the pixels in the middle of a window, before any averaging."""
    width = window.columns.stop - window.columns.start
    half, middle = max(SAMPLE // (2 * width), 1), (window.rows.start + window.rows.stop) // 2
    rows = slice(max(middle - half, window.rows.start), min(middle + half, window.rows.stop))
    values = image.block(rows, window.columns)
    return scatter(values[np.isfinite(values)])


def scatter(values):
    """Return the standard deviation of valid values, which sources do not raise; 0 where there are none."""
    return float(spread(values)) if values.size else 0.0

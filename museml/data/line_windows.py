"""The surroundings of detected lines, gathered in one way through a cube."""

from dataclasses import dataclass

import numpy as np

from museml.data.psf import cube_psf

__all__ = ["HALF", "REACH", "LineWindow", "line_windows"]

#: channels to each side of a line, and pixels to each side of its pixel
REACH = 100
HALF = 4
BLOCK = 64  # planes read at once
SAMPLE = 2500  # spaxels whose median stands for the field


@dataclass(frozen=True)
class LineWindow:
    """What lies around a line; NaN outside of the cube and where a voxel is not valid.

    Attributes
    ----------
    data, sigma : ndarray, shape (2 REACH + 1, 2 HALF + 1, 2 HALF + 1)
        Data and noise.
    profile : ndarray, shape (2 HALF + 1, 2 HALF + 1)
        Share of a point source's light in each pixel.
    field : ndarray, shape (2 REACH + 1,)
        Median over the whole field of data over noise.
    """

    data: np.ndarray
    sigma: np.ndarray
    profile: np.ndarray
    field: np.ndarray


def line_windows(cube, detections):
    """Gather the surroundings of lines; memory does not grow with the cube nor with the number of lines.

    Parameters
    ----------
    cube : `~museml.data.cubes.CubeData`
        The cube; blocks without a line near them are not read.
    detections : `~astropy.table.Table`
        With the columns ``x``, ``y`` (pixels from 0) and ``wave`` (Angstrom, the cube's medium).

    Yields
    ------
    row : int
        Of the detection; by rising wavelength. Rows outside of the cube are left out.
    window : LineWindow
    """
    places = _Places(cube, detections)
    field, pending = np.full(cube.shape[0] + 2 * REACH, np.nan), {}
    for start in range(0, cube.shape[0], BLOCK):
        stop = min(start + BLOCK, cube.shape[0])
        rows = places.near(start, stop)
        if not len(rows):
            continue
        data, var = cube.block(start, stop)
        field[start + REACH : stop + REACH] = _field(data, var)
        for row in rows:
            pending.setdefault(row, _Gathered()).add(data, var, start, places, row)
        for row in sorted((r for r in rows if places.ends(r) <= stop), key=lambda r: places.z[r]):
            yield row, pending.pop(row).window(field, places, row)


class _Places:
    """Where the lines are: whole channels and pixels, and the shape of a point source there."""

    def __init__(self, cube, detections):
        self._cube, self.psf = cube, cube_psf(cube)[0]
        wave = np.ma.filled(np.ma.asarray(detections["wave"], float), np.nan)
        z = (wave - cube.wave[0]) / (cube.wave[1] - cube.wave[0])
        self._exact = [np.ma.filled(np.ma.asarray(detections[name], float), np.nan) for name in "yx"]
        inside = (z > -0.5) & (z < cube.shape[0] - 0.5) & np.isfinite(self._exact).all(axis=0)
        self.z, self.y, self.x = (np.rint(np.where(inside, v, -(10**6))).astype(int) for v in (z, *self._exact))
        self._usable = np.flatnonzero(inside)

    def near(self, start, stop):
        """Return the rows whose windows have a part in some planes, by wavelength."""
        z = self.z[self._usable]
        rows = self._usable[(z + REACH >= start) & (z - REACH < stop)]
        return rows[np.argsort(self.z[rows], kind="stable")].tolist()

    def ends(self, row):
        """Return the plane after the last of a window."""
        return min(self.z[row] + REACH + 1, self._cube.shape[0])

    def profile(self, row):
        """Return the share of a point source's light in each pixel of a window."""
        pixels = np.arange(-HALF, HALF + 1)
        y, x = (pixels + whole[row] - exact[row] for whole, exact in zip((self.y, self.x), self._exact, strict=True))
        wave = self._cube.wave[self.z[row]]
        return self.psf.share(*np.meshgrid(y, x, indexing="ij"), wave, self._cube.pixel_scale)


class _Gathered:
    """A window that is filled block by block."""

    def __init__(self):
        shape = (2 * REACH + 1, 2 * HALF + 1, 2 * HALF + 1)
        self._data, self._var = (np.full(shape, np.nan, np.float32) for _ in range(2))

    def add(self, data, var, start, places, row):
        centres = places.z[row] - start, places.y[row], places.x[row]
        parts = [_overlap(c, r, n) for c, r, n in zip(centres, (REACH, HALF, HALF), data.shape, strict=True)]
        inside, target = zip(*parts, strict=True)
        self._data[target], self._var[target] = data[inside], var[inside]

    def window(self, field, places, row):
        around = field[places.z[row] : places.z[row] + 2 * REACH + 1]
        return LineWindow(self._data, np.sqrt(self._var), places.profile(row), around.copy())


def _overlap(centre, reach, length):
    """Return the slice of an axis within reach of a place, and where it goes in the window."""
    low, high = max(centre - reach, 0), max(min(centre + reach + 1, length), 0)
    return slice(low, max(low, high)), slice(low - centre + reach, max(low, high) - centre + reach)


def _field(data, var):
    """Return the median of data over noise by plane; a sample of the spaxels is enough."""
    every = max(1, data[0].size // SAMPLE)
    data, var = (values.reshape(len(values), -1)[:, ::every] for values in (data, var))
    lost = np.isnan(data)
    ratio = np.where(lost, 0, data / np.sqrt(np.where(lost, 1, var)))
    return np.ma.median(np.ma.array(ratio, mask=lost), axis=1).filled(np.nan)

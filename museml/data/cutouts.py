"""Cut-outs of cubes around detected lines, free of scale, as a Batch."""

import warnings

import numpy as np
from astropy import units as u
from astropy.table import Table

from museml.data.batch import Batch
from museml.data.cubes import open_cube
from museml.errors import InputError, PredictionFlag

__all__ = ["CHANNELS", "PIXELS", "QUANTITIES", "cut", "open_cutouts"]

#: size of a cut-out in wavelength channels and pixels; odd, so that the detection is in its middle
CHANNELS = 41
PIXELS = 9
#: what the last axis of the values holds
QUANTITIES = ("signal", "continuum", "noise")
WINDOW = 75  # channels to each side in which the continuum is measured
GAP = 8  # channels to each side of the line that the continuum is not measured in
SLAB = 128  # channels of detections that are cut from one block of the cube


def open_cutouts(data):
    """Return batches of cut-outs.

    Parameters
    ----------
    data : Batch or (cube, detections)
        Cut-outs made before, or what `cut` takes.

    Returns
    -------
    list of Batch

    Raises
    ------
    InputError
        If it is neither.
    """
    if isinstance(data, Batch):
        return [data]
    if isinstance(data, tuple) and len(data) == 2 and isinstance(data[1], Table):
        return [cut(open_cube(data[0]), data[1])]
    raise InputError(
        f"cut-outs must be a Batch or a pair (cube, detections), not {type(data).__name__}; make them with "
        "museml.data.cutouts.cut(cube, detections)"
    )


def cut(cube, detections):
    """Cut around each detected line.

    Parameters
    ----------
    cube : `~museml.data.cubes.CubeData`
        The cube; it is read in slabs.
    detections : `~astropy.table.Table`
        With the columns ``id``, ``x``, ``y`` (pixels from 0) and ``wave`` (Angstrom, the cube's medium).

    Returns
    -------
    Batch
        Values of shape (n, CHANNELS, PIXELS, PIXELS, 3), without units: the signal less the continuum
        over the noise of the voxel, the continuum over the typical noise of the spaxel, and the logarithm of the noise
        over the typical. What lies outside of the cube, and rows without a wavelength, are masked. The axis is the
        distance from the line in Angstrom.
    """
    wave = np.ma.filled(np.ma.asarray(detections["wave"], float), np.nan)
    values = np.full((len(detections), CHANNELS, PIXELS, PIXELS, len(QUANTITIES)), np.nan, np.float32)
    step = float(cube.wave[1] - cube.wave[0])
    z = (wave - cube.wave[0]) / step
    x, y = (np.asarray(detections[name], float) for name in "xy")
    usable = np.flatnonzero((z > -0.5) & (z < cube.shape[0] - 0.5) & np.isfinite(x) & np.isfinite(y))
    z, x, y = (np.rint(np.where(np.isfinite(v), v, 0)).astype(int) for v in (z, x, y))
    for slab in np.unique(z[usable] // SLAB):
        rows = usable[z[usable] // SLAB == slab]
        _cut_slab(cube, slab * SLAB, rows, (z, y, x), values)
    return _batch(detections, values, step, cube.medium)


def _batch(detections, values, step, medium):
    mask = ~np.isfinite(values)
    values[mask] = 0
    empty = mask.all(axis=(1, 2, 3, 4))
    return Batch(
        ids=tuple(str(identifier) for identifier in detections["id"]),
        values=values,
        errors=np.where(mask, 0, np.array([1, 0, 0], np.float32)).astype(np.float32),
        mask=mask,
        axis=step * (np.arange(CHANNELS) - CHANNELS // 2) * u.Angstrom,
        medium=medium,
        flags=np.where(empty, PredictionFlag.NO_DATA.value, 0).astype(np.int32),
    )


def _cut_slab(cube, start, rows, position, values):
    """Fill in the cut-outs of the rows whose lines are in one slab of the cube."""
    first, last = max(start - WINDOW, 0), min(start + SLAB + WINDOW, cube.shape[0])
    data, var = cube.block(first, last)
    sigma = np.sqrt(var)
    for row in rows:
        z, y, x = (int(index[row]) for index in position)
        values[row] = _quantities(data, sigma, z - first, y, x)


def _quantities(data, sigma, z, y, x):
    """Return signal, continuum and noise around one voxel, NaN outside of the block."""
    half = PIXELS // 2
    wide = _around(data, z, y, x, WINDOW), _around(sigma, z, y, x, WINDOW)
    line = slice(WINDOW - GAP, WINDOW + GAP + 1)
    near = slice(WINDOW - CHANNELS // 2, WINDOW + CHANNELS // 2 + 1)
    aside = np.ones(2 * WINDOW + 1, bool)
    aside[line] = False
    continuum, noise = _median(wide[0][aside]), _median(wide[1][aside])
    signal = (wide[0][near] - continuum) / wide[1][near]
    shape = (CHANNELS, 2 * half + 1, 2 * half + 1)
    return np.stack([signal, np.broadcast_to(continuum / noise, shape), np.log(wide[1][near] / noise)], axis=-1)


def _median(values):
    if np.isfinite(values).all():  # ten times faster
        return np.median(values, axis=0)
    with warnings.catch_warnings():  # a spaxel outside of the cube has no median
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.nanmedian(values, axis=0)


def _around(block, z, y, x, reach):
    """Return the voxels within ``reach`` channels and half a cut-out's pixels, NaN outside of the block."""
    half = PIXELS // 2
    out = np.full((2 * reach + 1, PIXELS, PIXELS), np.nan, np.float32)
    inside, target = zip(
        *(_overlap(c, r, n) for c, r, n in zip((z, y, x), (reach, half, half), block.shape, strict=True)), strict=True
    )
    out[target] = block[inside]
    return out


def _overlap(centre, reach, length):
    low, high = max(centre - reach, 0), min(centre + reach + 1, length)
    return slice(low, high), slice(low - centre + reach, high - centre + reach)

"""Patches of images in units of the local noise, and what a network says of the cells that they are divided into."""

import numpy as np

from museml.data.batch import Batch
from museml.errors import InputError

__all__ = ["BEAM", "CELL", "MULTIPLE", "QUANTITIES", "components_of", "encode", "open_patches", "patch_batch", "unpack"]

#: side of a cell in pixels; each has one box
CELL = 4
#: FWHM of the beam in pixels that a network expects
BEAM = 4.0
#: the sides of a patch are multiples of so many pixels
MULTIPLE = 16
#: what a network says of each cell: logit of a component, its place from the middle of the cell (cells), the logarithms
#: of its flux (noise times beam) and of its axes (FWHM over the beam's), cosine and sine of twice the angle of the
#: major axis, counter-clockwise from +y
QUANTITIES = ("logit", "x", "y", "flux", "major", "minor", "cosine", "sine")
#: what is known of each of the components near a cell: the same from ``x`` on, and the S/N: 0 where there is none,
#: below 0 where it is not known whether there is one
KNOWN = (*QUANTITIES[1:], "snr")
#: components that a cell may choose from
CHOICE = 2


def open_patches(data):
    """Return batches of patches.

    Parameters
    ----------
    data : Batch or array_like, shape (n, y, x)
        Patches made before, or images with the beam's FWHM of four pixels, less their background and over their noise.

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
    values = np.asarray(data)
    if values.ndim != 3 or values.dtype.kind not in "fiu":
        raise InputError(
            f"patches must be a Batch or numbers of shape (n, y, x), not {type(data).__name__} of shape "
            f"{values.shape}; make them with museml.data.patches.patch_batch"
        )
    return [patch_batch(values)]


def patch_batch(values):
    """Return images in units of their noise as a Batch.

    Parameters
    ----------
    values : array_like, shape (n, y, x)
        NaN where there are no data. The sides are filled up to multiples of 16 pixels with such.

    Returns
    -------
    Batch
        Values of shape (n, y, x, 1).
    """
    values = np.asarray(values, np.float32)
    filled = [(0, -length % MULTIPLE) for length in values.shape[1:]]
    values = np.pad(values, [(0, 0), *filled], constant_values=np.nan)[..., None]
    mask = ~np.isfinite(values)
    ids = tuple(str(number) for number in range(1, len(values) + 1))
    return Batch(ids, np.where(mask, 0, values), np.broadcast_to(np.float32(0), values.shape), mask)


def unpack(outputs):
    """Return what a network says of each cell.

    Parameters
    ----------
    outputs : ndarray, shape (y, x, quantities)
        Of one patch, by cell.

    Returns
    -------
    dict of ndarray, shape (y, x)
        ``logit``; ``x`` and ``y`` in pixels of the patch from 0; ``flux`` in units of noise times beam; ``major`` and
        ``minor`` FWHM in pixels; ``angle`` of the major axis in degrees, counter-clockwise from +y.
    """
    said = dict(zip(QUANTITIES, np.moveaxis(np.asarray(outputs, float), -1, 0), strict=True))
    rows, columns = np.indices(said["logit"].shape)
    axes = np.exp(np.clip([said["major"], said["minor"]], -1, 6)) * BEAM
    return {
        "logit": said["logit"],
        "x": _middle(columns) + CELL * said["x"],
        "y": _middle(rows) + CELL * said["y"],
        "flux": np.exp(np.clip(said["flux"], -10, 30)),
        "major": axes.max(axis=0),
        "minor": axes.min(axis=0),
        "angle": np.degrees(np.arctan2(said["sine"], said["cosine"])) / 2 % 180,
    }


def components_of(x, y, flux, major, minor, angle, snr):
    """Return components as an array of shape (n, 8): as `unpack` gives them, and their S/N."""
    return np.stack([np.asarray(v, np.float32) for v in (x, y, flux, major, minor, angle, snr)], axis=-1)


def encode(components, shape):
    """Return the targets of a patch: what each cell may answer for.

    Parameters
    ----------
    components : ndarray, shape (n, 7)
        See `components_of`; in pixels of the patch.
    shape : tuple of int
        (ny, nx) of the patch in pixels.

    Returns
    -------
    ndarray, shape (ny / 4, nx / 4, 2, 8), float32
        For each cell the two nearest components within 1.5 cells: `KNOWN`, by the strongest first where two are
        equally near.
    """
    targets = np.zeros((shape[0] // CELL, shape[1] // CELL, CHOICE, len(KNOWN)), np.float32)
    cells, known = _near(np.asarray(components, float))
    inside = np.all((cells >= 0) & (cells < targets.shape[:2]), axis=1)
    cells, known = cells[inside], known[inside]
    order = np.lexsort((-known[:, -1], np.abs(known[:, :2]).max(axis=1), *cells.T))
    cells, known = cells[order], known[order]
    first = np.any(np.diff(cells, axis=0, prepend=-1), axis=1)
    rank = np.arange(len(cells)) - np.maximum.accumulate(np.where(first, np.arange(len(cells)), 0))
    chosen = rank < CHOICE
    targets[(*cells[chosen].T, rank[chosen])] = known[chosen]
    return targets


def _near(components):
    """Return rows and columns of the cells within reach of components, and what is known of the component in each."""
    x, y, flux, major, minor, angle, snr = components.T[:, :, None]
    step = np.arange(-1, 2)
    columns, rows = (np.rint((place - _middle(0)) / CELL).astype(int) + step for place in (x, y))
    columns, rows = np.repeat(columns[:, None, :], 3, axis=1), np.repeat(rows[:, :, None], 3, axis=2)
    dx, dy = (x[..., None] - _middle(columns)) / CELL, (y[..., None] - _middle(rows)) / CELL
    turned = np.cos(np.radians(2 * angle)), np.sin(np.radians(2 * angle))
    about = [np.log(flux), np.log(major / BEAM), np.log(minor / BEAM), *turned, snr]
    known = np.stack([dx, dy, *(np.broadcast_to(value[..., None], dx.shape) for value in about)], axis=-1)
    return np.stack([rows, columns], axis=-1).reshape(-1, 2), known.reshape(-1, len(KNOWN))


def _middle(cell):
    """Return the pixel coordinate of the middle of a cell."""
    return CELL * np.asarray(cell) + (CELL - 1) / 2

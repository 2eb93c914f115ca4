"""Cut-outs of cubes around detected lines, with the spectra there, free of scale, as a Batch."""

import warnings

import numpy as np
from astropy import units as u
from astropy.table import Table

from museml.data.batch import Batch
from museml.data.cubes import open_cube
from museml.data.line_windows import HALF, REACH, line_windows
from museml.errors import InputError, PredictionFlag

__all__ = ["CHANNELS", "PIXELS", "QUANTITIES", "SPECTRA", "cut", "cut_parts", "open_cutouts", "pack", "unpack"]

#: size of a cut-out in wavelength channels and pixels; odd, so that the detection is in its middle
CHANNELS = 41
PIXELS = 2 * HALF + 1
#: what the last axis of a cut-out holds
QUANTITIES = ("signal", "continuum", "noise")
#: length of the spectra in channels, and what their last axis holds
LENGTH = 2 * REACH + 1
SPECTRA = ("signal", "field", "noise", "continuum")
GAP = 8  # channels to each side of the line that the continuum is not measured in
BESIDE = 75  # channels to each side in which the continuum of a cut-out is measured
LOST = 3.0  # noise of voxels without valid data, in the logarithm over the typical: they tell nothing
ROWS = 256  # cut-outs in one part

NEAR = slice(REACH - CHANNELS // 2, REACH + CHANNELS // 2 + 1)
SIZES = CHANNELS * PIXELS**2 * len(QUANTITIES), LENGTH * len(SPECTRA)


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
        f"cut-outs must be a Batch or a pair (cube, detections), not {type(data).__name__}; "
        "make them with museml.data.cutouts.cut"
    )


def cut(cube, detections):
    """Cut around each detected line.

    Parameters
    ----------
    cube : `~museml.data.cubes.CubeData`
        The cube; it is read once, in blocks.
    detections : `~astropy.table.Table`
        With the columns ``id``, ``x``, ``y`` (pixels from 0) and ``wave`` (Angstrom, the cube's medium).

    Returns
    -------
    Batch
        Values of shape (n, values, 1), without units; `unpack` tells the two parts from each other. The cut-out, of
        shape (CHANNELS, PIXELS, PIXELS, 3), holds the signal less the continuum over the noise of the voxel, the
        continuum over the typical noise of the spaxel without its sign, and the logarithm of the noise over the
        typical. The spectra, of shape (LENGTH, 4), hold the signal-to-noise ratio of a point source, without its
        continuum; the ratio that the whole field's light would give there; the logarithm of the noise over the
        typical; and the continuum, again without its sign. A voxel outside of the cube has no signal and a high
        noise; a row without any valid voxel is masked. The axis is the distance from the line in Angstrom.
    """
    values = np.zeros((len(detections), sum(SIZES), 1), np.float32)
    empty = np.ones(len(detections), bool)
    for row, window in line_windows(cube, detections):
        values[row], empty[row] = _values(window), False
    return _batch(cube, detections, values, empty)


def cut_parts(cube, detections, rows=ROWS):
    """Cut around each line, part by part, so that memory stays bounded.

    Parameters
    ----------
    cube, detections
        As for `cut`.
    rows : int
        Cut-outs in one part, at most.

    Yields
    ------
    indices : ndarray of int
        Which detections are in the part; those that lie outside of the cube are in none.
    batch : Batch
    """
    found, values = [], []
    for row, window in line_windows(cube, detections):
        found.append(row)
        values.append(_values(window))
        if len(found) == rows:
            yield np.array(found), _part(cube, detections, found, values)
            found, values = [], []
    if found:
        yield np.array(found), _part(cube, detections, found, values)


def pack(cutouts, spectra):
    """Return cut-outs, shape (n, CHANNELS, PIXELS, PIXELS, 3), and spectra, shape (n, LENGTH, 4), in one array."""
    parts = [part.reshape(len(part), -1, 1) for part in (cutouts, spectra)]
    return np.concatenate(parts, axis=1)


def unpack(values):
    """Return the cut-outs and the spectra that are in the values of a Batch; these are views."""
    cutouts, spectra = values[:, : SIZES[0]], values[:, SIZES[0] :]
    shape = (CHANNELS, PIXELS, PIXELS, len(QUANTITIES))
    return cutouts.reshape(-1, *shape), spectra.reshape(-1, LENGTH, len(SPECTRA))


def _part(cube, detections, found, values):
    return _batch(cube, detections[found], np.array(values), np.zeros(len(found), bool))


def _batch(cube, detections, values, empty):
    mask = np.broadcast_to(empty[:, None, None], values.shape).copy()
    step = float(cube.wave[1] - cube.wave[0])
    return Batch(
        ids=tuple(str(identifier) for identifier in detections["id"]),
        values=values,
        errors=np.zeros_like(values),
        mask=mask,
        axis=step * (np.arange(CHANNELS) - CHANNELS // 2) * u.Angstrom,
        medium=cube.medium,
        flags=np.where(empty, PredictionFlag.NO_DATA.value, 0).astype(np.int32),
    )


def _values(window):
    with warnings.catch_warnings(), np.errstate(invalid="ignore", divide="ignore"):
        warnings.simplefilter("ignore", RuntimeWarning)  # a spaxel outside of the cube has no median
        parts = _cutout(window), _spectra(window)
    return np.concatenate([_told(part).ravel() for part in parts])[:, None]


def _told(quantities):
    """Replace what is not known: no signal, no continuum, a high noise."""
    unknown = ~np.isfinite(quantities).all(axis=-1)
    quantities = np.nan_to_num(quantities, posinf=0, neginf=0)
    quantities[unknown, 0] = 0
    quantities[unknown, 2] = LOST
    return quantities.astype(np.float32)


def _beside(reach):
    """Return which channels of a window are near the line, but not in it."""
    distance = np.abs(np.arange(LENGTH) - REACH)
    return (distance > GAP) & (distance <= reach)


def _median(values):
    if np.isfinite(values).all():  # ten times faster
        return np.median(values, axis=0)
    return np.nanmedian(values, axis=0)


def _cutout(window):
    """Return signal, continuum and noise of each voxel."""
    aside = _beside(BESIDE)
    continuum, noise = _median(window.data[aside]), _median(window.sigma[aside])
    data, sigma = window.data[NEAR], window.sigma[NEAR]
    level = np.broadcast_to(np.abs(continuum) / noise, data.shape)
    return np.stack([(data - continuum) / sigma, level, np.log(sigma / noise)], axis=-1)


def _spectra(window):
    """Return the spectrum of a point source in units of its noise, and what the light of the field adds to it."""
    weight = np.nan_to_num(window.profile / window.sigma)
    power = np.sqrt(np.sum(weight**2, axis=(1, 2)))
    signal = np.sum(weight * np.nan_to_num(window.data / window.sigma), axis=(1, 2)) / power
    field = window.field * weight.sum(axis=(1, 2)) / power
    aside, noise = _beside(REACH), np.where(power > 0, 1 / power, np.nan)
    continuum, usual = _median(signal[aside]), _median(noise[aside])
    level = np.full(LENGTH, np.abs(continuum))
    return np.stack([signal - continuum, field - _median(field[aside]), np.log(noise / usual), level], axis=-1)

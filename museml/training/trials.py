"""Trials of a detector: detections in a cube into which lines were put, labelled real or residual."""

from dataclasses import dataclass

import numpy as np

from museml.data.batch import Batch
from museml.data.cubes import open_cube
from museml.data.cutouts import cut
from museml.detection import Detections
from museml.simulation.cubes import inject_lines

__all__ = ["REAL", "RESIDUAL", "Trial", "flip_cube", "noisier", "run_trial"]

#: labels, in the order of the network's outputs; UNCLEAR is left out
REAL, RESIDUAL, UNCLEAR = 0, 1, -1
BOX = (3, 2, 2)  # half the size of the box (channels, pixels, pixels) in which signals are added up
CLEAR = 3.0  # S/N of the injected signal in the box from which a detection is real
NEGLIGIBLE = 0.5  # S/N below which the injected signal has no part in it


@dataclass(frozen=True)
class Trial:
    """Detections and what they are.

    Attributes
    ----------
    batch : `~museml.Batch`
        Cut-outs.
    labels : ndarray of int
        REAL or RESIDUAL.
    detections : `~museml.Detections`
        The rows.
    """

    batch: Batch
    labels: np.ndarray
    detections: Detections


def flip_cube(cube):
    """Return a copy of an MPDAF Cube with the sign of the data changed; what is found in it is not real."""
    flipped = cube.copy()
    flipped.data = -flipped.data
    return flipped


def noisier(cube, amount, rng):
    """Return a copy of an MPDAF Cube with more noise, in units of its own; the variances tell of it."""
    copy = cube.copy()
    sigma = amount * np.sqrt(np.nan_to_num(np.ma.filled(cube.var, 0)))
    copy.data = cube.data + sigma * rng.standard_normal(cube.shape)
    copy.var = cube.var * (1 + amount**2)
    return copy


def run_trial(cube, truth, detector):
    """Put lines into a cube, detect, and say of each detection what it is.

    Parameters
    ----------
    cube : `~mpdaf.obj.Cube`
        The cube; it is not changed.
    truth : `~astropy.table.Table`
        Lines to put in, see `~museml.simulation.cubes.inject_lines`.
    detector : `~museml.Detector`
        Finds lines.

    Returns
    -------
    Trial
    """
    before, after = open_cube(cube), open_cube(inject_lines(cube, truth))
    detections = detector.detect(after)
    labels = label_detections(before, after, detections)
    rows = np.flatnonzero(labels != UNCLEAR)
    return Trial(cut(after, detections[rows]), labels[rows], detections[rows])


def label_detections(before, after, detections):
    """Return REAL, RESIDUAL or UNCLEAR for each detection.

    A detection is real if most of the signal in a box around it was put in, and a residual if next to nothing was.
    """
    share, significance = np.array([_injected(before, after, row) for row in detections]).reshape(-1, 2).T
    labels = np.full(len(detections), UNCLEAR)
    labels[(significance > CLEAR) & (share > 0.5)] = REAL
    labels[np.abs(significance) < NEGLIGIBLE] = RESIDUAL
    return labels


def _injected(before, after, row):
    """Return the share of the injected signal in a detection's box, and its S/N."""
    z = (float(row["wave"]) - after.wave[0]) / (after.wave[1] - after.wave[0])
    position = [round(float(value)) for value in (z, row["y"], row["x"])]
    planes, *image = (slice(max(p - r, 0), p + r + 1) for p, r in zip(position, BOX, strict=True))
    stop = min(planes.stop, after.shape[0])
    window = max(planes.start - 60, 0), min(stop + 60, after.shape[0])
    data, var = (part[:, *image] for part in after.block(*window))
    old = before.block(planes.start, stop)[0][:, *image]
    part = slice(planes.start - window[0], stop - window[0])
    injected = np.nansum(data[part] - old)
    signal = np.nansum(data[part] - np.nanmedian(data, axis=0))
    return injected / signal if signal > 0 else 0.0, injected / np.sqrt(np.nansum(var[part]))

"""Cubes for the contract of detectors: what could be changed, variants, and what values are possible."""

import numpy as np

from museml.data.cubes import open_cube
from museml.detection import Detections

__all__ = ["answers", "contents", "dark", "holed", "in_hole", "opened", "possible", "ready", "write"]

answers = Detections
HOLE = 8  # spaxels of the masked corner
opened = open_cube


def ready(cube):
    """Return the cube that the rules work on."""
    return cube


def contents(cube):
    """Return all that a detector could change, as bytes and text."""
    arrays = (np.ma.getdata(cube.data), np.ma.getmaskarray(cube.data), np.ma.getdata(cube.var))
    headers = (cube.primary_header, cube.data_header)
    return tuple(a.tobytes() for a in arrays) + tuple(h.tostring() for h in headers)


def write(cube, path):
    """Write the cube into a file."""
    cube.write(str(path), savemask="nan")


def holed(cube):
    """Return a copy with a masked corner and NaN in some planes."""
    holes = cube.copy()
    holes.data[:, :HOLE, :HOLE] = np.ma.masked
    holes.data.data[5:8] = np.nan
    return holes


def in_hole(table, cube):
    """Tell which detections are well within the masked corner."""
    return (table["x"] < HOLE / 2) & (table["y"] < HOLE / 2)


def dark(cube):
    """Return a copy of zeros."""
    copy = cube.copy()
    copy.data.data[:] = 0
    return copy


def possible(table, data):
    """Return, by column, which rows hold possible values, and what possible is."""
    line = table["kind"] == "line"
    x, y = data.sky_to_pixel(table["ra"], table["dec"])
    off = np.hypot(x - table["x"], y - table["y"])
    wave = table["wave"]
    return {
        "kind": (line | (table["kind"] == "continuum"), "'line' or 'continuum'"),
        "x": ((table["x"] >= -0.5) & (table["x"] <= data.shape[2] - 0.5), "inside the field"),
        "y": ((table["y"] >= -0.5) & (table["y"] <= data.shape[1] - 0.5), "inside the field"),
        "ra": (off < 0.05, "the sky position of x and y, counted from 0"),
        "wave": (np.where(line, _between(wave, *data.wave[[0, -1]]), np.ma.getmaskarray(wave)),
                 "within the cube for a line, masked for continuum"),
        "fwhm": (table["fwhm"] > 0, "positive"),
        "snr": (np.isfinite(table["snr"]), "finite"),
        "flux": (np.isfinite(table["flux"]), "finite"),
        "flux_err": (np.isfinite(table["flux_err"]) & (table["flux_err"] >= 0), "finite and not negative"),
        "score": (np.isfinite(table["score"]), "finite"),
        "n_false": (np.isfinite(table["n_false"]) & (table["n_false"] >= 0), "finite and not negative"),
        "p_real": ((table["p_real"] >= 0) & (table["p_real"] <= 1), "between 0 and 1"),
        "z": (table["z"] > -1, "more than -1"),
        "p_z": ((table["p_z"] >= 0) & (table["p_z"] <= 1), "between 0 and 1"),
        "z_2": (table["z_2"] > -1, "more than -1"),
        "p_z_2": ((table["p_z_2"] >= 0) & (table["p_z_2"] <= 1), "between 0 and 1"),
        "source": (table["source"] >= 1, "counted from 1"),
        "flags": (table["flags"] >= 0, "bits of museml.errors.DetectionFlag"),
    }  # fmt: skip


def _between(column, low, high):
    return np.ma.filled((column >= low) & (column <= high), False)

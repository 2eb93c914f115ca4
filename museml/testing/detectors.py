"""The contract of detectors."""

import tempfile
from pathlib import Path

import numpy as np

from museml.data.cubes import open_cube
from museml.detection import Detections, Detector
from museml.errors import InputError
from museml.testing.examples import example_data
from museml.testing.rules import check_table, difference, make, require

__all__ = ["check_detector"]


def check_detector(detector, data=None):
    """Check that a detector keeps the contract.

    Settings are keyword-only and stored as given; ``__init__`` does no work; the data stay as they
    were; the table has its columns, units and provenance and physically possible values; the same
    data give the same answer, from memory or from a file; masked and NaN voxels survive; where there
    is nothing the table is empty.

    Parameters
    ----------
    detector : subclass or instance of `~museml.Detector`
        The detector.
    data : `~mpdaf.obj.Cube`
        A cube in which it finds something; by default a small simulated one.

    Raises
    ------
    ContractError
        At the first rule broken; the message names the detector, the rule, and what to do.
    """
    detector = make(detector, Detector)
    who = f"detector {detector.name!r}"
    cube = example_data(detector.accepts[0]) if data is None else data
    before = _contents(cube)
    first = detector.detect(cube)
    require(_contents(cube) == before, who, "the data stay as they were", "the cube was changed", "work on a copy")
    require(len(first), who, "it finds something in the data of the check", "it found nothing",
            "give data in which it does: check_detector(..., data=cube)")  # fmt: skip
    _check_answer(first, detector, cube, who)
    for rule in (_check_repeat, _check_file, _check_holes, _check_nothing):
        rule(first, detector, cube, who)


def _contents(cube):
    """Return all that a detector could change, as bytes and text."""
    arrays = (np.ma.getdata(cube.data), np.ma.getmaskarray(cube.data), np.ma.getdata(cube.var))
    headers = (cube.primary_header, cube.data_header)
    return tuple(a.tobytes() for a in arrays) + tuple(h.tostring() for h in headers)


def _check_answer(table, detector, cube, who):
    check_table(table, Detections, detector, who)
    require(list(table["id"]) == list(range(1, len(table) + 1)), who, "ids count from 1",
            f"they are {list(table['id'])}",
            "leave the ids to the base")  # fmt: skip
    require(np.all(np.diff(table["score"]) <= 0), who, "the highest score comes first", "scores are not in order",
            "make scores finite, higher is surer")  # fmt: skip
    for name, (possible, meaning) in _possible(table, open_cube(cube)).items():
        bad = table[~np.ma.filled(possible, True)]
        require(not len(bad), who, f"{name} is {meaning}", f"{name} is {bad[name][0] if len(bad) else ''}",
                "correct the column")  # fmt: skip
    growing = np.all(np.diff(table["n_false"]) >= -1e-6 * table["n_false"][1:])
    require(growing, who, "n_false grows as the score falls", f"it is {list(table['n_false'])}",
            "count the false detections scored at least as high")  # fmt: skip


def _possible(table, data):
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


def _check_repeat(first, detector, cube, who):
    again = type(detector)(**detector.settings()).detect(cube)
    seen = difference(first, again, rtol=0)
    require(not seen, who, "the same data give the same answer", seen, "fix the seed of what is random; keep no state")


def _check_file(first, detector, cube, who):
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder, "cube.fits"))
        cube.write(path, savemask="nan")
        seen = difference(first, detector.detect(path), rtol=1e-3)
    require(not seen, who, "a file and the cube in memory give the same answer", seen, "use what CubeData hands out")


def _check_holes(first, detector, cube, who):
    """Mask a corner, put NaN into some planes."""
    holes = cube.copy()
    holes.data[:, :8, :8] = np.ma.masked
    holes.data.data[5:8] = np.nan
    rule = "masked and NaN voxels survive"
    try:
        table = detector.detect(holes)
    except InputError as error:
        require(False, who, rule, f"it raised {error}", "treat NaN as no data")
    _check_answer(table, detector, holes, who)
    inside = (table["x"] < 4) & (table["y"] < 4)
    require(
        not np.any(inside), who, rule, f"{np.sum(inside)} detections are in a masked corner", "treat NaN as no data"
    )


def _check_nothing(first, detector, cube, who):
    """Where all data are zero there is nothing to be found."""
    dark = cube.copy()
    dark.data.data[:] = 0
    table = detector.detect(dark)
    check_table(table, Detections, detector, who)
    require(not len(table), who, "where there is nothing the table is empty", f"{len(table)} rows in a cube of zeros",
            "return museml.Detections.empty()")  # fmt: skip

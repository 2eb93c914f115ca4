"""What finds sources in a cube for bench_cubes.py: museml's detectors and its whole job."""

import tempfile
from functools import partial
from pathlib import Path

import numpy as np
from astropy.table import Table

__all__ = ["COLUMNS", "OWN", "answer_once", "found"]

#: columns of an answer, the best row first; nan where a finder does not tell
COLUMNS = ("x", "y", "wave", "score", "n_false", "snr", "flux", "flux_err", "z", "p")


def found(kind="line", **columns):
    """Return an answer from the columns that a finder gives; ``kind`` is 'line', 'continuum' or 'source'."""
    length = len(columns["x"])
    table = Table({"kind": np.broadcast_to(np.asarray(kind, "U9"), length)})
    for name in COLUMNS:
        values = np.ma.filled(np.ma.asarray(columns.get(name, np.full(length, np.nan)), float), np.nan)
        table[name] = values if len(values) == length else np.full(length, np.nan)
    return table[np.argsort(-table["score"], kind="stable")] if length else table


def detected(path, name, **settings):
    """Return what a detector of museml finds."""
    import museml

    table = museml.detect(path, name, **settings)
    columns = {key: table[key] for key in ("x", "y", "wave", "score", "n_false", "snr", "flux", "flux_err")}
    for key, column in (("z", "z"), ("p", "p_z")):
        columns |= {key: table[column]} if column in table.colnames else {}
    return found(np.asarray(table["kind"], str), **columns)


def redshifts(path, name):
    """Return the sources to which a detector gives a redshift, by its probability."""
    rows = detected(path, name)
    rows = rows[np.isfinite(rows["z"])]
    first = np.unique(np.round(rows["z"], 9) + 100 * np.round(rows["x"], 1), return_index=True)[1]
    rows = rows[np.sort(first)]
    return found("source", **{name: rows[name] for name in COLUMNS} | {"score": rows["p"]})


def job(path, **settings):
    """Return the catalogue of ``museml run``, by the probability of the redshifts."""
    import museml
    from museml.data.cubes import open_cube

    with tempfile.TemporaryDirectory() as folder:
        catalog = museml.run(path, Path(folder) / "run", plots=False, progress=False, **settings)
    x, y = open_cube(path).sky_to_pixel(np.asarray(catalog["RA"]), np.asarray(catalog["DEC"]))
    return found("source", x=x, y=y, z=catalog["z"], p=catalog["p"], score=np.ma.filled(catalog["p"], -1.0))


#: museml's own finders: name -> function of the path of a cube
OWN = {
    "lines": partial(detected, name="lines", threshold=4.2),
    "joint": partial(detected, name="joint", threshold=4.2, min_p_real=0.0),
    "continuum": partial(detected, name="continuum"),
    "continuum, threshold 4": partial(detected, name="continuum", threshold=4.0),
    "line_sets": partial(redshifts, name="line_sets"),
    "joint, redshifts": partial(redshifts, name="joint"),
    "run": job,
}


def answer_once(finder, field):
    """Return a field and the answer of one of museml's finders, given in this process; the cube is removed."""
    answer = OWN[finder](field.path)
    field.path.unlink()
    return field, answer

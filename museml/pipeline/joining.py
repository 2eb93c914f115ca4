"""FITS tables with the same columns joined into one file, row by row, so that they need not fit into memory."""

import numpy as np
from astropy.io import fits

from museml.output import whole_file

__all__ = ["join_fits", "part_column"]

BLOCK = 2880  # bytes, of FITS


def part_column(path, name):
    """Return a column of the table in a FITS file as a list."""
    with fits.open(path) as hdus:
        values = np.array(hdus[1].data[name])
    return values.astype(str).tolist() if values.dtype.kind in "SU" else values.tolist()


def join_fits(paths, out):
    """Write the rows of FITS tables into one table.

    Parameters
    ----------
    paths : sequence of path
        Files as `~museml.output.write_table` makes them; texts may differ in width, and headers are those of the
        first.
    out : path
        The file to write.
    """
    layouts, rows = zip(*map(_layout, paths), strict=True)
    dtype = _common(layouts)
    with fits.open(paths[0]) as hdus, whole_file(out) as part, open(part, "wb") as file:
        file.write(hdus[0].header.tostring().encode("ascii"))
        file.write(_header(hdus[1].header.copy(), dtype, sum(rows)).tostring().encode("ascii"))
        for path in paths:
            file.write(_raw(path).astype(dtype).tobytes())
        file.write(bytes(-sum(rows) * dtype.itemsize % BLOCK))


def _layout(path):
    raw = _raw(path)
    return raw.dtype, len(raw)


def _raw(path):
    """Return the rows of a table as they are on the disk."""
    with fits.open(path) as hdus:
        return np.array(hdus[1].data.view(np.ndarray))


def _common(layouts):
    """Return the dtype that holds all rows: each text as wide as the widest."""
    return np.dtype([(name, max((layout[name] for layout in layouts), key=_width)) for name in layouts[0].names])


def _width(dtype):
    return dtype.itemsize


def _header(header, dtype, rows):
    header["NAXIS1"], header["NAXIS2"] = dtype.itemsize, rows
    for number, name in enumerate(dtype.names, 1):
        if dtype[name].kind == "S":
            header[f"TFORM{number}"] = f"{dtype[name].itemsize}A"
    return header

"""The table of a run over many cubes: one row per cube, in ``cubes.ecsv``."""

from pathlib import Path

import numpy as np
from astropy.table import Table, vstack

from museml.columns import Field, FixedTable
from museml.errors import OutputError
from museml.output import make_folder, write_table
from museml.pipeline.lock import FolderLock

__all__ = ["CUBES", "CubeTable", "add_to_table"]

CUBES = "cubes.ecsv"


class CubeTable(FixedTable):
    """Table of cubes, and what became of them."""

    fields = (
        Field("name", "str", "name of the cube and of its folder", ucd="meta.id;meta.main"),
        Field("status", "str", "'complete', 'failed' or 'waiting'", ucd="meta.code.status"),
        Field("detections", "i8", "number of lines and continua found", ucd="meta.number", maskable=True),
        Field("sources", "i8", "number of sources", ucd="meta.number", maskable=True),
        Field("seconds", "f8", "time that the steps took, over all resumptions", "s", "time.duration", maskable=True),
        Field("file", "str", "the cube", ucd="meta.ref.url"),
        Field("message", "str", "why it failed", ucd="meta.note"),
    )

    @classmethod
    def from_rows(cls, rows):
        """Make a table of dictionaries; None stands for no value."""
        columns = {field.name: [row[field.name] for row in rows] for field in cls.fields}
        for field in cls.fields:
            if field.maskable:
                missing = [value is None for value in columns[field.name]]
                columns[field.name] = np.ma.array([value or 0 for value in columns[field.name]], mask=missing)
        return cls.from_columns(columns)


def add_to_table(rows, folder):
    """Write rows into the table in a folder; those of other cubes, which other runs may have written, stay.

    Parameters
    ----------
    rows : list of dict
        With the columns of `CubeTable`.
    folder : path
        The folder that holds those of the cubes.

    Raises
    ------
    OutputError
        If the table cannot be written, or is not of museml.
    """
    table, path = CubeTable.from_rows(rows), Path(folder) / CUBES
    make_folder(path.parent)
    with FolderLock(path.parent, wait=True):
        if path.exists():
            others = _read(path)
            others = others[~np.isin(others["name"], table["name"])]
            table = vstack([others, table]) if len(others) else table
        write_table(table, path)


def _read(path):
    try:
        table = Table.read(path, format="ascii.ecsv")
        return CubeTable.from_columns({field.name: table[field.name] for field in CubeTable.fields})
    except (OSError, ValueError, KeyError) as error:
        reason = " ".join(str(error).split())
        raise OutputError(f"{str(path)!r} must be a table of cubes; it cannot be read: {reason}; remove it") from error

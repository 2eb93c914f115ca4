"""Many cubes: each in a folder of its own, shared among processes; one that fails does not stop the others."""

import time
import warnings
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from mpdaf.sdetect import Catalog

from museml.catalogs.summary import SourceTable
from museml.errors import MusemlError, MusemlWarning, SettingError
from museml.output import read_table
from museml.pipeline.cube_run import cube_path, name_of, run_cube
from museml.pipeline.cube_table import CubeTable, add_to_table
from museml.pipeline.progress import Progress
from museml.pipeline.record import read_record
from museml.pipeline.workers import Workers

__all__ = ["Catalogs", "as_catalog", "run_cubes"]

PAUSE = 10.0  # seconds at least from one writing of the table of cubes to the next


class Catalogs(Mapping):
    """The catalogues of many cubes by name, each read from its folder when it is asked for.

    Attributes
    ----------
    cubes : `~museml.pipeline.cube_table.CubeTable`
        What became of each cube, also of those that failed, which have no catalogue.
    """

    def __init__(self, cubes, folder):
        self.cubes, self._folder = cubes, Path(folder)
        self._names = [str(row["name"]) for row in cubes if row["status"] == "complete"]

    def __getitem__(self, name):
        if name not in self._names:
            raise KeyError(name)
        return as_catalog(read_table(SourceTable, self._folder / name / "catalog.fits"), self._folder / name)

    def __iter__(self):
        return iter(self._names)

    def __len__(self):
        return len(self._names)


def as_catalog(table, folder):
    """Return an MPDAF Catalog that knows where its sources are, so that it can be classified again."""
    catalog = Catalog(table)
    catalog.meta["folder"] = str(Path(folder) / "sources")
    return catalog


def run_cubes(cubes, out, choice, workers, mode, shown=True):
    """Run the whole job on each of several cubes; see `museml.run`.

    Parameters
    ----------
    cubes : sequence of cube
        Whatever `~museml.data.cubes.open_cube` opens.
    out : path
        The folder that gets one folder per cube, and the table of cubes.
    choice, mode
        As for `~museml.pipeline.cube_run.run_cube`.
    workers : `~museml.pipeline.workers.Workers` or `~museml.pipeline.cluster.Cluster`
        The processes; where there are more of them than cubes, each cube gets several.
    shown : bool
        Whether to show a progress bar.

    Returns
    -------
    Catalogs

    Raises
    ------
    MusemlError
        If not one cube could be run.
    """
    rows = _Rows(cubes, out)
    tasks = [
        (cube, rows.folder / name, choice, mode, shown and workers.alone, workers.inner(len(cubes)))
        for cube, name in zip(cubes, rows.names, strict=True)
    ]
    with rows, Progress("cubes", shown and not workers.alone) as progress:
        progress.more(len(tasks) - 1)
        for place, row in workers.each(_run_one, tasks):
            rows.fill(place, row if isinstance(row, dict) else {"status": "failed", "message": str(row)})
            progress.step(rows.state())
            progress.advance()
    return rows.catalogs()


class _Rows:
    """The rows of the table of cubes while they are filled; the file is written now and then, and at the end."""

    def __init__(self, cubes, folder):
        self.folder, self.names = Path(folder), _names(cubes)
        files = [str(cube_path(cube) or "") for cube in cubes]
        empty = {"status": "waiting", "detections": None, "sources": None, "seconds": None, "message": ""}
        self._rows = [{"name": name, "file": file, **empty} for name, file in zip(self.names, files, strict=True)]
        self._changed, self._written = [], -PAUSE

    def __enter__(self):
        add_to_table(self._rows, self.folder)
        return self

    def __exit__(self, kind, error, traceback):
        self._write()

    def fill(self, place, values):
        """Fill the row of a cube that is done, and tell of one that failed."""
        row = self._rows[place]
        row |= values
        self._changed.append(row)
        if row["status"] == "failed":
            message = f"cube {row['name']!r} failed, the others go on: {row['message']}"
            warnings.warn(message, MusemlWarning, stacklevel=4)
        if time.monotonic() > self._written + PAUSE:
            self._write()

    def state(self):
        """Say how many are done."""
        count = Counter(row["status"] for row in self._rows)
        failed = f", {count['failed']} failed" if count["failed"] else ""
        return f"{len(self._rows) - count['waiting']} of {len(self._rows)}{failed}"

    def catalogs(self):
        failed = [row["message"] for row in self._rows if row["status"] == "failed"]
        if failed and len(failed) == len(self._rows):
            raise MusemlError(f"none of {len(failed)} cubes could be run; the first: {failed[0]}")
        return Catalogs(CubeTable.from_rows(self._rows), self.folder)

    def _write(self):
        if self._changed:
            add_to_table(self._changed, self.folder)
        self._changed, self._written = [], time.monotonic()


def _run_one(cube, out, choice, mode, shown, jobs):
    """Return what the table of cubes says of one, or `MusemlError` if it failed; the others shall go on."""
    try:
        with Workers(jobs) as workers:
            run_cube(cube, out, choice, workers, mode, shown)
        record = read_record(out)
        return {"status": "complete", "seconds": sum(record["seconds"].values()), **record["results"]}
    except MusemlError as error:
        return MusemlError(str(error))
    except Exception as error:  # of a plugin, say
        return MusemlError(f"{type(error).__name__}: {' '.join(str(error).split())}")


def _names(cubes):
    if not cubes:
        raise SettingError("a run needs at least one cube; the list is empty; name some")
    names = [name_of(cube) for cube in cubes]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise SettingError(f"each cube needs a name of its own for its folder; {twice[0]!r} is there twice; rename one")
    return names

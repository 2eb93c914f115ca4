"""The folder of a run: what is in it, whether a run may start or resume there, its log and its record."""

import shutil
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from museml.errors import OutputError
from museml.output import FORMATS, make_folder, remove_parts, write_json
from museml.pipeline.lock import FolderLock
from museml.pipeline.record import RECORD, differences, plain, read_record, versions

__all__ = ["Mode", "RunFolder"]

LOG = "run.log"
PRODUCTS = (
    *(f"catalog{suffix}" for suffix in FORMATS.values()),
    "detections.fits",
    "redshifts.fits",
    "sources",
    "plots",
    "extracted",
    LOG,
    RECORD,
)


@dataclass(frozen=True)
class Mode:
    """What a run may do with a run that is in its folder already.

    Attributes
    ----------
    resume : bool
        Go on with it.
    overwrite : bool
        Replace it.
    call : str
        What tells one call of `museml.run` from all others. A cube may be given to a second process, when the first
        has died: what the first left is of this call, and it is gone on with whatever ``resume`` and ``overwrite`` say.
    """

    resume: bool = False
    overwrite: bool = False
    call: str = ""


class RunFolder:
    """The folder that a run writes to.

    Parameters
    ----------
    path : path
        The folder.
    recipe : dict
        What the result depends on: the input's SHA-256, versions, names and settings of the plugins.
        A run resumes only where it is the same.
    about : dict
        What else is recorded: where the input came from, and what is written.
    """

    def __init__(self, path, recipe, about=None):
        self.path = Path(path)
        self._record = {"recipe": plain(recipe), "seconds": {}, "versions": {}, "state": "started", **(about or {})}

    @contextmanager
    def opened(self, mode):
        """Make the folder ready for the run, and keep other runs out of it until the end of the ``with`` block.

        Parameters
        ----------
        mode : Mode
            What may be done with a run that is there already.

        Raises
        ------
        OutputError
            If another run works there; if it holds a run and neither resume nor overwrite is wanted; if that run
            was another one; if it holds files of other origin under the names of the products; if it cannot be
            written.
        """
        make_folder(self.path)
        with FolderLock(self.path, wait=self._is_of(mode.call)):
            self._make_ready(mode)
            yield self

    def _is_of(self, call):
        """Say whether the same call works there: in a process that was given up, and that may still be ending."""
        if not call or not (self.path / RECORD).exists():
            return False
        record = read_record(self.path)
        return isinstance(record, dict) and record.get("call") == call

    def _make_ready(self, mode):
        there = [name for name in PRODUCTS if (self.path / name).exists()]
        old = self._old_record(there) if there else {}
        again = mode.call and old.get("call") == mode.call
        self._record["call"] = mode.call
        if old.get("state") == "stopped" and set(there) <= {RECORD, LOG}:
            self._clear(there)
        elif there and (mode.resume or again):
            self._resume(old)
        elif there and mode.overwrite:
            self._clear(there)
        elif there:
            raise OutputError(
                f"{str(self.path)!r} holds a run already; resume it (--resume), replace it (--overwrite), or "
                "choose another folder"
            )
        remove_parts(self.path)
        self._write_record()

    def log(self, text):
        """Append a line to the log, with the time (UTC)."""
        now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")
        try:
            with open(self.path / LOG, "a", encoding="utf-8") as file:
                file.write(f"{now}  {text}\n")
        except OSError as error:
            raise OutputError(f"the log of {str(self.path)!r} cannot be written: {error.strerror}") from error

    def step(self, name):
        """Return a context that logs a step and records how long it took, over all resumptions."""
        return _Step(self, name)

    def spent(self, name, seconds):
        """Record the time of a step."""
        total = self._record["seconds"].get(name, 0.0) + seconds
        self._record["seconds"][name] = round(total, 2)
        self._write_record()

    def finish(self, results):
        """Record that the run is complete, with numbers that tell its result."""
        self._record |= {"state": "complete", "results": results}
        self._write_record()

    def stop(self):
        """Record that something stopped the run; if no step was finished by then, the folder is free for another."""
        self._record |= {"state": "stopped"}
        self._write_record()

    def make(self, name):
        """Make and return a folder below this one."""
        make_folder(self.path / name)
        return self.path / name

    def _resume(self, old):
        others = list(differences(old["recipe"], self._record["recipe"]))
        if others:
            raise OutputError(
                f"the run in {str(self.path)!r} differs from this one: {'; '.join(others)}; "
                "repeat its settings, replace it (--overwrite), or choose another folder"
            )
        self._record |= {key: old.get(key, {}) for key in ("seconds", "versions")}

    def _old_record(self, there):
        """Return the record of the run that is there, and refuse a folder that no run of museml left."""
        record = read_record(self.path) if RECORD in there else {}
        if not (isinstance(record, dict) and "museml" in record.get("recipe", ())):
            raise OutputError(
                f"{str(self.path)!r} holds {there[0]!r}, which no run of museml left; choose another folder"
            )
        return record

    def _clear(self, names):
        """Remove the products of the former run; the record goes last, so that an interruption does no harm."""
        for name in sorted(names, key=RECORD.__eq__):
            path = self.path / name
            try:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            except OSError as error:
                raise OutputError(f"{str(path)!r} cannot be replaced: {error.strerror}; remove it") from error

    def _write_record(self):
        self._record["versions"] |= versions()
        write_json(self._record, self.path / RECORD)


class _Step:
    def __init__(self, folder, name):
        self._folder, self._name = folder, name

    def __enter__(self):
        self._folder.log(f"{self._name}: start")
        self._start = time.perf_counter()

    def __exit__(self, kind, error, traceback):
        seconds = time.perf_counter() - self._start
        if kind is None:
            self._folder.log(f"{self._name}: done in {seconds:.1f} s")
            self._folder.spent(self._name, seconds)

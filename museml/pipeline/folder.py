"""The folder of a run: what is in it, whether a run may start or resume there, its log and its record."""

import json
import platform
import shutil
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from museml._version import __version__
from museml.errors import OutputError
from museml.output import FORMATS, make_folder, remove_parts, write_json

__all__ = ["RunFolder"]

RECORD = "provenance.json"
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
#: modules whose versions are recorded, if they were used
MODULES = ("numpy", "scipy", "astropy", "mpdaf", "photutils", "skimage", "keras", "tensorflow", "matplotlib")


class RunFolder:
    """The folder that a run writes to.

    Parameters
    ----------
    path : path
        The folder.
    recipe : dict
        What the result depends on: the input's SHA-256, versions, names and settings of the plugins.
        A run resumes only where it is the same.
    source : str
        Where the input came from.
    """

    def __init__(self, path, recipe, source=""):
        self.path = Path(path)
        recipe = json.loads(json.dumps(recipe, default=str))
        self._record = {"input": source, "recipe": recipe, "seconds": {}, "versions": {}, "state": "started"}

    def open(self, resume=False, overwrite=False):
        """Make the folder ready for the run.

        Raises
        ------
        OutputError
            If it holds a run and neither resume nor overwrite is wanted; if that run was another
            one; if it holds files of other origin under the names of the products; if it cannot be
            written.
        """
        there = [name for name in PRODUCTS if (self.path / name).exists()]
        old = self._old_record(there) if there else {}
        if old.get("state") == "stopped" and set(there) <= {RECORD, LOG}:
            self._clear(there)
        elif there and resume:
            self._resume(old)
        elif there and overwrite:
            self._clear(there)
        elif there:
            raise OutputError(
                f"{str(self.path)!r} holds a run already; resume it (--resume), replace it (--overwrite), or "
                "choose another folder"
            )
        make_folder(self.path)
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
        differences = list(_differences(old["recipe"], self._record["recipe"]))
        if differences:
            raise OutputError(
                f"the run in {str(self.path)!r} differs from this one: {'; '.join(differences)}; "
                "repeat its settings, replace it (--overwrite), or choose another folder"
            )
        self._record |= {key: old.get(key, {}) for key in ("seconds", "versions")}

    def _old_record(self, there):
        """Return the record of the run that is there, and refuse a folder that no run of museml left."""
        record = self._read_record() if RECORD in there else {}
        if not (isinstance(record, dict) and "museml" in record.get("recipe", ())):
            raise OutputError(
                f"{str(self.path)!r} holds {there[0]!r}, which no run of museml left; choose another folder"
            )
        return record

    def _read_record(self):
        try:
            return json.loads((self.path / RECORD).read_text())
        except (OSError, ValueError) as error:
            raise OutputError(
                f"{str(self.path / RECORD)!r} must be the record of a run; it cannot be read: {error}; "
                "remove it or choose another folder"
            ) from error

    def _clear(self, names):
        """Remove the products of the former run; the record goes last, so that an interruption does no harm."""
        for name in sorted(names, key=RECORD.__eq__):
            path = self.path / name
            try:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            except OSError as error:
                raise OutputError(f"{str(path)!r} cannot be replaced: {error.strerror}; remove it") from error

    def _write_record(self):
        self._record["versions"] |= _versions()
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


def _versions():
    used = {name: sys.modules[name].__version__ for name in MODULES if name in sys.modules}
    return {"python": platform.python_version(), "museml": __version__, **used}


def _differences(old, new, name=""):
    """Yield in words where two nested dictionaries differ."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(set(old) | set(new)):
            yield from _differences(old.get(key), new.get(key), f"{name} {key}".strip())
    elif old != new:
        yield f"{name} was {_short(old)}, now {_short(new)}"


def _short(value):
    text = json.dumps(value)
    return text if len(text) < 30 else f"{text[:20]}..."

"""The record of a run, ``provenance.json``: what it was made from and how, and whether it is complete."""

import json
import platform
import sys
from pathlib import Path

from museml._version import __version__
from museml.errors import OutputError
from museml.output import FORMATS

__all__ = ["RECORD", "differences", "is_complete", "plain", "read_record", "versions"]

RECORD = "provenance.json"
#: modules whose versions are recorded, if they were used
MODULES = ("numpy", "scipy", "astropy", "mpdaf", "photutils", "skimage", "keras", "tensorflow", "matplotlib")


def read_record(folder):
    """Return the record of the run in a folder.

    Raises
    ------
    OutputError
        If it cannot be read.
    """
    path = Path(folder) / RECORD
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise OutputError(
            f"{str(path)!r} must be the record of a run; it cannot be read: {error}; remove it or choose another folder"
        ) from error


def is_complete(folder, recipe, about):
    """Say whether a folder holds the whole of a run, of the same file, so that nothing is left to do.

    The file is taken for the same if its size and the time of its last change are: reading it would take longer.

    Parameters
    ----------
    folder : path
        The folder.
    recipe : dict
        What the result depends on; the SHA-256 of the file may be left out.
    about : dict
        With ``file``, its size and time or None, and what is wanted: ``formats`` and ``plots``.
    """
    if about["file"] is None or not (Path(folder) / RECORD).exists():
        return False
    record = read_record(folder)
    if not isinstance(record, dict) or record.get("state") != "complete" or record.get("file") != plain(about["file"]):
        return False
    return _without_input(record["recipe"]) == _without_input(plain(recipe)) and _has_products(folder, record, about)


def _without_input(recipe):
    return {key: value for key, value in recipe.items() if key != "input"}


def _has_products(folder, record, about):
    """Say whether all files are there: catalogues, sources and, if they are wanted, pictures."""
    folder, sources = Path(folder), record["results"]["sources"]
    catalogs = all((folder / f"catalog{FORMATS[format]}").exists() for format in about["formats"])
    pictures = not about["plots"] or len(list((folder / "plots").glob("*.png"))) > sources
    return catalogs and pictures and len(list((folder / "sources").glob("*.fits"))) == sources


def plain(values):
    """Return what a JSON file keeps of values."""
    return json.loads(json.dumps(values, default=str))


def versions():
    """Return the versions of Python, museml and those modules that were used."""
    used = {name: sys.modules[name].__version__ for name in MODULES if name in sys.modules}
    return {"python": platform.python_version(), "museml": __version__, **used}


def differences(old, new, name=""):
    """Yield in words where two nested dictionaries differ."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(set(old) | set(new)):
            yield from differences(old.get(key), new.get(key), f"{name} {key}".strip())
    elif old != new:
        yield f"{name} was {_short(old)}, now {_short(new)}"


def _short(value):
    text = json.dumps(value)
    return text if len(text) < 30 else f"{text[:20]}..."

"""The folder of an injection: its rounds, its tables, and the record by which it may be resumed."""

import json
import shutil
from pathlib import Path

from museml.errors import OutputError
from museml.injection.recovered import Recovered
from museml.output import make_folder, read_table, remove_parts, write_json, write_table

__all__ = ["InjectionFolder"]

RECORD = "injection.json"
ROUNDS = "rounds"
PRODUCTS = (RECORD, ROUNDS, "injected.fits", "completeness.ecsv", "limits.ecsv", "completeness.png")


class InjectionFolder:
    """The folder that an injection writes to.

    Parameters
    ----------
    path : path
        The folder.
    recipe : dict
        What the result depends on; an injection is resumed only where it is the same.
    """

    def __init__(self, path, recipe):
        self.path = Path(path)
        self._recipe = json.loads(json.dumps(recipe, default=str))

    def open(self, resume=False, overwrite=False):
        """Make the folder ready.

        Raises
        ------
        OutputError
            If it holds an injection and neither resume nor overwrite is wanted; if that was another one; if it holds
            files of other origin.
        """
        there = [name for name in PRODUCTS if (self.path / name).exists()]
        old = self._old_recipe() if there else None
        if there and resume:
            self._compare(old)
        elif there and overwrite:
            self._clear(there)
        elif there:
            raise OutputError(
                f"{str(self.path)!r} holds an injection already; resume it (--resume), replace it (--overwrite), or "
                "choose another folder"
            )
        make_folder(self.path / ROUNDS)
        remove_parts(self.path)
        write_json({"recipe": self._recipe}, self.path / RECORD)

    def old_round(self, number):
        """Return the objects of a round if it is there, else None."""
        path = self._round(number)
        return read_table(Recovered, path) if path.exists() else None

    def keep_round(self, number, objects):
        """Write the objects of a round."""
        write_table(objects, self._round(number))

    def write(self, name, table):
        """Write a table."""
        write_table(table, self.path / name)

    def _round(self, number):
        return self.path / ROUNDS / f"round-{number:04d}.fits"

    def _old_recipe(self):
        try:
            return json.loads((self.path / RECORD).read_text())["recipe"]
        except (OSError, ValueError, KeyError, TypeError):
            raise OutputError(
                f"{str(self.path)!r} holds files that no injection of museml left; choose another folder"
            ) from None

    def _compare(self, old):
        differing = sorted(key for key in {*old, *self._recipe} if old.get(key) != self._recipe.get(key))
        if differing:
            raise OutputError(
                f"the injection in {str(self.path)!r} differs from this one in {', '.join(differing)}; repeat its "
                "settings, replace it (--overwrite), or choose another folder"
            )

    def _clear(self, names):
        """Remove what an injection left; the record goes last, so that an interruption does no harm."""
        for name in sorted(names, key=RECORD.__eq__):
            path = self.path / name
            shutil.rmtree(path) if path.is_dir() else path.unlink()

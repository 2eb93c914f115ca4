"""The folder of a training: whether one may begin or go on there, and its record."""

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np

from museml._version import __version__
from museml.errors import OutputError
from museml.output import make_folder, remove_parts, write_json

__all__ = ["COMPLETE", "TuningFolder"]

RECORD = "training.json"
STATES = "training"
COMPLETE, STARTED = "complete", "started"


class TuningFolder:
    """The folder that a training writes to.

    Parameters
    ----------
    path : path
        The folder.
    labelled : `~museml.training.labels.LabelledSpectra`
        What is trained on.
    settings : dict
        What else the result depends on. A training goes on only where labels and settings are the same.
    """

    def __init__(self, path, labelled, settings):
        self.path = Path(path)
        recipe = {"labels": _digest(labelled.labels), "settings": settings}
        self._recipe = json.loads(json.dumps(recipe))

    @property
    def model(self):
        """The file of the model."""
        return self.path / "model.asdf"

    @property
    def states(self):
        """The folder of what is needed to go on."""
        return self.path / STATES

    def open(self, resume=False, overwrite=False):
        """Make the folder ready, and say whether the training there is complete already.

        Raises
        ------
        OutputError
            If it holds a training and neither resume nor overwrite is wanted, if that is another training, or if
            the folder cannot be written.
        """
        old = self._old()
        if old and overwrite:
            self._clear()
        elif old and not resume:
            raise OutputError(
                f"{str(self.path)!r} holds a training already, which is {old.get('state', 'broken')}; go on with it "
                "(--resume), replace it (--overwrite), or choose another folder"
            )
        elif old and old.get("recipe") != self._recipe:
            raise OutputError(
                f"the training in {str(self.path)!r} differs from this one: {self._difference(old)}; repeat its "
                "settings, replace it (--overwrite), or choose another folder"
            )
        elif old.get("state") == COMPLETE:
            return True
        make_folder(self.path)
        remove_parts(self.path)
        self._write(STARTED)
        return False

    def finish(self):
        """Record that the training is complete; what is needed to go on is removed."""
        self._write(COMPLETE)
        shutil.rmtree(self.states, ignore_errors=True)

    def _write(self, state):
        write_json({"state": state, "museml": __version__, "recipe": self._recipe}, self.path / RECORD)

    def _old(self):
        try:
            return json.loads((self.path / RECORD).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError):
            return {"state": "broken"}

    def _difference(self, old):
        recipe = old.get("recipe", {})
        if recipe.get("labels") != self._recipe["labels"]:
            return "it has other labels or spectra"
        before, now = recipe.get("settings", {}), self._recipe["settings"]
        return ", ".join(f"{key} was {before.get(key)!r}" for key in now if now[key] != before.get(key)) or "settings"

    def _clear(self):
        shutil.rmtree(self.states, ignore_errors=True)
        for name in ("model.asdf", "report.html", "scores.ecsv", "answers.fits", RECORD):
            (self.path / name).unlink(missing_ok=True)


def _digest(labels):
    """Return a checksum of ids, objects, classes and redshifts."""
    z = np.ma.filled(np.ma.asarray(labels["z"], float), -1.0).round(8)
    rows = zip(labels["id"], labels["object"], labels["class"], z.tolist(), strict=True)
    return hashlib.sha256("\n".join(map(str, rows)).encode()).hexdigest()

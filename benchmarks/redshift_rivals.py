"""The classifiers that are compared: those of museml, a plain template fit, and redrock where it is installed."""

import csv
import os
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
from astropy import units as u

from museml import Redshifts, get_classifier
from museml.classifiers.nmf_grid import REST, STEP
from museml.data.spectral import to_vacuum

__all__ = ["ASKED", "RIVALS", "answers_of", "available", "make_rival"]

#: name -> most spectra of a set that it is asked, since some are slow
RIVALS = {"redshift": 3000, "nmf": 1000, "templates": 500, "lines": 300, "redrock": 160}
#: pixels that redrock wants on both sides of the galaxies, since it goes beyond no template
PAD = (2000, 600)
#: sets that a slow rival is asked; others are asked all
ASKED = {"redrock": ("simulations", "muse", "sdss")}
CLASSES = {"GALAXY": "galaxy", "QSO": "QSO", "STAR": "star"}


def available():
    """Return the names of the classifiers that can be asked here; redrock needs its Python in REDROCK_PYTHON."""
    there = "REDROCK_PYTHON" in os.environ and "MUSEML_DATA" in os.environ
    return [name for name in RIVALS if name != "redrock" or there]


def make_rival(name, folder, model=None):
    """Return a classifier of museml, or the template fit, whose templates are in a file in a folder.

    Parameters
    ----------
    name : str
        Of `RIVALS`.
    folder : path
        Where the templates are kept.
    model : path
        The model of the classifier ``redshift``, if it is not the one that is shipped.
    """
    if name == "templates":
        from template_rival import template_classifier

        return template_classifier(folder)
    return get_classifier(name, **({"model": str(model)} if model and name == "redshift" else {}))


def answers_of(name, labelled, folder, model=None):
    """Return the answers of a rival to a set, and the seconds of one core that it took."""
    if name == "redrock":
        return _redrock(labelled)
    classifier = make_rival(name, folder, model)
    classifier.classify(labelled.batches[0].rows(0, 1))  # what happens once
    start = time.process_time()
    tables = [table for batch in labelled.batches for table in classifier.stream(batch)]
    seconds = time.process_time() - start
    names = [field.name for field in Redshifts.fields]
    columns = {key: np.ma.concatenate([np.ma.asarray(table[key]) for table in tables]) for key in names}
    return Redshifts.from_columns(columns, tables[0].meta), seconds


def _redrock(labelled):
    """Ask redrock, axis by axis, in its own Python."""
    groups, seconds = {}, 0.0
    for number, batch in enumerate(labelled.batches):
        groups.setdefault((batch.medium, batch.axis.to_value(u.Angstrom).tobytes()), []).append(number)
    rows = {}
    for numbers in groups.values():
        batches = [labelled.batches[number] for number in numbers]
        found, spent = _ask_redrock(batches)
        seconds += spent
        rows |= dict(zip([name for batch in batches for name in batch.ids], found, strict=True))
    ids = [name for batch in labelled.batches for name in batch.ids]
    return _table(ids, [rows[name] for name in ids]), seconds


def _ask_redrock(batches):
    from template_rival import galaxy_templates

    first = batches[0]
    flux, errors, mask = (np.concatenate([getattr(b, key) for b in batches]) for key in ("values", "errors", "mask"))
    scale = np.median(errors[errors > 0])
    ivar = np.where(mask, 0, (scale / np.where(mask, 1, errors)) ** 2)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        wave = to_vacuum(first.axis.to_value(u.Angstrom), first.medium)
        galaxies = np.pad(galaxy_templates(forest=False).astype(float), ((0, 0), PAD))
        axis = np.exp(STEP * np.arange(REST[0] - PAD[0], REST[1] + PAD[1] + 1))
        np.savez(
            folder / "spectra.npz", wave=wave, flux=flux / scale, ivar=ivar, galaxy_wave=axis, galaxy_flux=galaxies
        )
        script = Path(__file__).with_name("redrock_rival.py")
        templates = Path(os.environ["MUSEML_DATA"], "templates", "redrock")
        command = [os.environ["REDROCK_PYTHON"], script, folder / "spectra.npz", templates, folder / "out.csv"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        with open(folder / "out.csv", newline="") as file:
            found = list(csv.DictReader(file))
    best = [sorted((r for r in found if int(r["row"]) == i), key=lambda r: int(r["rank"])) for i in range(len(flux))]
    return best, float(found[0]["seconds"])


def _table(ids, rows):
    """Return redrock's answers as ours; where it warns there is no probability, elsewhere it is sure."""
    columns = {"id": ids, "class": [CLASSES[row[0]["class"]] for row in rows], "flags": np.zeros(len(ids), "i4")}
    for rank, name in enumerate(("z", "z_2", "z_3")):
        columns[name] = np.ma.masked_invalid([float(row[rank]["z"]) if rank < len(row) else np.nan for row in rows])
    columns["z_err"] = np.array([float(row[0]["z_err"]) for row in rows])
    columns["p"] = np.array([1.0 if int(row[0]["zwarn"]) == 0 else 0.0 for row in rows])
    return Redshifts.from_columns(columns)

"""Options of the commands that take labelled spectra."""

from dataclasses import replace
from functools import wraps
from pathlib import Path

import click

from museml.errors import SettingError

__all__ = ["labelled_options", "open_labelled", "read_depths"]

_OPTIONS = (
    click.option("--spectra", required=True, metavar="DIR|CATALOG", help="Folder of spectra, or catalogue of Sources."),
    click.option(
        "--labels", default="Z", show_default=True, metavar="COLUMN",
        help="Where the redshifts are: a column of the catalogue; or of each Source a row of its table Z or a keyword.",
    ),
    click.option("--catalog", metavar="FILE", help="Table with the labels of the files in DIR."),
    click.option("--classes", metavar="COLUMN", help="Where the classes are: galaxy, QSO, star, nothing."),
    click.option("--objects", metavar="COLUMN", help="Where it says which object a spectrum shows; default: its id."),
    click.option(
        "--air-labels", is_flag=True, help="The redshifts were made as if wavelengths in air were those in vacuum."
    ),
)  # fmt: skip


def labelled_options(command):
    """Add the options to a command; it gets them as one dictionary, ``where``."""

    @wraps(command)
    def gathered(*args, spectra, labels, catalog, classes, objects, air_labels, **kwargs):
        where = {"spectra": spectra, "column": labels, "catalog": catalog, "classes": classes, "objects": objects}
        return command(*args, where=where, air_labels=air_labels, **kwargs)

    for option in reversed(_OPTIONS):
        gathered = option(gathered)
    return gathered


def open_labelled(where, air_labels=False):
    """Return the `~museml.training.labels.LabelledSpectra` that the options name."""
    from museml.training.label_files import read_labelled
    from museml.training.labels import vacuum_redshifts

    labelled = read_labelled(_spectra(where["spectra"]), **{k: v for k, v in where.items() if k != "spectra"})
    if not air_labels:
        return labelled
    labels = labelled.labels.copy()
    labels["z"] = vacuum_redshifts(labels["z"])
    return replace(labelled, labels=labels)


def read_depths(text):
    """Return the numbers of a list such as '1,2,5'.

    Raises
    ------
    SettingError
        If it is no list of numbers from 1.
    """
    try:
        depths = sorted({float(part) for part in text.split(",")})
    except ValueError:
        depths = [0.0]
    if depths[0] < 1:
        raise SettingError(
            f"--depths must be numbers from 1, separated by commas, not {text!r}; give for example 1,3,10"
        )
    return depths


def _spectra(path):
    """Return where the spectra are: in the folder of a run, below it."""
    sources = Path(path) / "sources"
    return str(sources) if sources.is_dir() else path

"""Options of the commands that take catalogues, and how these are opened."""

from functools import wraps
from pathlib import Path

import click

from museml.errors import InputError, SettingError

__all__ = ["column_options", "footprint_option", "open_any", "read_assignments", "read_footprint"]

footprint_option = click.option(
    "--footprint", "footprints", multiple=True, metavar="FILE",
    help="Count only what lies on valid pixels of this image or cube, or in this catalogue's outline; repeatable.",
)  # fmt: skip
_COLUMN = click.option(
    "--column", "columns", multiple=True, metavar="NAME=COLUMN",
    help="What a column of the last table is called, such as flux=S150; repeatable.",
)  # fmt: skip
_UNIT = click.option(
    "--unit", "units", multiple=True, metavar="NAME=UNIT",
    help="Unit of a column of the last table, such as flux=mJy; repeatable.",
)  # fmt: skip


def column_options(command):
    """Add the options that tell names and units; the command gets them as one dictionary, ``told``."""

    @wraps(command)
    def gathered(*args, columns, units, **kwargs):
        told = {"names": read_assignments("--column", columns), "units": read_assignments("--unit", units)}
        return command(*args, told=told, **kwargs)

    return _COLUMN(_UNIT(gathered))


def read_assignments(option, texts):
    """Return a dictionary of texts NAME=VALUE.

    Raises
    ------
    SettingError
        If one is no such text, or its name is not a column of museml's.
    """
    from museml.catalogs.column_names import NAMES, TEXTS

    told = {}
    for text in texts:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not (equals and value) or name not in {*NAMES, *TEXTS}:
            raise SettingError(
                f"{option} needs NAME=VALUE with NAME one of {', '.join([*NAMES, *TEXTS])}, not {text!r}"
            )
        told[name] = value
    return told


def open_any(path, told=None, only=None):
    """Open a file as it is, and with museml's names and units; text files are those of the SKA data challenge.

    Returns
    -------
    raw, table : `~astropy.table.Table`
        In the same order.
    """
    from museml.catalogs.reference import open_catalog, read_catalog
    from museml.catalogs.sdc1_table import read_sdc1

    raw = read_sdc1(path) if str(path).lower().endswith(".txt") else read_catalog(path)
    return raw, open_catalog(raw, **(told or {}), only=only)


def read_footprint(paths):
    """Return where all of the images and catalogues have looked; None if none is given."""
    from museml.catalogs.footprint import common_footprint

    return common_footprint(*map(_footprint, paths))


def _footprint(path):
    from museml.catalogs.footprint import image_footprint
    from museml.catalogs.outline import catalog_footprint
    from museml.data.kind import kind_of

    if not Path(path).is_file():
        raise InputError(f"a footprint must be an image or a catalogue; there is no file {path!r}; check the path")
    if kind_of(path):
        return image_footprint(path)
    table = open_any(path, only=("ra", "dec"))[1]
    return catalog_footprint(table["ra"], table["dec"])

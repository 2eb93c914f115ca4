"""Where labels are: in the files of the spectra themselves, in their catalogue, or in a table beside them."""

import os
import re
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import Table

from museml.data import spectrum_files as files
from museml.data.spectrum import stem
from museml.data.unread import unread
from museml.errors import InputError
from museml.training.labels import LabelledSpectra, make_labels

__all__ = ["read_labelled"]

#: columns of a table that name the spectrum, in this order
NAMES = ("filename", "file", "id", "name", "source")
#: redshifts that museml itself wrote into a Source are no labels
OWN = "MUSEML"


def read_labelled(spectra, column="Z", *, catalog=None, classes=None, objects=None):
    """Find the labels of spectra.

    Parameters
    ----------
    spectra : path, list of paths, or `~astropy.table.Table`
        A folder or list of files with a spectrum each; a catalogue, or the path of one, with the files of its
        Sources beside it, see `~museml.data.spectrum_files.source_files`; or a file or table with a spectrum per row.
    column : str
        Where the redshift is. With a catalogue or a spectrum per row: the column. Else for each file: the row of the
        Source's table Z with this Z_DESC, or the keyword in the header; 'Z' is the only row of the table Z
        that museml did not write.
    catalog : path or `~astropy.table.Table`, optional
        Table with the labels, in any format that astropy recognises; it names the spectra in a column
        called filename, file, id, name or source.
    classes, objects : str, optional
        Where the class, and the name of the object are: column or keyword. Spectra of one object are never parted.

    Returns
    -------
    LabelledSpectra

    Raises
    ------
    InputError
        If there is no such column or keyword, or no spectrum.
    """
    wanted = {"z": column, "classes": classes, "objects": objects}
    wanted = {name: key for name, key in wanted.items() if key}
    items = list(unread(spectra))
    ids = [item.name or str(number) for number, item in enumerate(items, 1)]
    table = _beside(spectra, len(ids)) if catalog is None else None
    if catalog is not None:
        columns = _matched(ids, _table(catalog), wanted)
    elif table is not None:
        columns = _columns(table, wanted)
    else:
        columns = _from_headers(_paths(spectra, ids), wanted, items)
    return LabelledSpectra(items, make_labels(ids, **columns))


def _beside(spectra, count):
    """Return the table with one row per spectrum that comes with them, or None."""
    if isinstance(spectra, Table):
        return spectra
    if not isinstance(spectra, (str, os.PathLike)) or Path(spectra).is_dir():
        return None
    if str(spectra).lower().endswith(files.TEXT):
        tables = [files.read_table(spectra)]
    else:
        with files.opened(spectra) as hdus:
            tables = [Table(hdu.data, meta=dict(hdu.header)) for hdu in hdus if isinstance(hdu, fits.BinTableHDU)]
    return next((table for table in tables if len(table) == count and "Z_DESC" not in table.colnames), None)


def _paths(spectra, ids):
    """Return the file of each spectrum, None where it is not the only one in its file."""
    if isinstance(spectra, (str, os.PathLike)):
        folder = Path(spectra)
        spectra = files.files_in(folder) if folder.is_dir() else [folder]
    paths = {name: path for path, name in files.names(spectra).items()}
    return [paths.get(name) for name in ids]


def _table(catalog):
    return catalog if isinstance(catalog, Table) else files.read_table(catalog)


def _columns(table, wanted):
    return {name: table[_find(table, key)] for name, key in wanted.items()}


def _find(table, name):
    """Return a column's name as the table writes it."""
    known = {column.lower(): column for column in reversed(table.colnames)}
    if name in table.colnames:
        return name
    if name.lower() not in known:
        raise InputError(
            f"the labels must be in a column of the catalogue; there is none named {name!r}; "
            f"it has {', '.join(table.colnames)}"
        )
    return known[name.lower()]


def _matched(ids, table, wanted):
    """Return the columns of a table in the order of the spectra; masked where one is not in it."""
    known = {column.lower() for column in table.colnames}
    key = next((name for name in NAMES if name in known), None)
    if key is None:
        raise InputError(
            f"a table of labels must name the spectra in a column {', '.join(NAMES)}; it has "
            f"{', '.join(table.colnames)}; rename one"
        )
    key = _find(table, key)
    rows = {_key(value): row for row, value in enumerate(table[key])}
    places = np.array([_place(rows, name) for name in ids])
    if not (places >= 0).any():
        raise InputError(
            f"a table of labels must name the spectra; no entry of its column {key!r}, such as {str(table[key][0])!r}, "
            f"is one of them, such as {ids[0]!r}; correct the column"
        )
    columns = _columns(table, wanted)
    return {
        name: np.ma.array(column[places], mask=_masked(column)[places] | (places < 0))
        for name, column in columns.items()
    }


def _masked(column):
    return np.ma.getmaskarray(np.ma.asarray(column))


def _key(value):
    """Return a name without folder and ending, or a number as text."""
    return stem(str(value).strip())


def _place(rows, name):
    """Return the row of a spectrum: by its name, or by the number at the end of it."""
    digits = re.search(r"(\d+)$", stem(name))
    keys = (name, stem(name), digits and digits.group(), digits and str(int(digits.group())))
    return next((rows[key] for key in keys if key in rows), -1)


def _from_headers(paths, wanted, items):
    """Read the labels from the files; what cannot be read has none."""
    found = {name: [_label(path, key) for path in paths] for name, key in wanted.items()}
    for name, key in wanted.items():
        if all(value is None for value in found[name]):
            items[0].load(items[0].name)  # whatever is wrong with the spectrum itself is said first
            raise InputError(
                f"the labels must be in the files or in a table; no file has a redshift or header keyword {key!r}; "
                "choose another name, or give the table that has it (--catalog)"
            )
    texts = {name: ["" if v is None else str(v) for v in found[name]] for name in found if name != "z"}
    return {"z": np.ma.array(found["z"], mask=[v is None for v in found["z"]]), **texts}


def _label(path, key):
    """Return the redshift or keyword of a file, None if it has none or cannot be read."""
    if path is None:
        return None
    try:
        if str(path).lower().endswith(".ecsv"):
            return _keyword(files.read_table(path).meta, key)
        with files.opened(path) as hdus:
            value = _of_redshifts(hdus["Z"].data, key) if "Z" in hdus else None
            headers = [hdu.header for hdu in hdus[:2]]
    except InputError:
        return None
    return value if value is not None else next((h[key] for h in headers if _has(h, key)), None)


def _has(header, key):
    return key.upper() in header and len(key) <= 8


def _keyword(meta, key):
    return {str(name).lower(): value for name, value in meta.items()}.get(key.lower())


def _of_redshifts(table, key):
    """Return the redshift with a description from the table Z of a Source."""
    names = [str(name).strip() for name in table["Z_DESC"]]
    rows = [row for row, name in enumerate(names) if name == key]
    if not rows and key.upper() == "Z":
        rows = [row for row, name in enumerate(names) if not name.startswith(OWN)]
    return float(table["Z"][rows[0]]) if len(rows) == 1 else None

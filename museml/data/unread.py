"""What holds spectra, taken apart: for each spectrum its name and how it is read, before it is."""

import os
from collections.abc import Iterable, Sized
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.table import Table
from mpdaf.obj import Cube, Spectrum
from mpdaf.sdetect import Source

from museml.data import spectrum as one
from museml.data import spectrum_files as files
from museml.data.batch import Batch
from museml.data.spectrum_stacks import stack_in_table
from museml.errors import InputError

__all__ = ["Unread", "count_spectra", "unread"]


@dataclass(frozen=True)
class Unread:
    """A spectrum that is not read yet.

    Attributes
    ----------
    name : str or None
        Its name, if it has one.
    load : callable
        Makes the `~museml.data.spectrum.OneSpectrum` of a name, or raises `~museml.errors.InputError`.
    """

    name: str
    load: object


def unread(data):
    """Yield each spectrum in the data, in order, as `Unread`; see `museml.data.spectra.open_spectra`."""
    if isinstance(data, Unread):
        yield data
    elif _is_path(data):
        yield from _in_path(Path(data))
    elif isinstance(data, Source):
        yield Unread(str(data.header["ID"]), partial(one.from_source, data))
    elif isinstance(data, Spectrum):
        yield Unread(data.filename and one.stem(data.filename), partial(one.from_mpdaf, data))
    elif isinstance(data, Table):
        yield from _in_table(data)
    elif hasattr(data, "spectral_axis"):
        yield from _in_specutils(data)
    elif isinstance(data, Batch):
        yield from (Unread(name, partial(_row, data, i)) for i, name in enumerate(data.ids))
    elif isinstance(data, Iterable) and not isinstance(data, (Cube, dict, bytes, np.ndarray)):
        yield from _in_items(data)
    else:
        yield Unread(None, partial(_refuse, data))


def count_spectra(data):
    """Return how many spectra there are, as far as can be told without opening each file; None if it cannot."""
    if isinstance(data, (list, tuple)):
        counts = [count_spectra(item) for item in data]
        return None if None in counts else sum(counts)
    if _is_path(data) and Path(data).is_dir():
        return len(files.files_in(Path(data)))
    if _is_path(data):
        return sum(1 for _ in _in_path(Path(data)))
    return len(data) if isinstance(data, Sized) and not isinstance(data, Table) else 1


def _in_items(items):
    names = files.names(filter(_is_path, items)) if isinstance(items, (list, tuple)) else {}
    for item in items:
        yield from _in_path(Path(item), names.get(item)) if _is_path(item) else unread(item)


def _is_path(item):
    return isinstance(item, (str, os.PathLike))


def _in_path(path, name=None):
    if path.is_dir():
        yield from _in_folder(path)
    else:
        yield from _in_file(path, name or one.stem(path))


def _in_folder(folder):
    found = files.files_in(folder)
    if not found:
        yield Unread(folder.name, partial(_refuse_folder, folder))
    for file, name in files.names(found).items():
        yield from _in_file(file, name)


def _in_file(path, name):
    """Yield the spectra of a file: one, or one per row, or those that a catalogue lists."""
    try:
        found = files.many_in(path)
    except InputError as error:
        yield Unread(name, partial(_raise, error))
        return
    if found is None:
        yield Unread(name, partial(_read, path))
    elif isinstance(found, Table):
        yield from _in_table(found, name, path)
    else:
        yield from _in_stack(found)


def _in_stack(stack):
    for row, name in enumerate(stack.names):
        yield Unread(name, partial(stack.read, row))


def _in_table(table, name=None, path=None):
    given = {str(key).lower(): value for key, value in table.meta.items()}.get("id")
    name = name or (given and str(given))
    stack = stack_in_table(table, path or name)
    if stack is not None:
        yield from _in_stack(stack)
    elif files.is_catalogue(table):
        yield from _in_catalogue(table, path)
    else:
        yield Unread(name, partial(one.from_table, table))


def _in_catalogue(catalogue, path=None):
    for name, file in files.source_files(catalogue, path):
        yield Unread(name, partial(_read, file))


def _in_specutils(spectrum):
    name = spectrum.meta.get("id")
    if spectrum.flux.ndim == 1:
        yield Unread(name and str(name), partial(one.from_specutils, spectrum))
        return
    for row in range(len(spectrum.flux)):
        yield Unread(name and f"{name}-{row + 1}", partial(_specutils_row, spectrum, row))


def _specutils_row(spectrum, row, name):
    return one.from_specutils(spectrum[row], name)


def _read(file, name):
    if file is None:
        raise InputError(
            f"each row of a catalogue must have its Source file; there is none for {name!r}; "
            "set the column FILENAME, or meta['folder'], or put the files into 'sources' beside the catalogue"
        )
    row = files.read_spectrum(file)
    row.id = name
    return row


def _row(batch, i, name):
    part = batch.rows(i, i + 1)
    errors = np.where(part.mask[0], np.nan, part.errors[0].astype(float))
    wave = part.axis.to_value(u.Angstrom)
    row = one.OneSpectrum(name, wave, part.medium, part.values[0], errors**2, part.mask[0], part.unit, part.lines[0])
    row.flags |= int(part.flags[0])
    return row


def _raise(error, name):
    raise error


def _refuse_folder(folder, name):
    raise InputError(f"a folder must hold FITS or ECSV files; {str(folder)!r} has none; check the path")


def _refuse(data, name):
    raise InputError(
        f"a spectrum must be an MPDAF or specutils spectrum, a Source, a table, or a path; received "
        f"{type(data).__name__}; see the documentation of museml.classify"
    )

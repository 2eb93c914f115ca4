"""Spectra of any origin as batches of rows that share a wavelength axis."""

import os
import warnings
from collections.abc import Iterable
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
from museml.errors import InputError, MusemlWarning, PredictionFlag

__all__ = ["open_spectra"]

#: most rows in a batch; bounds the memory
CHUNK = 256


def open_spectra(data):
    """Open spectra and hand them out in batches, in input order.

    Parameters
    ----------
    data : anything that holds spectra
        An MPDAF Source, SourceList, Catalog (see `~museml.data.spectrum_files.source_files`) or
        Spectrum; a specutils Spectrum, one- or two-dimensional; a QTable with the columns wave, flux
        and ivar and ``meta['medium']``; a `Batch`; a path to a file of any of these or to a folder of
        such files; or a list or generator of them.

    Yields
    ------
    Batch
        Consecutive spectra with the same axis and medium, at most 256. A spectrum that cannot be used
        is a masked row with a flag, and a `~museml.errors.MusemlWarning` says why.

    Raises
    ------
    InputError
        If none of the spectra can be read.
    """
    if isinstance(data, Batch):
        yield data
        return
    for run in _runs(_usable(data)):
        yield _stack(run)


def _usable(data):
    """Yield each OneSpectrum in order; those that cannot be used as masked rows with a warning."""
    waiting, axis_of = [], None
    for number, (name, load) in enumerate(_expand(data), 1):
        row = _load(name or str(number), load)
        if axis_of is None and isinstance(row, _Unreadable):
            waiting.append(row)  # no axis is known yet, and perhaps nothing can be read
            continue
        if axis_of is None:
            yield from (_placed(bad, row) for bad in waiting)
        axis_of = _placed(row, axis_of)
        yield axis_of
    if axis_of is None:
        raise _nothing(waiting)


def _runs(rows):
    """Yield lists of consecutive rows that can be stacked."""
    run = []
    for row in rows:
        if run and not (_fits(run[0], row) and len(run) < CHUNK):
            yield run
            run = []
        run.append(row)
    yield run


class _Unreadable:
    """Stands for a spectrum that could not be read."""

    flags = int(PredictionFlag.UNREADABLE)

    def __init__(self, name, problem):
        self.id = name
        self.problem = problem


def _load(name, load):
    try:
        return load(name)
    except InputError as error:
        return _Unreadable(name, str(error))


def _placed(row, other):
    """Return the row, on the axis of another one and with a warning if it cannot be used."""
    if not row.problem:
        return row
    warnings.warn(f"spectrum {row.id!r} is left out: {row.problem}", MusemlWarning, stacklevel=4)
    if not isinstance(row, _Unreadable):
        return row
    blank = np.full(len(other.wave), np.nan)
    placed = one.OneSpectrum(row.id, other.wave, other.medium, blank, blank, None, other.unit)
    placed.flags |= row.flags
    return placed


def _nothing(unreadable):
    if not unreadable:
        return InputError("there must be at least one spectrum; none was given; check the list or the path")
    text, more = unreadable[0].problem, len(unreadable) - 1
    return InputError(f"{text} (and {more} more that cannot be read)" if more else text)


def _fits(first, row):
    """Whether a row has the axis, the medium and the kind of unit of another."""
    same = row.medium == first.medium and np.array_equal(row.wave, first.wave)
    return same and (row.unit or u.one).is_equivalent(first.unit or u.one)


def _stack(rows):
    first = rows[0]
    unit = first.unit or u.one
    scale = np.array([(row.unit or u.one).to(unit) for row in rows])[:, None]
    mask = np.array([row.mask for row in rows])
    with np.errstate(invalid="ignore"):
        values = np.array([row.flux for row in rows]) * scale
        errors = np.sqrt(np.array([row.var for row in rows])) * scale
    values[mask] = errors[mask] = 0
    return Batch(
        ids=tuple(row.id for row in rows),
        values=values.astype(np.float32),
        errors=errors.astype(np.float32),
        mask=mask,
        axis=first.wave * u.Angstrom,
        medium=first.medium,
        unit=first.unit,
        flags=np.array([row.flags for row in rows], np.int32),
        lines=tuple(row.lines for row in rows),
    )


def _expand(data):
    """Yield (name or None, function that makes the OneSpectrum of a name) for each spectrum in the data."""
    if _is_path(data):
        yield from _expand_path(Path(data))
    elif isinstance(data, Source):
        yield str(data.header["ID"]), partial(one.from_source, data)
    elif isinstance(data, Spectrum):
        yield _file_stem(data.filename), partial(one.from_mpdaf, data)
    elif isinstance(data, Table):
        yield from _expand_table(data)
    elif hasattr(data, "spectral_axis"):
        yield from _expand_specutils(data)
    elif isinstance(data, Batch):
        yield from ((name, partial(_row, data, i)) for i, name in enumerate(data.ids))
    elif isinstance(data, Iterable) and not isinstance(data, (Cube, dict, bytes, np.ndarray)):
        yield from _expand_items(data)
    else:
        yield None, partial(_refuse, data)


def _expand_items(items):
    names = files.names(filter(_is_path, items)) if isinstance(items, (list, tuple)) else {}
    for item in items:
        yield from _expand_path(Path(item), names.get(item)) if _is_path(item) else _expand(item)


def _is_path(item):
    return isinstance(item, (str, os.PathLike))


def _expand_path(path, name=None):
    if path.is_dir():
        yield from _expand_folder(path)
        return
    catalogue = files.catalogue_in(path)
    if catalogue is None:
        yield name or one.stem(path), partial(_read_row, path)
    else:
        yield from _expand_catalogue(catalogue, path)


def _expand_folder(folder):
    found = files.files_in(folder)
    if not found:
        yield folder.name, partial(_refuse_folder, folder)
    for file, name in files.names(found).items():
        yield name, partial(_read_row, file)


def _expand_table(table):
    if files.is_catalogue(table):
        yield from _expand_catalogue(table)
        return
    name = {str(key).lower(): value for key, value in table.meta.items()}.get("id")
    yield name and str(name), partial(one.from_table, table)


def _expand_catalogue(catalogue, path=None):
    for name, file in files.source_files(catalogue, path):
        yield name, partial(_read_row, file)


def _expand_specutils(spectrum):
    name = spectrum.meta.get("id")
    if spectrum.flux.ndim == 1:
        yield name and str(name), partial(one.from_specutils, spectrum)
        return
    for row in range(len(spectrum.flux)):
        yield name and f"{name}-{row + 1}", partial(one.from_specutils, spectrum, row=row)


def _read_row(file, name):
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


def _refuse_folder(folder, name):
    raise InputError(f"a folder must hold FITS or ECSV files; {str(folder)!r} has none; check the path")


def _refuse(data, name):
    raise InputError(
        f"a spectrum must be an MPDAF or specutils spectrum, a Source, a table, or a path; received "
        f"{type(data).__name__}; see the documentation of museml.classify"
    )


def _file_stem(path):
    return one.stem(path) if path else None

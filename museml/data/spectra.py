"""Spectra of any origin as batches of rows that share a wavelength axis."""

import warnings

import numpy as np
from astropy import units as u

from museml.data.batch import Batch
from museml.data.spectrum import OneSpectrum
from museml.data.unread import unread
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
    for number, item in enumerate(unread(data), 1):
        row = _load(item.name or str(number), item.load)
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
    placed = OneSpectrum(row.id, other.wave, other.medium, blank, blank, None, other.unit)
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

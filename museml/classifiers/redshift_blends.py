"""A second object in the spectrum: what is left when the lines of the first are masked."""

from dataclasses import replace

import numpy as np
from astropy import units as u

from museml.classifiers.line_refinement import LINE_NAMES
from museml.classifiers.modes import RIGHT, Mode, clear, find_mode
from museml.classifiers.redshift_network import GRID, look
from museml.data.linelist import LINES
from museml.data.spectral import to_vacuum

__all__ = ["second_objects"]

#: a first object is known when it is this probable
KNOWN = 0.5
#: probability of a second object at the first look from which a second look is worth its time, and how probable the
#: second object must be then
SUSPECTED, CONFIRMED = 0.1, 0.7
#: signal-to-noise ratio of lines that are left, with which a second look is worth its time, too, and how probable the
#: second object must be then
LEFT, SURE = 5.5, 0.9
#: lines of the first object brighter than this are masked, so far in ln(wave) to the blue and to the red
BRIGHT, NEAR = 2.5, (0.0016, 0.0016)
#: scattered light of Lya goes farther
NEAR_LYA = (0.004, 0.006)

_LN_REST = np.log([LINES[name].wave for name in LINE_NAMES])
_REACH = np.array([NEAR_LYA if name == "LYALPHA" else NEAR for name in LINE_NAMES])


def second_objects(model, batch, evidence, view, first, snr):
    """Look for a second object in spectra whose first is known.

    Where the network suspects one, or lines are left that are not the first object's, it is asked once more with
    the lines of the first masked.

    Parameters
    ----------
    model : `~museml.Model`
        The network.
    batch : `~museml.Batch`
        The spectra.
    evidence : Evidence
        What the network said of them.
    view : `~museml.classifiers.line_refinement.LineView`
        The spectra through matched filters.
    first : Mode
        The first object's redshift.
    snr : ndarray, shape (n, lines)
        Signal-to-noise ratio of each line of the first object.

    Returns
    -------
    Mode
        The second object's redshift; its probability is 0 where there is none.
    """
    second, known = Mode(first.lnz.copy(), first.spread.copy(), np.zeros(len(batch))), first.p > KNOWN
    suspected = known & (evidence.second.sum(axis=1) > SUSPECTED)
    rows = np.flatnonzero(suspected | known & (_left(view, first, snr) > LEFT))
    if not len(rows):
        return second
    found = _second_look(model, _taken(batch, rows), first.rows(rows), snr[rows])
    apart = np.abs(found.lnz - first.lnz[rows]) > RIGHT
    accepted = apart & (found.p > np.where(suspected[rows], CONFIRMED, SURE))
    for part, values in ((second.lnz, found.lnz), (second.spread, found.spread), (second.p, found.p)):
        part[rows[accepted]] = values[accepted]
    return second


def _left(view, first, snr):
    """Return the greatest signal-to-noise ratio beside the lines of the first object."""
    masked = _masked(view.start + view.step * np.arange(view.seen.shape[1]), first.lnz, snr)
    return np.where(masked, 0, view.snr[1:3]).max(axis=(0, 2))


def _second_look(model, batch, first, snr):
    """Return the best redshift but the first, with the lines of the first masked."""
    lnwave = np.log(to_vacuum(batch.axis.to_value(u.Angstrom), batch.medium))
    mask = batch.mask | _masked(lnwave, first.lnz, snr)
    values, errors = (np.where(mask, 0, part) for part in (batch.values, batch.errors))
    evidence, _ = look(model, replace(batch, values=values, errors=errors, mask=mask))
    return find_mode(clear(evidence.redshift, GRID, first), GRID)


def _masked(lnwave, lnz, snr):
    """Say which pixels, shape (n, pixels), are near a line of the first object."""
    mask = np.zeros((len(lnz), len(lnwave)), bool)
    for line, (blue, red) in enumerate(_REACH):
        bright = np.flatnonzero(snr[:, line] > BRIGHT)
        place = _LN_REST[line] + lnz[bright]
        begin, end = np.searchsorted(lnwave, place - blue), np.searchsorted(lnwave, place + red)
        for row, start, stop in zip(bright, begin, end, strict=True):
            mask[row, start:stop] = True
    return mask


def _taken(batch, rows):
    arrays = {name: getattr(batch, name)[rows] for name in ("values", "errors", "mask", "flags")}
    tuples = {name: tuple(getattr(batch, name)[i] for i in rows) for name in ("ids", "lines")}
    return replace(batch, **arrays, **tuples)

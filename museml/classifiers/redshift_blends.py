"""A second object in the spectrum, of which the network knows, perhaps after a second look."""

from dataclasses import replace

import numpy as np
from astropy import units as u

from museml.classifiers.line_refinement import LINE_NAMES
from museml.classifiers.modes import RIGHT, Mode, clear, find_mode, mass_within
from museml.classifiers.redshift_network import GRID, look
from museml.data.linelist import LINES
from museml.data.spectral import to_vacuum

__all__ = ["second_objects"]

#: a first object is known when it is this probable
KNOWN = 0.5
#: a second object is there when the network finds it this probable
SEEN = 0.5
#: one that is less probable, but more than this, is worth a second look, and must be this probable then
SUSPECTED, CONFIRMED = 0.2, 0.7
#: lines of the first object brighter than this are masked, so far in ln(wave) to the blue and to the red
BRIGHT, NEAR = 2.5, (0.0016, 0.0016)
#: scattered light of Lya goes farther
NEAR_LYA = (0.004, 0.006)

_LN_REST = np.log([LINES[name].wave for name in LINE_NAMES])
_REACH = np.array([NEAR_LYA if name == "LYALPHA" else NEAR for name in LINE_NAMES])


def second_objects(model, batch, evidence, first, snr):
    """Look for a second object in spectra whose first is known.

    Where the network is not sure of one, it is asked once more with the lines of the first masked.

    Parameters
    ----------
    model : `~museml.Model`
        The network.
    batch : `~museml.Batch`
        The spectra.
    evidence : Evidence
        What the network said of them.
    first : Mode
        The first object's redshift.
    snr : ndarray, shape (n, lines)
        Signal-to-noise ratio of each line of the first object.

    Returns
    -------
    Mode
        The second object's redshift; its probability is 0 where there is none.
    ndarray, shape (n,)
        Probability that the first redshift is that of one of the objects.
    """
    found = find_mode(clear(evidence.second, GRID, first), GRID)
    known = _either(evidence, first, found) > KNOWN
    p = np.where(known & (found.p > SEEN), found.p, 0)
    rows = np.flatnonzero(known & (p == 0) & (evidence.second.sum(axis=1) > SUSPECTED))
    second = Mode(found.lnz, found.spread, p)
    if len(rows):
        again = _second_look(model, _taken(batch, rows), first.rows(rows), snr[rows])
        confirmed = (again.p > CONFIRMED) & (np.abs(again.lnz - first.lnz[rows]) > RIGHT)
        for part, values in ((second.lnz, again.lnz), (second.spread, again.spread), (second.p, again.p)):
            part[rows[confirmed]] = values[confirmed]
    return second, _either(evidence, first, second)


def _either(evidence, first, second):
    """Return the probability that the first redshift is that of one of the objects, if there are two.

    What the network gives the first redshift is the probability that it is that of the brighter object, p. If the
    other one is at the second redshift, to which the network gives p', it is p / (1 - p').
    """
    other = np.minimum(mass_within(evidence.redshift, GRID, second.lnz, RIGHT), 1 - first.p)
    return np.minimum(first.p * (1 + second.p * other / np.maximum(1 - other, 1e-6)), 1)


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

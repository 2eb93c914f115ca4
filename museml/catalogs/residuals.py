"""How well what was found is measured: differences from the truth in bins of its signal-to-noise ratio."""

from itertools import pairwise

import numpy as np
from astropy.table import Table

from museml.catalogs.rates import middle
from museml.catalogs.sphere import filled, offsets, separations

__all__ = ["RESIDUALS", "residual_table"]

#: minor over major axis of the truth below which a position angle can be compared
ELONGATED = 0.8
DESCRIPTIONS = {
    "name": "what was compared: measured over true, or measured less true",
    "snr_low": "true signal-to-noise ratio from",
    "snr_high": "up to, without it",
    "median": "the median",
    "low": "lower end of its 95 % interval",
    "high": "upper end",
    "scatter": "robust scatter of single values, as a Gaussian's sigma",
    "n": "number of values",
    "unit": "of median, interval and scatter",
}


def _ratio(name):
    def ratio(found, true):
        with np.errstate(divide="ignore", invalid="ignore"):
            return filled(found[name]) / filled(true[name])

    return ratio


def _difference(name):
    return lambda found, true: filled(found[name]) - filled(true[name])


def _pull(found, true):
    with np.errstate(divide="ignore", invalid="ignore"):
        return (filled(found["flux"]) - filled(true["flux"])) / filled(found["flux_err"])


def _positions(found, true):
    return found["ra"], found["dec"], true["ra"], true["dec"]


def _turn(found, true):
    """Return by how much position angles differ, from -90 to 90, where the truth is elongated."""
    turn = (filled(found["pa"]) - filled(true["pa"]) + 90) % 180 - 90
    return np.where(filled(true["minor"]) < ELONGATED * filled(true["major"]), turn, np.nan)


#: name -> (columns that both tables need, those that the detections need, unit, function of matched rows)
RESIDUALS = {
    "flux ratio": (("flux",), (), "", _ratio("flux")),
    "flux pull": (("flux",), ("flux_err",), "", _pull),
    "peak ratio": (("peak",), (), "", _ratio("peak")),
    "offset east": (("ra", "dec"), (), "arcsec", lambda *rows: offsets(*_positions(*rows))[0]),
    "offset north": (("ra", "dec"), (), "arcsec", lambda *rows: offsets(*_positions(*rows))[1]),
    "separation": (("ra", "dec"), (), "arcsec", lambda *rows: separations(*_positions(*rows))),
    "major ratio": (("major",), (), "", _ratio("major")),
    "minor ratio": (("minor",), (), "", _ratio("minor")),
    "position angle": (("major", "minor", "pa"), (), "deg", _turn),
    "wavelength": (("wave",), (), "Angstrom", _difference("wave")),
    "line width ratio": (("fwhm",), (), "", _ratio("fwhm")),
}


def residual_table(found, true, snr, edges):
    """Compare matched rows of detections with those of the truth.

    Parameters
    ----------
    found, true : `~astropy.table.Table`
        Matched rows, in the same order.
    snr : array_like
        Signal-to-noise ratios, by which they are binned; NaN takes part only in the bin of all.
    edges : sequence of float
        Edges of the bins.

    Returns
    -------
    `~astropy.table.Table`
        A row for each of `RESIDUALS` whose columns are there and each bin, the first of which is that of all.
    """
    rows = []
    bins = [(snr >= low) & (snr < high) for low, high in pairwise(edges)]
    for name, (columns, more, unit, compare) in RESIDUALS.items():
        if set(columns) <= set(true.colnames) and {*columns, *more} <= set(found.colnames):
            values = np.asarray(compare(found, true), float)
            rows.append(_row(name, (np.nan, np.nan), values, unit))
            rows += [_row(name, ends, values[part], unit) for ends, part in zip(pairwise(edges), bins, strict=True)]
    table = Table(rows=rows, names=list(DESCRIPTIONS)) if rows else Table({name: [] for name in DESCRIPTIONS})
    for name, text in DESCRIPTIONS.items():
        table[name].description = text
    return table


def _row(name, ends, values, unit):
    median, low, high, scatter, number = middle(values)
    return (name, float(ends[0]), float(ends[1]), median, low, high, scatter, number, unit)

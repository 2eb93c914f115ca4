"""Broad emission lines and absorption lines: fluxes by matched filters at a known redshift."""

from dataclasses import dataclass

import numpy as np
from astropy import units as u
from astropy.stats import gaussian_sigma_to_fwhm

from museml.classifiers.line_evidence import line_axis
from museml.classifiers.line_filter import continuum
from museml.classifiers.line_fit import line_table
from museml.data.line_profiles import line_sigma
from museml.data.linelist import LINES
from museml.data.spectral import to_air

__all__ = ["BROAD", "identify_absorption", "identify_broad"]

#: lines that are broad in quasars
BROAD = ("LYALPHA", "NV1238", "SIIV1394", "CIV1548", "HEII1640", "CIII1909", "MGII2796", "HGAMMA", "HBETA", "HALPHA")
#: lines that are seen in absorption though they are listed as emission
ABSORBED = ("CIV1548", "MGII2796", "MGII2803", "H10", "H9", "H8", "HDELTA", "HGAMMA", "HBETA")
#: fewest pixels on either side of a line's centre that must be valid
LEAST = 2


@dataclass(frozen=True)
class _Search:
    """How a kind of line is looked for.

    Attributes
    ----------
    names : tuple of str
        Of the lines.
    sign : int
        1 for emission, -1 for absorption.
    widths : tuple of float
        Standard deviations tried, km/s.
    level : float
        Width of the running median that is the continuum, Angstrom.
    faintest : float
        Signal-to-noise ratio of the faintest line listed.
    """

    names: tuple
    sign: int
    widths: tuple
    level: float
    faintest: float


_ABSORPTION = _Search(
    (*(name for name, line in LINES.items() if line.kind == "absorption"), *ABSORBED), -1, (80, 200, 450), 150.0, 4.0
)
_BROAD = _Search(BROAD, 1, (700, 1500, 3000), 800.0, 5.0)


def identify_absorption(row, z):
    """Measure the absorption lines of a spectrum at a redshift.

    Parameters
    ----------
    row : `~museml.data.batch.Batch`
        One spectrum.
    z : float
        Redshift (vacuum).

    Returns
    -------
    `~astropy.table.Table`
        Lines with a signal-to-noise ratio of 4 or more, as `~museml.classifiers.line_fit.identify_lines`
        has them; their fluxes are negative.
    """
    return _identify(row, z, _ABSORPTION)


def identify_broad(row, z):
    """Measure the broad emission lines of a quasar: as `identify_absorption`, from a signal-to-noise ratio of 5."""
    return _identify(row, z, _BROAD)


def _identify(row, z, search):
    wave, valid = row.axis.to_value(u.Angstrom), ~row.mask[0]
    if not valid.any():
        return line_table([], row.unit)
    flux, errors = row.values[0].astype(float), np.where(valid, row.errors[0], np.inf).astype(float)
    residual = np.where(valid, flux - continuum(wave, flux, ~valid, search.level), 0)
    weight = 1 / errors**2
    weight = weight / line_axis(wave, row.medium).scatter(residual, weight) ** 2
    found = [_best(LINES[name], (wave, residual, weight, row.medium), z, search) for name in search.names]
    rows = [line for line in found if line is not None and search.sign * line[5] >= search.faintest * line[6]]
    return line_table(sorted(rows, key=lambda line: line[1]), row.unit)


def _best(line, data, z, search):
    """Return the row of a line with the width that fits best, or None where it is not covered."""
    rows = [_matched(line, data, z, width) for width in search.widths]
    rows = [row for row in rows if row is not None]
    return max(rows, key=lambda row: search.sign * row[5] / row[6]) if rows else None


def _matched(line, data, z, width):
    wave, residual, weight, medium = data
    centre = line.wave * (1 + z)
    centre = float(to_air(centre, "vacuum")) if medium == "air" else centre
    sigma = float(line_sigma(np.array(centre), width))
    inside = (np.abs(wave - centre) < 3 * sigma) & (weight > 0)
    if min(np.sum(inside & (wave < centre)), np.sum(inside & (wave > centre))) < LEAST:
        return None
    profile = np.exp(-0.5 * ((wave[inside] - centre) / sigma) ** 2) / (sigma * np.sqrt(2 * np.pi))
    den = np.sum(weight[inside] * profile**2)
    flux, error = np.sum(weight[inside] * residual[inside] * profile) / den, 1 / np.sqrt(den)
    fwhm, unsure = sigma * gaussian_sigma_to_fwhm, sigma * error / max(abs(flux), error)
    return line, centre, unsure, fwhm, unsure * gaussian_sigma_to_fwhm, flux, error

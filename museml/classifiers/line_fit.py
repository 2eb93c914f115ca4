"""Identified emission lines: position, width and flux at a known redshift."""

from dataclasses import dataclass

import numpy as np
from astropy import units as u
from astropy.stats import gaussian_sigma_to_fwhm
from astropy.table import Table
from scipy.optimize import least_squares, nnls

from museml.classifiers.line_evidence import line_axis
from museml.classifiers.line_filter import continuum
from museml.data.line_profiles import C_KMS, line_sigma
from museml.data.linelist import emission_lines
from museml.data.spectral import to_air, to_vacuum

__all__ = ["LineFit", "fit_lines", "identify_lines", "line_table"]

#: fainter lines are not listed (signal-to-noise ratio)
FAINTEST = 3.0
#: a line moves no further from the trial redshift, in ln(1+z), and is no wider (km/s)
FREEDOM = 1e-3
WIDEST = 600.0
#: at most this far from a line's centre its pixels take part, Angstrom
REACH = 25.0
#: lines in wider gaps of the data are not looked for, Angstrom
GAP = 20.0


@dataclass(frozen=True)
class LineFit:
    """Emission lines fitted with one redshift and one velocity width.

    Attributes
    ----------
    z, z_err : float
        Redshift and its standard error.
    width : float
        Intrinsic standard deviation in km/s.
    table : `~astropy.table.Table`
        The lines, as in `identify_lines`.
    """

    z: float
    z_err: float
    width: float
    table: Table


def identify_lines(row, z):
    """Measure the emission lines of a spectrum at a redshift.

    Parameters
    ----------
    row : `~museml.data.batch.Batch`
        One spectrum.
    z : float
        Redshift (vacuum).

    Returns
    -------
    `~astropy.table.Table`
        Lines with a signal-to-noise ratio of 3 or more, in the manner of MPDAF's LINES: LINE, LBDA_OBS,
        LBDA_OBS_ERR, FWHM_OBS, FWHM_OBS_ERR (Angstrom, in the medium of the data), FLUX, FLUX_ERR and
        LINE_LBDA (rest wavelength in vacuum, Angstrom).
    """
    wave = row.axis.to_value(u.Angstrom)
    mask = row.mask[0]
    if mask.all():
        return line_table([], row.unit)
    flux, errors = row.values[0].astype(float), np.where(mask, np.inf, row.errors[0]).astype(float)
    residual = np.where(mask, 0, flux - continuum(wave, flux, mask))
    fit = fit_lines(wave, row.medium, residual, 1 / errors**2, z, row.unit)
    return fit.table if fit else line_table([], row.unit)


def fit_lines(wave, medium, residual, weight, z, unit=None):
    """Fit the emission lines near a redshift.

    Parameters
    ----------
    wave : ndarray, shape (n,)
        Wavelength in Angstrom.
    medium : str
        'air' or 'vacuum'.
    residual, weight : ndarray, shape (n,)
        Spectrum without continuum, and inverse variance; 0 where masked.
    z : float
        Trial redshift.
    unit : `~astropy.units.Unit`
        Unit of the spectrum, for the table.

    Returns
    -------
    LineFit or None
        None when no line has a signal-to-noise ratio of 3.
    """
    weight = weight / line_axis(wave, medium).scatter(residual, weight) ** 2
    model = _Model(wave, medium, residual, weight, _covered(wave[weight > 0], medium, z), z)
    for _ in range(2):  # each time with the lines that are there
        solution = model.fit()
        bright = [] if solution is None else model.bright(solution.x)
        if not bright:
            return None
        model = _Model(wave, medium, residual, weight, bright, z)
    return model.result(model.fit(), unit)


def _covered(wave, medium, z):
    """Return the lines that have a pixel with data on either side."""
    if not len(wave):
        return []
    lines, vacuum = emission_lines(), to_vacuum(wave, medium)
    centres = np.array([line.wave * (1 + z) for line in lines])
    after = np.searchsorted(vacuum, centres)
    widths = np.diff(vacuum, prepend=-np.inf, append=np.inf)[after]
    return [line for line, width in zip(lines, widths, strict=True) if width < GAP]


class _Model:
    """Gaussian lines that share a velocity and a width; their fluxes follow from these two."""

    def __init__(self, wave, medium, residual, weight, lines, z):
        self.lines, self.z, self.medium = lines, z, medium
        self.rest = np.array([line.wave for line in lines])
        distance = np.abs(wave[:, None] - self._centres(0.0))
        near = np.any(distance < REACH, axis=1) & (weight > 0)
        self.wave, self.root = wave[near], np.sqrt(weight[near])
        self.data = residual[near] * self.root

    def _centres(self, shift):
        """Return where the lines are in the data's medium."""
        vacuum = self.rest * (1 + self.z) * np.exp(shift)
        return to_air(vacuum, "vacuum") if self.medium == "air" else vacuum

    def design(self, x):
        """Return the weighted profile of each line per unit flux."""
        centres = self._centres(x[0] * FREEDOM)
        sigma = line_sigma(centres, np.exp(x[1]))
        offset = (self.wave[:, None] - centres) / sigma
        return np.exp(-0.5 * offset**2) / (sigma * np.sqrt(2 * np.pi)) * self.root[:, None]

    def _misfit(self, x):
        design = self.design(x)
        return design @ nnls(design, self.data)[0] - self.data

    def fit(self):
        """Return the solution of `scipy.optimize.least_squares`, or None when there are too few pixels."""
        if len(self.data) < 5:
            return None
        bounds = ([-1, np.log(10)], [1, np.log(WIDEST)])
        return least_squares(self._misfit, [0, np.log(90)], bounds=bounds, x_scale=[0.1, 0.3], max_nfev=30)

    def fluxes(self, x):
        """Return flux and standard error of each line."""
        design = self.design(x)
        covariance = np.linalg.pinv(design.T @ design)
        return nnls(design, self.data)[0], np.sqrt(np.maximum(np.diag(covariance), 1e-300))

    def bright(self, x):
        """Return the lines with a signal-to-noise ratio of `FAINTEST` or more."""
        return [line for line, flux, error in zip(self.lines, *self.fluxes(x), strict=True) if flux >= FAINTEST * error]

    def result(self, solution, unit):
        """Return the `LineFit`."""
        x = solution.x
        errors = np.sqrt(np.diag(np.linalg.pinv(solution.jac.T @ solution.jac)))
        z = (1 + self.z) * np.exp(x[0] * FREEDOM) - 1
        z_err = float(np.clip(errors[0], 1e-3, 1)) * FREEDOM * (1 + z)
        return LineFit(z, z_err, float(np.exp(x[1])), self._table(x, errors, unit))

    def _table(self, x, errors, unit):
        flux, flux_err = self.fluxes(x)
        centres, width = self._centres(x[0] * FREEDOM), np.exp(x[1])
        sigma = line_sigma(centres, width)
        offset, offset_err = self._offsets(x, flux, centres, sigma)
        change = (centres * width / C_KMS) ** 2 / sigma * min(errors[1], 1.0)
        rows = zip(self.lines, centres + offset, offset_err, sigma * gaussian_sigma_to_fwhm,
                   change * gaussian_sigma_to_fwhm, flux, flux_err, strict=True)  # fmt: skip
        return line_table([row for row in rows if row[5] >= FAINTEST * row[6]], unit)

    def _offsets(self, x, flux, centres, sigma):
        """Return how far each line is from the common redshift, to first order, and the error."""
        design = self.design(x)
        slope = flux * design * (self.wave[:, None] - centres) / sigma**2
        power = np.maximum(np.sum(slope**2, axis=0), 1e-300)
        offset = slope.T @ (self.data - design @ flux) / power
        error = np.minimum(1 / np.sqrt(power), sigma)
        return np.clip(offset, -sigma, sigma), error


def line_table(rows, unit):
    """Return the table of lines, each a `Line` with the numbers of the columns but the last."""
    names = ("LINE", "LBDA_OBS", "LBDA_OBS_ERR", "FWHM_OBS", "FWHM_OBS_ERR", "FLUX", "FLUX_ERR", "LINE_LBDA")
    table = Table(
        rows=[(row[0].name, *row[1:], row[0].wave) for row in rows] or None, names=names, dtype=("U20",) + 7 * ("f8",)
    )
    for name in names[1:]:
        table[name].unit = (unit or u.one) * u.Angstrom if name.startswith("FLUX") else u.Angstrom
    return table

"""Redshift and class of spectra from emission lines, absorption lines and breaks, without a network."""

from dataclasses import dataclass

import numpy as np
from astropy import units as u
from scipy.ndimage import binary_dilation

from museml.classification import Classifier, Redshifts
from museml.classifiers.absorption_evidence import ContinuumView, absorption_evidence, forest_evidence
from museml.classifiers.line_evidence import WIDTHS, line_axis, line_evidence, unexplained_evidence
from museml.classifiers.line_filter import Maps, continuum, filter_lines
from museml.classifiers.line_fit import fit_lines
from museml.classifiers.posterior import Evidence, posterior
from museml.classifiers.redshift_grid import CELL, FINE, LNZ, N_CELLS
from museml.data.line_profiles import C_KMS
from museml.errors import PredictionFlag
from museml.settings import check_flag, check_number

__all__ = ["LineClassifier"]

#: least and greatest limit of the redshifts considered
Z_MAX = (0.001, 6.7)
#: fewest valid pixels that can tell a line from the continuum
FEWEST = 30
#: emission above this signal-to-noise ratio is kept out of the continuum
EMISSION = 4.0
#: broader emission, such as that of quasars, counts as continuum, Angstrom
NARROW = 60.0
#: a second redshift this probable, relative to the first, makes the answer ambiguous
RIVAL = 0.1
#: absorption that says this much (ln) stands beside a single line
SUPPORT = 5.0
#: a deciding line so close to the end of the axis is flagged, Angstrom
MARGIN = 10.0
#: errors of the redshift that no signal-to-noise ratio removes, km/s: profiles of emission lines are not quite
#: Gaussian, and templates of absorption and of Lya are coarse
LINE_FLOOR, FLOOR = 8.0, 40.0
#: detected lines may raise the weight of the spectrum there by this factor
BOOST = 16.0


class LineClassifier(Classifier):
    """Redshifts by comparing the evidence of sets of lines and of continua at all redshifts.

    Parameters
    ----------
    z_max : float
        Highest redshift considered, at most 6.7.
    stars : bool
        Whether stars are considered.

    Notes
    -----
    A matched filter gives the flux of a line at each wavelength, with errors renormalised by their own
    scatter. At each trial redshift the evidence of several sets of lines with typical flux ratios is
    the likelihood of these fluxes, with the amplitude marginalised; lines that should be there and are
    not count against a set. Absorption lines and breaks are correlated with templates of old, young
    and interstellar absorption and of stars, and the Lyman forest dims what lies blueward of Lya. The
    evidence is tempered to give honest probabilities, and compared with that of noise and of a line
    that belongs to no set.
    """

    name = "lines"
    accepts = ("spectrum",)

    def __init__(self, *, z_max=6.7, stars=True):
        self.z_max = z_max
        self.stars = stars

    def predict(self, batch):
        """Return the `~museml.Redshifts` of a batch of spectra."""
        self.check_settings()
        axis = line_axis(batch.axis.to_value(u.Angstrom), batch.medium)
        answers = [self._answer(batch.rows(i, i + 1), axis) for i in range(len(batch))]
        names = ("z", "z_err", "p", "z_2", "p_2", "z_3", "p_3")
        columns = {"id": list(batch.ids), "class": [answer.kind for answer in answers]}
        for i, name in enumerate(names):
            columns[name] = np.ma.masked_invalid([answer.numbers[i] for answer in answers])
        columns["flags"] = [answer.flags for answer in answers]
        columns["pz"] = np.array([answer.pz for answer in answers], np.float32)
        return Redshifts.from_columns(columns, meta={"LNZ0": LNZ[0] + 0.5 * (CELL - 1) * FINE, "DLNZ": CELL * FINE})

    def check_settings(self):
        """Raise `~museml.errors.SettingError` where a setting breaks a rule."""
        check_number("z_max", self.z_max, *Z_MAX, example=6.7)
        check_flag("stars", self.stars)

    def _answer(self, row, axis):
        if _is_short(row) or row.flags[0] & PredictionFlag.CONSTANT:
            return _Answer.none(row)
        view = _View(row, axis)
        return _decide(row, view, posterior(view.evidence(), z_max=self.z_max, use_stars=self.stars))


@dataclass(frozen=True)
class _Answer:
    """One row of the table."""

    kind: str
    numbers: tuple
    flags: int
    pz: np.ndarray

    @classmethod
    def none(cls, row):
        flags = int(row.flags[0]) | (PredictionFlag.NO_DATA if _is_short(row) else 0)
        return cls("unknown", (np.nan,) * 7, int(flags), np.zeros(N_CELLS, np.float32))


def _is_short(row):
    return np.count_nonzero(~row.mask) < FEWEST


class _View:
    """One spectrum, filtered."""

    def __init__(self, row, axis):
        self.axis, self.medium = axis, row.medium
        mask = row.mask[0]
        flux, errors = row.values[0].astype(float), np.where(mask, np.inf, row.errors[0]).astype(float)
        self.weight = np.where(mask, 0, 1 / errors**2)
        self.residual = np.where(mask, 0, flux - continuum(axis.wave, flux, mask))
        self.maps = _with_lines(axis.maps(self.residual, self.weight), axis, row)
        smooth = np.where(mask, 0, flux - continuum(axis.wave, flux, mask, NARROW))
        weight = self.weight / axis.scatter(smooth, self.weight) ** 2
        num, den = filter_lines(smooth, weight, axis.kernels["line", WIDTHS[-1][0]])
        emission = binary_dilation(num > EMISSION * np.sqrt(den), iterations=4)
        self.continuum = ContinuumView(axis.vacuum, np.where(mask, 0, flux), np.where(emission, 0, self.weight))
        self.galaxies, self.stars = absorption_evidence(self.continuum)

    def evidence(self):
        """Return the `~museml.classifiers.posterior.Evidence`."""
        forest, other = forest_evidence(self.continuum), unexplained_evidence(self.maps)
        snr = self.continuum.snr(), self.continuum.pixel_snr()
        return Evidence(line_evidence(self.maps, self.axis), self.galaxies, self.stars, forest, other, *snr)


def _with_lines(maps, axis, row):
    """Give more weight to the spectrum where the cube shows a line better than the spectrum does."""
    table = row.lines[0]
    if table is None or not len(table) or not {"LBDA_OBS", "FLUX", "FLUX_ERR"} <= set(table.colnames):
        return maps
    places = np.interp(np.ma.filled(table["LBDA_OBS"], np.nan), axis.wave, axis.vacuum)
    with np.errstate(divide="ignore", invalid="ignore"):
        wanted = np.ma.filled(np.ma.asarray(table["FLUX"]) / np.ma.asarray(table["FLUX_ERR"]), np.nan)
    return {key: _boosted(found, axis, places, wanted) for key, found in maps.items()}


def _boosted(found, axis, places, wanted):
    factor = np.ones(len(axis.grid))
    snr = found.num / np.sqrt(np.where(found.den > 0, found.den, np.inf))
    for place, target in zip(places, wanted, strict=True):
        near = np.abs(axis.grid - place) < 5.0
        if near.any() and target > snr[near].max() > 1:
            factor[near] = min((target / snr[near].max()) ** 2, BOOST)
    return Maps(found.num * factor, found.den * factor)


def _decide(row, view, chances):
    modes = chances.modes(3)
    if not modes:
        return _Answer.none(row)
    kind = chances.kind()
    z = float(np.expm1(modes[0].lnz))
    fit = fit_lines(view.axis.wave, view.medium, view.residual, view.weight, z)
    if kind != "star" and fit is not None and set(fit.table["LINE"]) - {"LYALPHA"}:
        z, z_err = fit.z, np.hypot(fit.z_err, LINE_FLOOR / C_KMS * (1 + fit.z))
    else:  # no line of simple shape
        z_err = np.hypot(chances.spread(modes[0]), FLOOR / C_KMS) * (1 + z)
    numbers = [z, z_err, modes[0].p]
    for mode in modes[1:]:
        numbers += [float(np.expm1(mode.lnz)), mode.p]
    flags = int(row.flags[0]) | _flags(view, fit, modes)
    return _Answer(kind, (*numbers, *(np.nan,) * (7 - len(numbers))), flags, chances.density())


def _flags(view, fit, modes):
    flags = PredictionFlag.NONE
    if len(modes) > 1 and modes[1].p > RIVAL * modes[0].p:
        flags |= PredictionFlag.AMBIGUOUS
    if fit is None or not len(fit.table):
        return int(flags)
    places = np.array(fit.table["LBDA_OBS"])
    absorption = view.galaxies[:, round((modes[0].lnz - LNZ[0]) / FINE)].max()
    if np.ptp(places) < 15 and absorption < SUPPORT:
        flags |= PredictionFlag.SINGLE_LINE
    brightest = places[np.argmax(fit.table["FLUX"])]
    if min(brightest - view.axis.wave[0], view.axis.wave[-1] - brightest) < MARGIN:
        flags |= PredictionFlag.EDGE
    return int(flags)

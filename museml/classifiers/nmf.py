"""Redshift and class of spectra by non-negative templates in the rest frame, without a network."""

import os
from dataclasses import replace

import numpy as np
from astropy import units as u

from museml.classification import Classifier, Redshifts
from museml.classifiers.line_refinement import LineView, refine
from museml.classifiers.modes import RIGHT, Grid, clear, find_mode
from museml.classifiers.nmf_basis import KINDS, load_basis
from museml.classifiers.nmf_fit import Scanner
from museml.classifiers.nmf_grid import STEP, Z_MAX, trials
from museml.classifiers.nmf_posterior import log_chances
from museml.classifiers.redshift_flags import deciding_flags
from museml.data.line_profiles import C_KMS
from museml.errors import PredictionFlag, SettingError
from museml.settings import check_number

__all__ = ["NMFClassifier"]

#: fewest valid pixels that can tell a redshift
FEWEST = 30
#: error of redshifts from continua alone that no signal-to-noise ratio removes, km/s
FLOOR = 40.0
GRID = Grid(trials()[0] * STEP, STEP, len(trials()))


class NMFClassifier(Classifier):
    """Redshifts by fitting non-negative templates at all trial redshifts.

    Parameters
    ----------
    basis : str or path
        File of templates; by default those that are shipped.
    z_max : float
        Highest redshift considered, at most 6.75.

    Notes
    -----
    The method of Bourahma et al. (2026, A&A 709, A129): spectra are non-negative sums of a few rest-frame
    templates, which were found by non-negative matrix factorisation; the redshift with the least chi2 wins.
    The normal equations of all trials come from Fourier transforms, and are solved together. A smooth
    background of either sign is fitted along. Beyond the columns of `~museml.Redshifts` there are ``dchi2``,
    1 - min(chi2)/Q1(chi2), and ``robustness``, the distance of the two least minima of chi2 in units of its spread.
    """

    name = "nmf"
    accepts = ("spectrum",)

    def __init__(self, *, basis="nmf-basis", z_max=Z_MAX):
        self.basis = basis
        self.z_max = z_max

    def check_settings(self):
        """Raise `~museml.errors.SettingError` where a setting breaks a rule."""
        if not isinstance(self.basis, (str, os.PathLike)):
            raise SettingError(f"basis must be 'nmf-basis' or a file, not {self.basis!r}; give a path")
        check_number("z_max", self.z_max, 0.001, Z_MAX, example=Z_MAX)

    def provenance(self):
        """Return the metadata of a result, with name and checksum of the templates."""
        basis = load_basis(self.basis)
        return {**super().provenance(), "MODEL": basis.card.name, "MODEL_ID": basis.sha256}

    def predict(self, batch):
        """Return the `~museml.Redshifts` of a batch of spectra."""
        self.check_settings()
        meta = {"LNZ0": GRID.start, "DLNZ": GRID.step}
        if not len(batch):
            return Redshifts.empty(meta)
        basis = load_basis(self.basis)
        scanner = Scanner(basis.bases, batch.axis.to_value(u.Angstrom), batch.medium)
        spectra = scanner.spread(batch.values, batch.errors, batch.mask)
        evidence = scanner.evidence(spectra)
        chances = _Chances(evidence, basis.calibration, self.z_max)
        return Redshifts.from_columns(_columns(batch, spectra, evidence, chances), meta)


def _columns(batch, spectra, evidence, chances):
    """Return the columns of the answer by name."""
    modes = chances.modes()
    view = LineView.of(spectra.values, spectra.errors, spectra.mask, spectra.start, STEP)
    lnz, error, snr = refine(view, modes[0].lnz, modes[0].spread)
    empty = (spectra.pixels < FEWEST) | _constant(batch)
    z = [np.expm1(lnz), *(np.expm1(mode.lnz) for mode in modes[1:])]
    z_err = np.hypot(error, np.where(error < modes[0].spread, 0, FLOOR / C_KMS)) * np.exp(lnz)
    extended = chances.kind() == "galaxy"
    flags = batch.flags | deciding_flags(spectra, lnz, snr, modes[0].p, modes[1].p, extended) * ~empty
    flags |= np.where(spectra.pixels < FEWEST, PredictionFlag.NO_DATA, PredictionFlag.NONE).astype(flags.dtype)
    dchi2, robustness = _quality(evidence)
    numbers = {
        "z": z[0],
        "z_err": z_err,
        "p": modes[0].p,
        "z_2": z[1],
        "p_2": modes[1].p,
        "z_3": z[2],
        "p_3": modes[2].p,
    }
    columns = {name: np.ma.masked_array(values, empty | ~_there(name, modes)) for name, values in numbers.items()}
    return {
        "id": list(batch.ids),
        "class": np.where(empty, "unknown", chances.classes()),
        **columns,
        "flags": flags.astype(np.int32),
        "dchi2": np.where(empty, 0, dchi2),
        "robustness": np.where(empty, 0, robustness),
        "pz": np.where(empty[:, None], 0, chances.pz).astype(np.float32),
    }


def _there(name, modes):
    """Say which rows have a solution of the number that ends a column's name."""
    number = int(name[-1]) - 1 if name[-1].isdigit() else 0
    return modes[number].p > 0


def _constant(batch):
    valid = ~batch.mask
    top = np.where(valid, batch.values, -np.inf).max(axis=1)
    low = np.where(valid, batch.values, np.inf).min(axis=1)
    return (top <= low) | (batch.flags & PredictionFlag.CONSTANT > 0)


def _quality(evidence):
    """Return the scores of Bourahma et al.: depth of the least chi2, and its distance from the next minimum."""
    rows = np.arange(len(evidence.gain))
    best = evidence.gain.argmax(axis=1)
    first = evidence.gain[rows, best]
    away = np.abs(evidence.shifts - evidence.shifts[best][:, None]) * STEP > RIGHT
    second = np.where(away, evidence.gain, -np.inf).max(axis=1)
    quartile = evidence.chi2 - np.quantile(evidence.gain, 0.75, axis=1)
    dchi2 = 1 - (evidence.chi2 - first) / np.maximum(quartile, 1e-9)
    return dchi2, (first - second) / np.maximum(evidence.gain.std(axis=1), 1e-9)


def _within(evidence, z_max):
    """Leave out redshifts beyond a limit."""
    return replace(evidence, gain=np.where(evidence.shifts * STEP <= np.log1p(z_max), evidence.gain, -np.inf))


class _Chances:
    """Probability of each redshift and of each kind, many spectra at once."""

    def __init__(self, evidence, calibration, z_max):
        logs, self.nothing = log_chances(_within(evidence, z_max), calibration)
        chances = np.exp(logs)
        self.pz = np.zeros((len(chances), GRID.size), np.float32)
        self.kinds = {}
        for kind in KINDS:
            rows = evidence.kinds == kind
            self.kinds[kind] = chances[:, rows].sum(axis=1)
            self.pz[:, evidence.shifts[rows] - trials()[0]] += chances[:, rows]

    def kind(self):
        """Return the most probable kind of each, whether or not there is anything."""
        return np.array(list(self.kinds))[np.argmax(list(self.kinds.values()), axis=0)]

    def classes(self):
        """Return the class of each: 'unknown' where none is more likely than not."""
        shares = np.array([*self.kinds.values(), np.exp(self.nothing)])
        names = np.array([*(KINDS[kind] for kind in self.kinds), "nothing"])
        return np.where(shares.max(axis=0) > 0.5, names[shares.argmax(axis=0)], "unknown")

    def modes(self):
        """Return the three best redshifts."""
        pz, found = self.pz, []
        for _ in range(3):
            found.append(find_mode(pz, GRID))
            pz = clear(pz, GRID, found[-1])
        return found

"""Redshift and class of spectra by non-negative templates in the rest frame, without a network."""

import os

import numpy as np
from astropy import units as u

from museml.classification import Classifier, Redshifts
from museml.classifiers.line_refinement import LineView, refine
from museml.classifiers.nmf_answer import GRID, Chances, quality
from museml.classifiers.nmf_basis import load_basis
from museml.classifiers.nmf_fit import Scanner
from museml.classifiers.nmf_grid import STEP, Z_MAX
from museml.classifiers.redshift_flags import deciding_flags
from museml.data.line_profiles import C_KMS
from museml.errors import PredictionFlag, SettingError
from museml.settings import check_number

__all__ = ["NMFClassifier"]

#: fewest valid pixels that can tell a redshift
FEWEST = 30
#: error of redshifts from continua alone that no signal-to-noise ratio removes, km/s
FLOOR = 40.0


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
        chances = Chances(evidence, basis.calibration, self.z_max)
        return Redshifts.from_columns(_columns(batch, spectra, evidence, chances), meta)


def _columns(batch, spectra, evidence, chances):
    """Return the columns of the answer by name."""
    numbers, flags = _numbers(spectra, chances)
    few, constant = spectra.pixels < FEWEST, _constant(batch)
    empty = few | constant
    columns = {"id": np.array(batch.ids, dtype=str), "class": np.where(empty, "unknown", chances.classes())}
    for name, (values, there) in numbers.items():
        columns[name] = np.ma.masked_array(values, empty | ~there)
    flags = np.where(empty, np.where(few, PredictionFlag.NO_DATA, PredictionFlag.CONSTANT), flags)
    columns["flags"] = (batch.flags | flags).astype(np.int32)
    columns |= {name: np.where(empty, 0, values) for name, values in quality(evidence).items()}
    columns["pz"] = np.where(empty[:, None], 0, chances.pz).astype(np.float32)
    return columns


def _numbers(spectra, chances):
    """Return redshifts and probabilities by column, each with which of them are there, and the flags."""
    modes = chances.modes()
    first, galaxies = modes[0], chances.kinds() == "galaxy"
    view = LineView.of(spectra.values, spectra.errors, spectra.mask, spectra.start, STEP)
    lnz, error, snr = refine(view, first.lnz, first.spread)
    exact = galaxies & (error < first.spread)
    lnz, error = np.where(exact, lnz, first.lnz), np.where(exact, error, np.hypot(first.spread, FLOOR / C_KMS))
    numbers = {
        "z": (np.expm1(lnz), first.p > 0),
        "z_err": (error * np.exp(lnz), first.p > 0),
        "p": (first.p, first.p > 0),
    }
    for name, mode in zip("23", modes[1:], strict=True):
        numbers |= {f"z_{name}": (np.expm1(mode.lnz), mode.p > 0), f"p_{name}": (mode.p, mode.p > 0)}
    return numbers, deciding_flags(spectra, lnz, snr, first.p, modes[1].p, galaxies)


def _constant(batch):
    """Say which rows have one value only."""
    top = np.where(batch.mask, -np.inf, batch.values).max(axis=1)
    low = np.where(batch.mask, np.inf, batch.values).min(axis=1)
    return (top <= low) | (batch.flags & PredictionFlag.CONSTANT > 0)

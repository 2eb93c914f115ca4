"""What fits of templates say of spectra: p(z), classes, and how good the best fit is."""

from dataclasses import replace

import numpy as np

from museml.classifiers.modes import RIGHT, Grid, clear, find_mode, ranked
from museml.classifiers.nmf_basis import KINDS
from museml.classifiers.nmf_grid import STEP, trials
from museml.classifiers.nmf_posterior import log_chances

__all__ = ["GRID", "Chances", "quality"]

#: cells of p(z): the trial redshifts
GRID = Grid(trials()[0] * STEP, STEP, len(trials()))
#: least chi2 and scatter of it
TINY = 1e-9


class Chances:
    """Probability of each redshift and of each kind, many spectra at once.

    Parameters
    ----------
    evidence : `~museml.classifiers.nmf_posterior.Evidence`
        Of n spectra.
    calibration : `~museml.classifiers.nmf_posterior.Calibration`
        What makes it probabilities.
    z_max : float
        Highest redshift considered.

    Attributes
    ----------
    pz : ndarray, shape (n, cells), float32
        Probability of each cell of `GRID`.
    """

    def __init__(self, evidence, calibration, z_max):
        logs, self.nothing = log_chances(_within(evidence, z_max), calibration)
        chances = np.exp(logs)
        self.pz = np.zeros((len(chances), GRID.size), np.float32)
        self.shares = {}
        for kind in KINDS:
            rows = evidence.kinds == kind
            self.shares[kind] = chances[:, rows].sum(axis=1)
            self.pz[:, evidence.shifts[rows] - trials()[0]] += chances[:, rows]

    def kinds(self):
        """Return the most probable kind of each, whether or not there is anything."""
        return np.array(list(self.shares))[np.argmax(list(self.shares.values()), axis=0)]

    def classes(self):
        """Return the class of each: 'unknown' where none is more likely than not."""
        shares = np.array([*self.shares.values(), np.exp(self.nothing)])
        names = np.array([*(KINDS[kind] for kind in self.shares), "nothing"])
        return np.where(shares.max(axis=0) > 0.5, names[shares.argmax(axis=0)], "unknown")

    def modes(self):
        """Return the three best redshifts, the most probable first."""
        pz, found = self.pz, []
        for _ in range(3):
            found.append(find_mode(pz, GRID))
            pz = clear(pz, GRID, found[-1])
        return ranked(found)


def quality(evidence):
    """Return the scores of Bourahma et al.: depth of the least chi2, and its distance from the next minimum.

    Parameters
    ----------
    evidence : `~museml.classifiers.nmf_posterior.Evidence`
        Of n spectra.

    Returns
    -------
    dict of ndarray, shape (n,)
        ``dchi2`` and ``robustness``; see `~museml.classifiers.nmf.NMFClassifier`.
    """
    rows = np.arange(len(evidence.gain))
    best = evidence.gain.argmax(axis=1)
    first = evidence.gain[rows, best]
    away = np.abs(evidence.shifts - evidence.shifts[best][:, None]) * STEP > RIGHT
    second = np.where(away, evidence.gain, -np.inf).max(axis=1)
    quartile = evidence.chi2 - np.quantile(evidence.gain, 0.75, axis=1)
    dchi2 = 1 - (evidence.chi2 - first) / np.maximum(quartile, TINY)
    return {"dchi2": dchi2, "robustness": (first - second) / np.maximum(evidence.gain.std(axis=1), TINY)}


def _within(evidence, z_max):
    """Leave out redshifts beyond a limit."""
    return replace(evidence, gain=np.where(evidence.shifts * STEP <= np.log1p(z_max), evidence.gain, -np.inf))

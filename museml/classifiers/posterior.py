"""From evidence to probability: p(z), the share of stars and of what nothing explains, and the best redshifts."""

from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp

from museml.classifiers.redshift_grid import CELL, FINE, LNZ, cells
from museml.data.absorption import GALAXIES, STARS
from museml.data.line_sets import LINE_SETS

__all__ = ["Mode", "Posterior", "posterior"]

#: prior shares of what a spectrum may be
GALAXY, STAR, NOTHING, UNEXPLAINED = 0.65, 0.1, 0.2, 0.05
#: prior share of galaxies without lines, and without absorption
NO_LINES, NO_ABSORPTION = 0.2, 0.5
#: signal-to-noise ratio at which a continuum is there as likely as not
CONTINUUM = 5.0
#: evidence is raised to this power, since the models are simpler than galaxies; see the reliability test
TEMPER = 0.6
#: redshifts closer than this in ln(1+z) are one
DISTINCT = 0.005


@dataclass(frozen=True)
class Mode:
    """A redshift and the probability that it is right."""

    lnz: float
    p: float


@dataclass(frozen=True)
class Posterior:
    """What a spectrum may be.

    Attributes
    ----------
    galaxy : ndarray, shape (trials,)
        Probability of a galaxy at each trial redshift.
    star : ndarray, shape (trials,)
        The same of a star.
    """

    galaxy: np.ndarray
    star: np.ndarray

    @property
    def total(self):
        """Probability of each trial redshift."""
        return self.galaxy + self.star

    def density(self):
        """Return the probability of each cell of the reported grid."""
        return cells(self.total)

    def modes(self, number=3):
        """Return the best redshifts, the best first, more than `DISTINCT` apart."""
        total, reach, found = self.total.copy(), round(DISTINCT / FINE), []
        for _ in range(number):
            sums = np.convolve(total, np.ones(2 * CELL * 4 + 1), mode="same")
            centre = int(np.argmax(sums))
            part = slice(max(0, centre - reach), centre + reach + 1)
            if not sums[centre] > 0:
                break
            found.append(Mode(float(LNZ[part][np.argmax(total[part])]), float(min(1.0, total[part].sum()))))
            total[part] = 0
        return found

    def spread(self, mode):
        """Return the standard deviation of ln(1+z) within `DISTINCT` of a mode."""
        near = np.abs(LNZ - mode.lnz) <= DISTINCT
        weights = self.total[near] / max(self.total[near].sum(), 1e-300)
        mean = np.sum(weights * LNZ[near])
        return float(np.sqrt(np.sum(weights * (LNZ[near] - mean) ** 2) + FINE**2 / 12))

    def kind(self):
        """Return the class: 'star', 'galaxy', or 'unknown' when neither is more likely than not."""
        star, galaxy = self.star.sum(), self.galaxy.sum()
        if max(star, galaxy) < 0.5:
            return "unknown"
        return "star" if star > galaxy else "galaxy"


def posterior(lines, galaxies, stars, forest, unexplained, snr, z_max=np.inf, use_stars=True):
    """Combine the evidence.

    Parameters
    ----------
    lines : ndarray, shape (sets, trials)
        ln of the evidence of `LINE_SETS`.
    galaxies, stars : ndarray, shape (absorbers, trials)
        ln of the evidence of `GALAXIES` and `STARS`.
    forest : ndarray, shape (trials,)
        ln of the evidence of the Lyman forest.
    unexplained : ndarray, shape (n,)
        ln of the evidence of a line that no set explains, anywhere on the axis.
    snr : float
        Signal-to-noise ratio of the continuum; without one there is no star and no passive galaxy.
    z_max : float
        Galaxies are no further away.
    use_stars : bool
        Whether stars are possible.

    Returns
    -------
    Posterior
    """
    with_lines = logsumexp(TEMPER * lines + _prior(LINE_SETS)[:, None] + np.log(1 - NO_LINES), axis=0)
    with_absorption = logsumexp(TEMPER * galaxies + _prior(GALAXIES)[:, None] + np.log(1 - NO_ABSORPTION), axis=0)
    continuum = np.logaddexp(with_absorption, np.log(NO_ABSORPTION))
    local = np.isfinite(stars[0])  # starlight alone at the redshift of stars is a star's
    seen = max(snr, 0.0) ** 2 / (snr**2 + CONTINUUM**2) + 1e-12
    passive = np.where(local, -np.inf, with_absorption + np.log(NO_LINES * seen))
    both = np.logaddexp(with_lines + continuum, passive)
    both = np.where(np.log1p(z_max) >= LNZ, both, -np.inf)
    galaxy = both + TEMPER * forest + np.log(GALAXY / len(LNZ))
    moving = logsumexp(np.vstack([TEMPER * stars + _prior(STARS)[:, None], with_absorption]), axis=0)
    star = np.where(local & use_stars, moving, -np.inf) + np.log(STAR * seen / max(1, local.sum()))
    alone = logsumexp(TEMPER * unexplained) - np.log(len(unexplained))
    rest = np.logaddexp(np.log(NOTHING), np.log(UNEXPLAINED) + alone)
    total = logsumexp([logsumexp(galaxy), logsumexp(star), rest])
    return Posterior(np.exp(galaxy - total), np.exp(star - total))


def _prior(kinds):
    shares = np.array([kind.prior for kind in kinds])
    return np.log(shares / shares.sum())

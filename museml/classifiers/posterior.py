"""From evidence to probability: p(z), the share of stars and of what nothing explains, and the best redshifts."""

from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp

from museml.classifiers.redshift_grid import CELL, FINE, LNZ, cells
from museml.data.absorption import GALAXIES, STARS
from museml.data.line_profiles import C_KMS
from museml.data.line_sets import LINE_SETS

__all__ = ["Evidence", "Mode", "Posterior", "posterior"]

#: prior shares of what a spectrum may be
GALAXY, STAR, NOTHING, UNEXPLAINED, SUNLIGHT = 0.65, 0.1, 0.19, 0.05, 0.01
#: scattered sunlight that was left in the sky has the lines of a star at rest (km/s), in a continuum that is no
#: brighter than the noise of a pixel
SUNLIGHT_SPEED, SUNLIGHT_SNR = 60.0, 2.5
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
class Evidence:
    """What was found in a spectrum; ln of the evidence is against a featureless continuum.

    Attributes
    ----------
    lines : ndarray, shape (sets, trials)
        Of `LINE_SETS`.
    galaxies, stars : ndarray, shape (absorbers, trials)
        Of the absorption of `GALAXIES` and `STARS`.
    forest : ndarray, shape (trials,)
        Of the Lyman forest.
    unexplained : ndarray, shape (n,)
        Of a line that no set explains, anywhere on the axis.
    snr, pixel_snr : float
        Signal-to-noise ratio of the continuum: of its mean, and per pixel.
    """

    lines: np.ndarray
    galaxies: np.ndarray
    stars: np.ndarray
    forest: np.ndarray
    unexplained: np.ndarray
    snr: float
    pixel_snr: float

    @property
    def seen(self):
        """How sure it is that there is a continuum; without one there is no star and no passive galaxy."""
        return max(self.snr, 0.0) ** 2 / (self.snr**2 + CONTINUUM**2) + 1e-12


@dataclass(frozen=True)
class Posterior:
    """What a spectrum may be.

    Attributes
    ----------
    galaxy : ndarray, shape (trials,)
        ln of the probability of a galaxy at each trial redshift.
    star : ndarray, shape (trials,)
        The same of a star.
    """

    galaxy: np.ndarray
    star: np.ndarray

    @property
    def total(self):
        """Probability of each trial redshift."""
        return np.exp(self._both())

    def _both(self):
        return np.logaddexp(self.galaxy, self.star)

    def density(self):
        """Return the probability of each cell of the reported grid."""
        return cells(self.total)

    def modes(self, number=3):
        """Return the best redshifts, the best first, more than `DISTINCT` apart."""
        both, reach, found = self._both(), round(DISTINCT / FINE), []
        while len(found) < number and np.isfinite(both.max()):
            relative = np.exp(both - both.max())
            centre = int(np.argmax(np.convolve(relative, np.ones(8 * CELL + 1), mode="same")))
            part = slice(max(0, centre - reach), centre + reach + 1)
            best = LNZ[part][np.argmax(relative[part])]
            found.append(Mode(float(best), float(min(1.0, np.exp(logsumexp(both[part]))))))
            both[part] = -np.inf
        return found

    def spread(self, mode):
        """Return the standard deviation of ln(1+z) within `DISTINCT` of a mode."""
        near = np.abs(LNZ - mode.lnz) <= DISTINCT
        both = self._both()[near]
        weights = np.exp(both - logsumexp(both))
        mean = np.sum(weights * LNZ[near])
        return float(np.sqrt(np.sum(weights * (LNZ[near] - mean) ** 2) + FINE**2 / 12))

    def kind(self):
        """Return the class: 'star', 'galaxy', or 'unknown' when neither is more likely than not."""
        star, galaxy = np.exp(self.star).sum(), np.exp(self.galaxy).sum()
        if max(star, galaxy) < 0.5:
            return "unknown"
        return "star" if star > galaxy else "galaxy"


def posterior(evidence, z_max=np.inf, use_stars=True):
    """Turn evidence into probability.

    Parameters
    ----------
    evidence : Evidence
        Of one spectrum.
    z_max : float
        Galaxies are no further away.
    use_stars : bool
        Whether stars are possible.

    Returns
    -------
    Posterior
    """
    galaxy = np.where(np.log1p(z_max) >= LNZ, _galaxy(evidence), -np.inf)
    star = _star(evidence) if use_stars else np.full(len(LNZ), -np.inf)
    total = logsumexp([logsumexp(galaxy), logsumexp(star), _rest(evidence)])
    return Posterior(galaxy - total, star - total)


def _galaxy(evidence):
    """Return ln of prior times evidence of a galaxy at each trial redshift."""
    with_lines = logsumexp(TEMPER * evidence.lines + _prior(LINE_SETS) + np.log(1 - NO_LINES), axis=0)
    absorbed = _absorbed(evidence)
    passive = np.where(_local(evidence), -np.inf, absorbed + np.log(NO_LINES * evidence.seen))
    both = np.logaddexp(with_lines + np.logaddexp(absorbed, np.log(NO_ABSORPTION)), passive)
    return both + TEMPER * evidence.forest + np.log(GALAXY / len(LNZ))


def _star(evidence):
    """Return the same of a star; starlight of any kind is a star's where stars are."""
    light = logsumexp(np.vstack([TEMPER * evidence.stars + _prior(STARS), _absorbed(evidence)]), axis=0)
    local = _local(evidence)
    return np.where(local, light, -np.inf) + np.log(STAR * evidence.seen / max(1, local.sum()))


def _rest(evidence):
    """Return the same of all that has no redshift: nothing, a stray line, and sunlight left in the sky."""
    stray = logsumexp(TEMPER * evidence.unexplained) - np.log(len(evidence.unexplained))
    still = np.abs(LNZ) < SUNLIGHT_SPEED / C_KMS
    solar = logsumexp(TEMPER * evidence.stars[:, still] + _prior(STARS), axis=0)
    faint = -((evidence.pixel_snr / SUNLIGHT_SNR) ** 2)
    sunlight = logsumexp(solar) - np.log(still.sum()) + faint
    return logsumexp([np.log(NOTHING), np.log(UNEXPLAINED) + stray, np.log(SUNLIGHT) + sunlight])


def _absorbed(evidence):
    return logsumexp(TEMPER * evidence.galaxies + _prior(GALAXIES) + np.log(1 - NO_ABSORPTION), axis=0)


def _local(evidence):
    """Say at which trial redshifts stars are."""
    return np.isfinite(evidence.stars[0])


def _prior(kinds):
    shares = np.array([kind.prior for kind in kinds])
    return np.log(shares / shares.sum())[:, None]

"""Plain clean spectra: power laws with tabulated absorption, and lines at mean ratios."""

import numpy as np

from museml.data.absorption import GALAXIES, STARS, transmission
from museml.data.line_profiles import C_KMS, PROFILES, line_sigma
from museml.data.line_sets import LINE_SETS

__all__ = ["plain_spectra"]

Z_MAX = 6.6


def plain_spectra(kinds, rng, instrument):
    """Return clean spectra of kinds: flux, the part of it that is emission, and redshifts (NaN where none)."""
    drawn = [KINDS[kind](rng, instrument) for kind in kinds]
    continuum, emission = (np.array([row[i] for row in drawn], np.float32) for i in (0, 1))
    return continuum + emission, emission, np.array([row[2] for row in drawn])


def _galaxy(rng, sky, sets):
    """Return a spectrum with emission lines on a continuum."""
    for _ in range(1000):
        line_set = sets[rng.choice(len(sets), p=_shares(sets))]
        z = float(np.expm1(rng.uniform(0, np.log1p(Z_MAX))))
        lines = _emission(rng, sky, line_set, z)
        if lines.max() * np.median(np.diff(sky.wave)) > 0.02:  # a main line is covered
            break
    flux = np.sum(lines * np.gradient(sky.wave))
    width = np.exp(rng.normal(np.log(60 * (1 + z)), 0.8))  # observed equivalent width of all lines
    absorber = GALAXIES[3 if z > 1.5 else rng.choice([1, 3])]
    return _continuum(rng, sky, z, flux / width, absorber), lines, z


def _emission(rng, sky, line_set, z):
    """Return the lines of a set at their drawn ratios, on an arbitrary scale."""
    width, total = rng.uniform(40, 250), np.zeros(len(sky.wave))
    for member in line_set.members:
        ratio = member.ratio * np.exp(rng.normal(0, 0.7 * member.scatter))
        for rest, weight in member.feature.members:
            total += ratio * weight * _profile(sky, rest * (1 + z), width, member.feature.profile)
    return total


def _profile(sky, centre, width, profile):
    total, sum_of_weights = np.zeros(len(sky.wave)), 0.0
    for shift, weight, widening in PROFILES[profile]:
        at = centre * np.exp(shift)
        sigma = float(line_sigma(np.array(at), width * widening))
        total += weight * np.exp(-0.5 * ((sky.vacuum - at) / sigma) ** 2) / (sigma * np.sqrt(2 * np.pi))
        sum_of_weights += weight
    return total / sum_of_weights


def _continuum(rng, sky, z, level, absorber):
    """Return a power law of a mean level with absorption, dimmed blueward of Lya."""
    rest = sky.vacuum / (1 + z)
    strength = max(0.0, rng.normal(1, 0.3))
    shape = np.where(rest < 1220, 1.0, transmission(absorber, rest)) ** strength
    shape = shape * (sky.vacuum / 7000) ** rng.normal(-0.5, 0.8)
    forest = np.exp(-0.0036 * (sky.vacuum / 1215.67) ** 3.46)  # Madau 1995, ApJ 441, 18
    shape = np.where(sky.vacuum < 1215.67 * (1 + z), shape * forest, shape)
    shape = np.where(sky.vacuum < 911.8 * (1 + z), 0, shape)
    return level * shape / shape.mean()


def _emitter(rng, sky):
    return _galaxy(rng, sky, [s for s in LINE_SETS if s.name != "Lyman alpha"])


def _lya(rng, sky):
    return _galaxy(rng, sky, [s for s in LINE_SETS if s.name == "Lyman alpha"])


def _passive(rng, sky):
    z = float(np.expm1(rng.uniform(np.log1p(0.02), np.log1p(1.2))))
    absorber = GALAXIES[rng.choice(3)]
    return _continuum(rng, sky, z, 1.0, absorber), np.zeros(len(sky.wave)), z


def _star(rng, sky):
    z, absorber = float(rng.normal(0, 150) / C_KMS), STARS[rng.choice(len(STARS))]
    return _continuum(rng, sky, z, 1.0, absorber), np.zeros(len(sky.wave)), z


def _nothing(rng, sky):
    return np.zeros(len(sky.wave)), np.zeros(len(sky.wave)), np.nan


def _shares(sets):
    shares = np.array([line_set.prior for line_set in sets])
    return shares / shares.sum()


#: kind -> function that makes continuum, emission and redshift
KINDS = {"star_forming": _emitter, "lya": _lya, "passive": _passive, "star": _star, "nothing": _nothing}

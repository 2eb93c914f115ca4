"""Simulated MUSE spectra with a truth table: galaxies, Lya emitters, stars and nothing."""

import numpy as np
from astropy import units as u
from astropy.table import Table

from museml.data.absorption import GALAXIES, STARS, transmission
from museml.data.batch import Batch
from museml.data.cubes import FLUX_DENSITY
from museml.data.line_profiles import C_KMS, PROFILES, line_sigma
from museml.data.line_sets import LINE_SETS
from museml.data.spectral import to_vacuum
from museml.errors import SettingError
from museml.simulation.noise import LAG_ONE, noise_curve

__all__ = ["KINDS", "simulate_spectra"]

#: MUSE's nominal range, Angstrom in air
WAVE = 4750.0 + 1.25 * np.arange(3681)
#: spaxels in the aperture
APERTURE = 20
Z_MAX = 6.6


def simulate_spectra(n, seed=0, kinds=None, exposure_hours=1.0, snr=(3.0, 40.0), wave=None):
    """Simulate spectra as MUSE would see them.

    Emission-line fluxes scatter about the ratios of `museml.data.line_sets`, with reddening of the
    whole set, widths of 40 to 250 km/s and a skewed Lya; continua are power laws with the absorption of
    `museml.data.absorption` at varying strength and, beyond redshift 2.9, the Lyman
    forest. The noise follows a real exposure, is correlated between neighbouring pixels, has residuals at
    sky lines, and is reported wrongly by a factor of 0.7 to 1.2.

    Parameters
    ----------
    n : int
        Number of spectra.
    seed : int
        Seed of the random numbers.
    kinds : sequence of str
        Kinds to draw from, evenly: see `KINDS`; all by default.
    exposure_hours : float
        Exposure time; it sets the scale of fluxes and noise.
    snr : (float, float)
        Range, even in the logarithm, of the signal-to-noise ratio: of all lines together, or for
        spectra without lines 20 times that of the continuum per pixel.
    wave : ndarray
        Wavelengths in Angstrom, air; MUSE's by default.

    Returns
    -------
    spectra : `~museml.Batch`
        The spectra, ids '1' to n.
    truth : `~astropy.table.Table`
        Columns id, kind, set (the set of lines or the template), z (masked for nothing), snr.

    Raises
    ------
    SettingError
        If there is no such kind.
    """
    wave = WAVE if wave is None else np.asarray(wave, float)
    kinds = tuple(KINDS if kinds is None else kinds)
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown:
        raise SettingError(f"no kind of spectrum is called {unknown[0]!r}; known: {', '.join(KINDS)}")
    rng = np.random.default_rng(seed)
    sky = _Sky(wave, exposure_hours)
    rows = [_one(rng, sky, str(rng.choice(kinds)), snr) for _ in range(n)]
    names = ("kind", "set", "z", "snr")
    truth = Table({"id": [str(i + 1) for i in range(n)], **{k: [row[k] for row in rows] for k in names}})
    truth["z"] = np.ma.masked_invalid(np.asarray(truth["z"], float))
    values, errors = (np.array([row[k] for row in rows], np.float32).reshape(n, -1) for k in ("values", "errors"))
    mask = np.zeros(values.shape, bool)
    ids = tuple(truth["id"])
    return Batch(ids, values, errors, mask, wave * u.Angstrom, "air", FLUX_DENSITY), truth


class _Sky:
    """Wavelengths and noise, common to all spectra."""

    def __init__(self, wave, exposure_hours):
        self.wave, self.vacuum = wave, to_vacuum(wave, "air")
        self.sigma = noise_curve(wave, exposure_hours) * np.sqrt(APERTURE)
        smooth = np.sort(np.lib.stride_tricks.sliding_window_view(np.pad(self.sigma, 50, mode="edge"), 101), axis=1)
        self.lines = self.sigma / smooth[:, 30]  # 1 between sky lines, more on them

    def draw(self, rng):
        """Return noise, and the errors that are reported of it."""
        white = rng.standard_normal(len(self.wave) + 1)
        share = rng.uniform(0, 2 * LAG_ONE)
        noise = (white[1:] + share * white[:-1]) / np.hypot(1, share)
        residual = rng.uniform(0, 0.5) * np.maximum(self.lines - 1.5, 0) * rng.standard_normal(len(self.wave))
        return self.sigma * (noise + residual), self.sigma * rng.uniform(0.7, 1.2)


def _one(rng, sky, kind, snr_range):
    snr = float(np.exp(rng.uniform(*np.log(snr_range))))
    values, name, z = KINDS[kind](rng, sky, snr)
    noise, errors = sky.draw(rng)
    return {"kind": kind, "set": name, "z": z, "snr": snr, "values": values + noise, "errors": errors}


def _galaxy(rng, sky, snr, sets):
    """Return a spectrum with emission lines on a continuum."""
    for _ in range(1000):
        line_set = sets[rng.choice(len(sets), p=_shares(sets))]
        z = float(np.expm1(rng.uniform(0, np.log1p(Z_MAX))))
        lines = _emission(rng, sky, line_set, z)
        strength = np.sqrt(np.sum((lines / sky.sigma) ** 2))
        if lines.max() * np.median(np.diff(sky.wave)) > 0.02:  # a main line is covered
            break
    lines *= snr / strength
    flux = np.sum(lines * np.gradient(sky.wave))
    width = np.exp(rng.normal(np.log(60 * (1 + z)), 0.8))  # observed equivalent width of all lines
    return (
        lines + _continuum(rng, sky, z, flux / width, GALAXIES[3 if z > 1.5 else rng.choice([1, 3])]),
        line_set.name,
        z,
    )


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


def _emitter(rng, sky, snr):
    return _galaxy(rng, sky, snr, [s for s in LINE_SETS if s.name != "Lyman alpha"])


def _lya(rng, sky, snr):
    return _galaxy(rng, sky, snr, [s for s in LINE_SETS if s.name == "Lyman alpha"])


def _passive(rng, sky, snr):
    z = float(np.expm1(rng.uniform(np.log1p(0.02), np.log1p(1.2))))
    absorber = GALAXIES[rng.choice(3)]
    return _continuum(rng, sky, z, snr / 20 * np.median(sky.sigma), absorber), absorber.name, z


def _star(rng, sky, snr):
    z, absorber = float(rng.normal(0, 150) / C_KMS), STARS[rng.choice(len(STARS))]
    return _continuum(rng, sky, z, snr / 20 * np.median(sky.sigma), absorber), absorber.name, z


def _nothing(rng, sky, snr):
    level = max(0.0, rng.normal(0, 0.1)) * np.median(sky.sigma)
    return np.full(len(sky.wave), level), "", np.nan


def _shares(sets):
    shares = np.array([line_set.prior for line_set in sets])
    return shares / shares.sum()


#: what can be simulated -> function that makes the spectrum without noise, its template and redshift
KINDS = {"emitter": _emitter, "lya": _lya, "passive": _passive, "star": _star, "nothing": _nothing}

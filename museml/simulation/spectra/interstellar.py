"""Absorption by the gas of galaxies in their ultraviolet light, and what it re-emits."""

import numpy as np

from museml.data.line_profiles import C_KMS
from museml.simulation.spectra.lyman import LIMIT, LYALPHA, damped_depth

__all__ = ["transmission"]

REACH = 4.0  # sigmas to which a line is followed


def _lines(text):
    words = [float(word) for word in text.split()]
    return tuple(zip(words[::2], words[1::2], strict=True))


# Vacuum wavelength and optical depth in units of that of SiII 1260: oscillator strength times wavelength (Morton 2003,
# ApJS 149, 205; Cashman et al. 2017, ApJS 230, 8 for sulphur and aluminium) times solar abundance with the depletion
# of warm gas (Jenkins 2009, ApJ 700, 1299).
_LOW = _lines("""
1036.34 0.6 1083.99 0.5 1190.42 0.23 1193.29 0.47 1199.97 0.2 1206.50 1.3 1250.58 0.004 1253.81 0.008 1260.42 1.0
1302.17 0.7 1304.37 0.08 1334.53 0.92 1526.71 0.14 1608.45 0.04 1670.79 0.12 1808.01 0.003 2249.88 0.0015 2260.78 0.002
2344.21 0.11 2374.46 0.035 2382.76 0.33 2586.65 0.08 2600.17 0.27 2796.35 0.8 2803.53 0.4 2852.96 0.035
""")
_HIGH = _lines("1393.76 1.0 1402.77 0.5 1548.20 2.0 1550.77 1.0 1854.72 0.4 1862.79 0.2 1238.82 0.1 1242.80 0.05")
_SODIUM = _lines("5891.58 1.0 5897.56 0.5")
# Fluorescent lines and their share (Shapley et al. 2003, ApJ 588, 65; Prochaska et al. 2011, ApJ 734, 24; Finley et al.
# 2017, A&A 608, A7).
_FLUORESCENT_SILICON = _lines("1197.39 0.4 1264.74 1.0 1309.28 0.6 1533.43 1.0")
_FLUORESCENT_IRON = _lines("2365.55 0.5 2396.36 1.0 2612.65 0.9 2626.45 1.2 2632.11 0.5")
_SCATTERED = _lines("2796.35 1.0 2803.53 0.7 2382.76 0.3 2600.17 0.4 1548.20 0.4 1550.77 0.3 1393.76 0.2")
_WIND = _lines("1240.81 0.7 1396.0 0.25 1549.1 1.0")


def transmission(rng, table, ln_wave):
    """Draw the transmission of the gas within galaxies.

    Low and high ions share velocity and covering; the optical depths of a group go with oscillator strengths and
    abundances, so that saturated and faint lines belong together. Fluorescent and scattered light fills in or exceeds
    the continuum. Galaxies without strong Lya have its damped trough.

    Parameters
    ----------
    rng : `~numpy.random.Generator`
        Source of randomness.
    table : `~astropy.table.Table`
        Physical parameters, see `~museml.simulation.spectra.population.draw`.
    ln_wave : ndarray, shape (pixels,)
        Natural logarithm of the rest wavelength in Angstrom, vacuum, increasing.

    Returns
    -------
    ndarray, shape (n, pixels), float32
        To be multiplied with the stars' continuum; 1 for what is not a galaxy.
    """
    result = np.ones((len(table), len(ln_wave)), np.float32)
    galaxy = np.flatnonzero(np.isfinite(np.asarray(table["mass"], float)))
    rows = table[galaxy]
    values = result[galaxy]
    for apply in (_low_ions, _high_ions, _sodium, _emission, _winds, _hydrogen):
        apply(rng, rows, ln_wave, values)
    result[galaxy] = values
    return result


def _column(table, name):
    return np.asarray(table[name], float)


def _absorb(values, ln_wave, lines, gas):
    """Multiply with absorption; ``gas`` has depth (of the first unit), covering, velocity and sigma by row."""
    depth, covering, velocity, sigma = (np.asarray(one, np.float32)[:, None] for one in gas)
    for wave, strength in lines:
        place, distance = _near(ln_wave, wave, velocity, sigma)
        shape = np.exp(-0.5 * distance**2)
        values[:, place] *= 1 + covering * np.expm1(-strength * depth * shape)


def _emit(values, ln_wave, lines, light):
    """Add emission; ``light`` has equivalent width (Angstrom), velocity and sigma by row."""
    width, velocity, sigma = (np.asarray(one, np.float32)[:, None] for one in light)
    for wave, share in lines:
        place, distance = _near(ln_wave, wave, velocity, sigma)
        peak = share * width * C_KMS / (wave * sigma * np.sqrt(2 * np.pi))
        values[:, place] += peak * np.exp(-0.5 * distance**2)


def _near(ln_wave, wave, velocity, sigma):
    """Return the pixels near a line, and their distance to it in sigmas."""
    reach = (np.abs(velocity) + REACH * sigma).max(initial=0) / C_KMS
    centre = np.log(wave)
    place = slice(*np.searchsorted(ln_wave, (centre - reach, centre + reach)))
    return place, ((ln_wave[place] - centre).astype(np.float32) * C_KMS - velocity) / sigma


def _low_ions(rng, rows, ln_wave, values):
    """Absorb in the gas that flows out, and in that at rest."""
    n = len(rows)
    outflow, covering = _column(rows, "outflow"), _column(rows, "covering")
    sigma = np.hypot(70, 0.55 * outflow) * rng.uniform(0.7, 1.3, n)
    depth = 10 ** rng.normal(1.3, 0.45, n)
    share = rng.uniform(0, 1, n)
    _absorb(values, ln_wave, _LOW, (depth, covering, -outflow, sigma))
    still = (0.3 * depth, share * covering, rng.normal(0, 20, n), np.maximum(_column(rows, "width"), 40))
    _absorb(values, ln_wave, _LOW, still)


def _high_ions(rng, rows, ln_wave, values):
    n = len(rows)
    outflow = _column(rows, "outflow") * rng.uniform(0.7, 1.4, n)
    covering = np.clip(_column(rows, "covering") * rng.uniform(0.4, 1.2, n), 0, 1)
    gas = (10 ** rng.normal(0.2, 0.45, n), covering, -outflow, np.hypot(70, 0.5 * outflow))
    _absorb(values, ln_wave, _HIGH, gas)


def _sodium(rng, rows, ln_wave, values):
    """Absorb in NaI, which goes with dust (Chen et al. 2010, AJ 140, 445)."""
    n = len(rows)
    depth = np.minimum(3 * _column(rows, "ebv_gas") * 10 ** rng.normal(-0.2, 0.4, n), 3)
    sigma = np.maximum(_column(rows, "width"), 40)
    _absorb(values, ln_wave, _SODIUM, (depth, rng.uniform(0.05, 0.4, n), -rng.uniform(0, 150, n), sigma))


def _emission(rng, rows, ln_wave, values):
    """Re-emit: fluorescent lines at rest, scattered light of resonance lines to the red of the absorption."""
    n = len(rows)
    young = np.asarray(rows["kind"]) != "passive"
    covering = _column(rows, "covering")
    sigma = np.maximum(_column(rows, "width"), 40) * 1.2
    for lines, mean in ((_FLUORESCENT_SILICON, 0.35), (_FLUORESCENT_IRON, 0.7)):
        width = np.where(young, mean * covering * 10 ** rng.normal(0, 0.35, n), 0)
        _emit(values, ln_wave, lines, (width, rng.normal(20, 40, n), sigma))
    back = np.where(young & (rng.random(n) < 0.5), covering * rng.exponential(1.2, n), 0)
    _emit(values, ln_wave, _SCATTERED, (back, rng.uniform(30, 180, n), sigma * 1.3))


def _winds(rng, rows, ln_wave, values):
    """Winds of hot stars: NV, SiIV and CIV with P Cygni profiles (Leitherer et al. 2001, ApJ 550, 724)."""
    n = len(rows)
    young = np.isin(np.asarray(rows["kind"]), ["star_forming", "lya", "lbg"])
    strength = np.where(young, rng.uniform(0, 1.5, n), 0)
    speed = rng.uniform(700, 1500, n)
    _absorb(values, ln_wave, _WIND, (strength, np.full(n, 0.5), -speed, 0.45 * speed))
    _emit(values, ln_wave, _WIND, (strength * rng.uniform(0.2, 1.5, n), 0.35 * speed, 0.4 * speed))


def _hydrogen(rng, rows, ln_wave, values):
    """Absorb Lya in the galaxy's own gas where the line is not strong, and what ionises hydrogen."""
    n = len(rows)
    weak = _column(rows, "lya") < rng.uniform(0, 30, n)
    share = np.where(weak, 1 - 0.5 * rng.random(n) ** 2, 0)
    column = 10 ** rng.uniform(19.8, 21.6, n)
    place = slice(*np.searchsorted(ln_wave, np.log((1130.0, 1310.0))))
    centre = LYALPHA * (1 - _column(rows, "outflow") / C_KMS)
    depth = damped_depth(np.exp(ln_wave[place]), centre[:, None], column[:, None])
    values[:, place] *= (1 + share[:, None] * np.expm1(-depth)).astype(np.float32)
    escape = np.where(rng.random(n) < 0.2, rng.uniform(0, 0.3, n), 0)
    values[:, : np.searchsorted(ln_wave, np.log(LIMIT))] *= escape[:, None].astype(np.float32)

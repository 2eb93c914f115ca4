"""Continua of galaxies at rest: star formation, metals, dust, motions of stars."""

from dataclasses import dataclass

import numpy as np
from astropy.cosmology import Planck18

from museml.errors import SettingError
from museml.simulation.spectra.library import continuum_library
from museml.simulation.spectra.lyman import LIMIT
from museml.simulation.spectra.sampling import broaden

__all__ = ["HISTORIES", "KINDS", "History", "calzetti", "cosmic_age", "stellar_continua"]

BIRTH = 1.0e7  # years for which stars stay in their birth clouds (Charlot & Fall 2000, ApJ 539, 718)
SIGMAS = (30.0, 350.0)  # km/s
CALZETTI_RV = 4.05  # attenuation in V over colour excess (Calzetti et al. 2000)


@dataclass(frozen=True)
class History:
    """Ranges from which galaxies of one sort are drawn.

    Attributes
    ----------
    start : (float, float)
        When star formation began, in units of the age of the universe then, even in the logarithm.
    tau : (float, float)
        Time scale of the delayed exponential, years, even in the logarithm.
    quench : (float, float)
        How long ago it ended, years, even in the logarithm; (0, 0) if it goes on.
    burst_share : float
        Probability of a burst.
    burst_mass : (float, float)
        Share of the mass formed in it, even in the logarithm.
    burst_age : (float, float)
        When it began, years ago, even in the logarithm.
    burst_goes_on : float
        Probability that it has not ended; else it lasted for a part of the time since.
    metals : (float, float)
        Mean and scatter of the decadic logarithm of the metallicity, in units of the Sun's.
    dust : float
        Mean of the attenuation in V of the whole galaxy, magnitudes, distributed exponentially.
    sigma : (float, float)
        Velocity dispersion: median in km/s and scatter in dex.
    """

    start: tuple
    tau: tuple
    quench: tuple
    burst_share: float
    burst_mass: tuple
    burst_age: tuple
    burst_goes_on: float
    metals: tuple
    dust: float
    sigma: tuple


#: sorts of galaxies
HISTORIES = {
    "delayed": History(
        (0.1, 1.0), (3e8, 1e10), (0, 0), 0.4, (1e-3, 0.2), (3e6, 3e8), 0.5, (-0.2, 0.3), 0.5, (75.0, 0.2)
    ),
    "young": History(
        (0.02, 0.6), (1e8, 3e9), (0, 0), 0.8, (0.1, 1.0), (3e6, 1e9), 0.9, (-0.7, 0.35), 0.2, (55.0, 0.15)
    ),
    "dusty": History(
        (0.05, 0.8), (1e8, 3e9), (0, 0), 0.8, (0.05, 1.0), (1e7, 1e9), 0.9, (-0.4, 0.3), 0.5, (65.0, 0.15)
    ),
    "old": History(
        (0.5, 1.0), (5e7, 8e8), (3e8, 3e9), 0.2, (1e-4, 1e-2), (3e7, 1e9), 0.3, (0.0, 0.2), 0.15, (180.0, 0.16)
    ),
    "post_starburst": History(
        (0.3, 1.0), (2e8, 3e9), (2e8, 1.2e9), 1.0, (0.05, 0.7), (1.5e8, 1.2e9), 0.0, (-0.1, 0.25), 0.3, (120.0, 0.2)
    ),
}
#: kind of galaxy -> shares of the sorts
KINDS = {
    "star_forming": {"delayed": 0.8, "young": 0.2},
    "passive": {"old": 0.85, "post_starburst": 0.15},
    "lya": {"young": 1.0},
    "lbg": {"young": 0.35, "dusty": 0.5, "delayed": 0.15},
    "agn2": {"delayed": 0.6, "old": 0.3, "post_starburst": 0.1},
}


def stellar_continua(rng, n, z, kind, library=None):
    """Draw continua of galaxies: stars, nebular continuum and dust, at rest.

    Parameters
    ----------
    rng : `~numpy.random.Generator`
        Source of randomness.
    n : int
        Number of spectra.
    z : float or array_like, shape (n,)
        Redshifts: no star is older than the universe then.
    kind : str or array_like of str, shape (n,)
        What the galaxies are, see `KINDS`.
    library : Library
        By default the one that museml brings along.

    Returns
    -------
    ndarray, shape (n, pixels), float32
        Flux density per Angstrom on the axis of the library, the mean over 1200 to 8000 Angstrom is 1; no emission
        lines, nothing of the gas between stars or galaxies but that there is no light blueward of the Lyman limit.

    Raises
    ------
    SettingError
        If there is no such kind.
    """
    library = library or continuum_library()
    drawn = _draw(rng, _sorts(rng, n, kind))
    mass = _formed(rng, drawn, cosmic_age(np.broadcast_to(z, n)), library)
    dust = rng.exponential(drawn["dust"]).clip(max=4)
    flux = _light(rng, mass, dust, library)
    sigma = (drawn["sigma"][:, 0] * 10 ** rng.normal(0, drawn["sigma"][:, 1])).clip(*SIGMAS)
    flux = broaden(flux, np.sqrt(np.maximum(sigma**2 - library.sigma**2, 0)), library.step)
    flux[:, : np.searchsorted(library.ln_wave, np.log(LIMIT))] = 0
    inside = slice(*np.searchsorted(library.ln_wave, np.log([1200, 8000])))
    return np.maximum(flux, 0) / np.mean(flux[:, inside], axis=1, keepdims=True)


def calzetti(wave):
    """Return the attenuation by dust of starburst galaxies, in units of that in V.

    Calzetti et al. (2000, ApJ 533, 682), equation 4; blueward of 1200 Angstrom it goes on in a straight line.

    Parameters
    ----------
    wave : array_like
        Wavelength in Angstrom.
    """
    micron = np.asarray(wave, float) / 1e4
    blue = np.maximum(micron, 0.12)
    uv = 2.659 * (-2.156 + 1.509 / blue - 0.198 / blue**2 + 0.011 / blue**3) + CALZETTI_RV
    uv += np.where(micron < 0.12, 2.659 * -24.0 * (micron - 0.12), 0)
    red = 2.659 * (-1.857 + 1.040 / micron) + CALZETTI_RV
    return np.where(micron < 0.63, uv, red) / CALZETTI_RV


def _sorts(rng, n, kind):
    """Return the name of the sort of each galaxy."""
    kinds, sorts = np.broadcast_to(kind, n), np.empty(n, dtype="U16")
    for name in np.unique(kinds):
        if name not in KINDS:
            raise SettingError(f"no kind of galaxy is called {str(name)!r}; known: {', '.join(KINDS)}")
        rows = kinds == name
        sorts[rows] = rng.choice(list(KINDS[name]), rows.sum(), p=list(KINDS[name].values()))
    return sorts


def _draw(rng, sorts):
    """Return the ranges of the sorts as arrays, one row per galaxy."""
    names, index = np.unique(sorts, return_inverse=True)
    fields = History.__dataclass_fields__
    return {field: np.array([getattr(HISTORIES[name], field) for name in names], float)[index] for field in fields}


def _formed(rng, drawn, cosmic_age, library):
    """Return the share of mass by metallicity and age, shape (n, metals, ages)."""
    start = cosmic_age * _even(rng, drawn["start"])
    quench = np.minimum(_even(rng, drawn["quench"]), 0.7 * start)
    main = _delayed(library.ages, start, _even(rng, drawn["tau"]), quench)
    begin = np.minimum(_even(rng, drawn["burst_age"]), cosmic_age)
    end = np.where(rng.random(len(begin)) < drawn["burst_goes_on"], 0, begin * rng.uniform(0.3, 0.95, len(begin)))
    burst = _constant(library.ages, begin, end)
    share = (_even(rng, drawn["burst_mass"]) * (rng.random(len(begin)) < drawn["burst_share"]))[:, None, None]
    old, new = (_metals(rng, drawn["metals"], library.metals)[:, :, None] for _ in range(2))
    return (1 - share) * old * main[:, None] + share * new * burst[:, None]


def _delayed(borders, start, tau, quench):
    """Return the share of mass by age of a delayed exponential that began ``start`` and ended ``quench`` years ago."""
    since = (np.clip(start[:, None] - borders, 0, (start - quench)[:, None])) / tau[:, None]
    return _shares(1 - (1 + since) * np.exp(-since))


def _constant(borders, start, end):
    """Return the share of mass by age of constant star formation between two times."""
    return _shares(np.clip(start[:, None] - borders, 0, (start - end)[:, None]))


def _shares(cumulative):
    mass = -np.diff(cumulative, axis=1)
    return mass / mass.sum(axis=1, keepdims=True)


def _metals(rng, ranges, metals):
    """Return the share of each metallicity, shape (n, metals): between two neighbours, most of it at one value."""
    total, grid = 0, np.log10(metals)
    for share in (0.7, 0.3):
        value = rng.normal(ranges[:, 0], ranges[:, 1]).clip(grid[0], grid[-1])
        place = np.interp(value, grid, np.arange(len(grid)))
        total = total + share * np.maximum(1 - np.abs(place[:, None] - np.arange(len(grid))), 0)
    return total


def _light(rng, mass, dust, library):
    """Return the light of stars and gas after the dust, shape (n, pixels)."""
    n, metals, _ = mass.shape
    young = library.ages[1:] <= BIRTH * 1.01
    clouds = mass[:, :, : len(library.nebular) // metals] * rng.uniform(
        0.2, 1, (n, 1, 1)
    )  # the rest of the photons escapes
    fresh = _times(np.where(young, mass, 0), library.ssp) + _times(clouds, library.nebular)
    birth = dust * rng.uniform(0, 1.3, n)
    relative = (library.wave / 5500).astype(np.float32)
    fresh *= _dimmed(birth, relative**-0.7)
    fresh += _times(np.where(young, 0, mass), library.ssp)
    tilt = rng.normal(-0.1, 0.2, n)  # Noll et al. 2009, A&A 507, 1793: slopes about Calzetti's law
    curve = np.exp(tilt[:, None].astype(np.float32) * np.log(relative)) * calzetti(library.wave).astype(np.float32)
    fresh *= _dimmed(dust, curve)
    return fresh


def _dimmed(magnitudes, curve):
    return np.exp(np.float32(-0.4 * np.log(10)) * magnitudes[:, None].astype(np.float32) * curve)


def _times(mass, spectra):
    return mass.reshape(len(mass), -1).astype(np.float32) @ spectra


def _even(rng, ranges):
    """Draw evenly in the logarithm between two columns; 0 where both are 0."""
    low, high = np.maximum(ranges, 1e-30).T
    drawn = np.exp(rng.uniform(np.log(low), np.log(high)))
    return np.where(ranges[:, 1] > 0, drawn, 0)


def cosmic_age(z):
    """Return the age in years of a flat universe of matter and vacuum, with the parameters of Planck 2018."""
    matter, vacuum = Planck18.Om0, 1 - Planck18.Om0
    unit = 2 / (3 * np.sqrt(vacuum)) * Planck18.hubble_time.to_value("yr")
    return unit * np.arcsinh(np.sqrt(vacuum / matter) * (1 + np.asarray(z, float)) ** -1.5)

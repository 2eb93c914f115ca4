"""Spectra of stars at rest: types O to M, brown dwarfs, carbon stars and white dwarfs."""

import numpy as np
from astropy.modeling.physical_models import BlackBody

from museml.data.line_profiles import C_KMS
from museml.simulation.spectra.library import continuum_library

__all__ = ["SHARES", "star_spectra", "white_dwarfs"]

#: type -> share: a mixture for learning, with more of the rare types than the sky has
SHARES = {
    "O": 0.01, "B": 0.03, "A": 0.08, "F": 0.14, "G": 0.17, "K": 0.19, "M": 0.24,
    "L": 0.02, "T": 0.005, "C": 0.015, "DA": 0.06, "DB": 0.02, "DC": 0.01, "DZ": 0.01, "DA+M": 0.01,
}  # fmt: skip
ACTIVE = 0.3  # share of M stars with emission lines
#: emission lines of active M stars: vacuum wavelength in Angstrom, flux relative to Halpha
ACTIVITY = ((6564.61, 1.0), (4862.69, 0.35), (4341.69, 0.2), (4102.9, 0.12), (3969.59, 0.12), (3934.78, 0.12))
ACTIVITY_SIGMA = 50.0  # km/s
#: bins of age of the stellar populations that stand for hot stars, whose light theirs is
HOT = {"O": (0, 4), "B": (5, 10)}
#: lines of white dwarfs: vacuum wavelength in Angstrom, depth, half width in Angstrom
DA_LINES = (
    (6564.6, 0.45, 25), (4862.7, 0.55, 32), (4341.7, 0.55, 30), (4102.9, 0.5, 26), (3971.2, 0.42, 20),
    (3890.2, 0.3, 14), (3836.5, 0.18, 10), (3799.0, 0.08, 8),
)  # fmt: skip
DB_LINES = (
    (3889.7, 0.25, 16), (4027.3, 0.3, 18), (4145.0, 0.1, 12), (4389.2, 0.15, 14), (4472.8, 0.42, 24),
    (4714.5, 0.15, 12), (4923.3, 0.25, 16), (5017.1, 0.22, 14), (5877.2, 0.3, 18), (6680.0, 0.2, 15),
    (7067.1, 0.15, 14),
)  # fmt: skip
DZ_LINES = ((3934.8, 0.7, 18), (3969.6, 0.6, 18), (4227.9, 0.2, 8), (5176.7, 0.12, 25))
#: type of white dwarf -> lines, temperatures in K, temperature at which they are strongest, or None
WHITE_DWARFS = {
    "DA": (DA_LINES, (6500.0, 50000.0), 12500.0),
    "DB": (DB_LINES, (12000.0, 32000.0), 22000.0),
    "DC": ((), (4500.0, 11000.0), None),
    "DZ": (DZ_LINES, (5500.0, 10000.0), None),
}


def star_spectra(rng, n, library=None):
    """Draw spectra of stars at rest.

    Parameters
    ----------
    rng : `~numpy.random.Generator`
        Source of randomness.
    n : int
        Number of spectra.
    library : Library
        By default the one that museml brings along.

    Returns
    -------
    flux : ndarray, shape (n, pixels), float32
        Flux density per Angstrom on the axis of the library, median 1 from 3400 Angstrom on and 0 blueward.
    types : ndarray of str, shape (n,)
        See `SHARES`.
    """
    library = library or continuum_library()
    types = rng.choice(list(SHARES), n, p=np.array(list(SHARES.values())) / sum(SHARES.values()))
    wave = library.wave[library.star_start :]
    flux = np.zeros((n, len(library.ln_wave)), np.float32)
    for name in np.unique(types):
        rows = np.flatnonzero(types == name)
        flux[rows, library.star_start :] = _of_type(str(name), rng, len(rows), wave, library)
    reddening = rng.exponential(0.25, n).clip(max=3).astype(np.float32)[:, None]
    seen = flux[:, library.star_start :]
    seen *= np.exp(-0.92 * reddening * (wave / 5500).astype(np.float32) ** np.float32(-1.3))  # Charlot & Fall 2000
    seen /= np.median(seen, axis=1, keepdims=True)
    return flux, types


def white_dwarfs(rng, n, kind, wave):
    """Draw white dwarfs: black bodies with broad absorption lines.

    Parameters
    ----------
    rng : `~numpy.random.Generator`
        Source of randomness.
    n : int
        Number of spectra.
    kind : str
        'DA' (hydrogen), 'DB' (helium), 'DC' (no lines) or 'DZ' (metals).
    wave : ndarray
        Wavelength in Angstrom, vacuum.

    Returns
    -------
    ndarray, shape (n, pixels)
    """
    lines, (coolest, hottest), strongest = WHITE_DWARFS[kind]
    temperature = np.exp(rng.uniform(np.log(coolest), np.log(hottest), n))
    flux = black_bodies(temperature, wave)
    strength = rng.uniform(0.5, 1.2, n)
    if strongest:
        strength *= np.exp(-0.5 * (np.log(temperature / strongest) / 0.6) ** 2)
    width = rng.uniform(0.6, 1.5, n)
    for centre, depth, half in lines:
        offset = np.abs(wave - centre) / (half * width[:, None])
        flux *= 1 - np.minimum(strength[:, None] * depth, 0.9) * np.exp(-(offset**0.85))
    return flux


def black_bodies(temperature, wave):
    """Return Planck's law per wavelength for each temperature in K, shape (temperatures, pixels), median 1."""
    from astropy import units as u

    law = BlackBody(temperature[:, None] * u.K, scale=1 * u.erg / u.cm**2 / u.s / u.AA / u.sr)
    flux = law(wave * u.AA).value
    return flux / np.median(flux, axis=1, keepdims=True)


def _of_type(name, rng, n, wave, library):
    if name in WHITE_DWARFS:
        return white_dwarfs(rng, n, name, wave)
    if name == "DA+M":
        return _pairs(rng, n, wave, library)
    members = _populations(name, library) if name in HOT else _members(name, library)
    first, second = (members[rng.integers(len(members), size=n)] for _ in range(2))
    share = rng.uniform(0, 0.3, (n, 1)).astype(np.float32)
    flux = np.maximum((1 - share) * first + share * second, 0)
    return _active(flux, rng, wave) if name == "M" else flux


def _active(flux, rng, wave):
    """Add the lines of a chromosphere to some M stars."""
    rows = np.flatnonzero(rng.random(len(flux)) < ACTIVE)
    width = np.exp(rng.normal(np.log(4.0), 0.6, len(rows)))  # equivalent width of Halpha, Angstrom
    level = flux[rows, np.searchsorted(wave, ACTIVITY[0][0] + 30)]
    for centre, ratio in ACTIVITY:
        sigma = centre * ACTIVITY_SIGMA / C_KMS
        profile = np.exp(-0.5 * ((wave - centre) / sigma) ** 2) / (sigma * np.sqrt(2 * np.pi))
        flux[rows] += ((width * ratio * level)[:, None] * profile).astype(np.float32)
    return flux


def _pairs(rng, n, wave, library):
    """Return white dwarfs with an M star beside them."""
    white, red = white_dwarfs(rng, n, "DA", wave), _of_type("M", rng, n, wave, library)
    part = rng.uniform(0.2, 0.8, (n, 1))
    return part * white + (1 - part) * red


def _members(name, library):
    stars = library.stars[name]
    return stars.coefficients @ stars.basis


def _populations(name, library):
    """Return the youngest stellar populations; their light is that of hot stars."""
    ages = len(library.ages) - 1
    rows = [metal * ages + age for metal in range(1, len(library.metals)) for age in range(*HOT[name])]
    spectra = library.ssp[rows, library.star_start :]
    return spectra / np.median(spectra, axis=1, keepdims=True)

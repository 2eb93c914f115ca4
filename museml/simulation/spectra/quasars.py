"""Spectra of quasars at rest: eigenspectra or power law and lines, iron, broad absorption, dust, host."""

import numpy as np

from museml.data.line_profiles import C_KMS
from museml.simulation.spectra.library import continuum_library
from museml.simulation.spectra.quasar_absorption import add_absorption
from museml.simulation.spectra.quasar_lines import BROAD, IRON, NARROW
from museml.simulation.spectra.stellar import stellar_continua

__all__ = ["quasar_spectra"]

EIGENSPECTRA = 0.45  # share of quasars drawn from eigenspectra; the others are power laws with lines
SCATTER = {"high": (0.22, 0.12, 0.08), "low": (0.2, 0.12, 0.08)}  # of their coefficients
SPLICE = (3000.0, 4000.0)  # Angstrom: where the low-redshift eigenspectra take over
HOST = 0.25
REDDENED = 0.2


def quasar_spectra(rng, n, z, library=None):
    """Draw spectra of quasars (type 1) at rest.

    Parameters
    ----------
    rng : `~numpy.random.Generator`
        Source of randomness.
    n : int
        Number of spectra.
    z : float or array_like, shape (n,)
        Redshifts; they limit the ages of the stars of hosts, and luminosity grows with them.
    library : Library
        By default the one that museml brings along.

    Returns
    -------
    ndarray, shape (n, pixels), float32
        Flux density per Angstrom on the axis of the library, emission lines and absorption of the quasar and its host
        included, that of the gas between the galaxies not; median 1 from 1200 to 8000 Angstrom.
    """
    library = library or continuum_library()
    z = np.broadcast_to(z, n)
    flux = np.empty((n, len(library.ln_wave)), np.float32)
    from_basis = rng.random(n) < EIGENSPECTRA
    flux[from_basis] = _eigenspectra(rng, from_basis.sum(), library)
    flux[~from_basis] = _parametric(rng, (~from_basis).sum(), library)
    add_absorption(flux, rng, library)
    _redden(flux, rng, library)
    _add_host(flux, rng, z, library)
    inside = slice(*np.searchsorted(library.ln_wave, np.log([1200, 8000])))
    return flux / np.median(flux[:, inside], axis=1, keepdims=True)


def _eigenspectra(rng, n, library):
    """Return sums of the eigenspectra, those of the rest ultraviolet spliced to those of the optical."""
    high, low = (_drawn(rng, n, library.qso[name], SCATTER[name]) for name in ("high", "low"))
    _continue_bluewards(high, library)
    at = slice(*np.searchsorted(library.ln_wave, np.log(SPLICE)))
    low *= (high[:, at].mean(axis=1) / low[:, at].mean(axis=1))[:, None]
    part = np.clip((library.ln_wave - np.log(SPLICE[0])) / np.log(SPLICE[1] / SPLICE[0]), 0, 1).astype(np.float32)
    tilt = rng.normal(0, 0.2, (n, 1)).astype(np.float32) * np.log(library.wave / 3000).astype(np.float32)
    return ((1 - part) * high + part * low) * np.exp(tilt)


def _continue_bluewards(flux, library):
    """Replace what the hydrogen between the galaxies has absorbed of the eigenspectra by a power law.

    They were corrected for it redward of Lyman beta only; slope as in `_power_law`.
    """
    here = slice(*np.searchsorted(library.ln_wave, np.log([1060, 1090])))
    blue = slice(0, np.searchsorted(library.ln_wave, np.log(1020)))
    law = flux[:, here].mean(axis=1, keepdims=True) * (library.wave[blue] / 1075).astype(np.float32) ** np.float32(-0.3)
    part = np.clip((library.wave[blue] - 1000) / 20, 0, 1).astype(np.float32)
    flux[:, blue] = part * flux[:, blue] + (1 - part) * law


def _drawn(rng, n, basis, scatter):
    """Return the mean with the other components at random; what is much darker than the mean is raised."""
    mean = np.maximum(_extended(basis[0]), 0)
    level = np.sqrt(np.mean(mean**2))
    change = (rng.normal(size=(n, len(scatter))) * np.array(scatter)).astype(np.float32) @ basis[1:] * level
    return np.maximum(mean + change, 0.2 * mean)


def _extended(spectrum):
    """Return a spectrum with what is beyond its ends at the value there."""
    inside = np.flatnonzero(spectrum > 0)
    return np.interp(np.arange(len(spectrum)), inside, spectrum[inside]).astype(np.float32)


def _parametric(rng, n, library):
    """Return power laws with broad and narrow lines and iron."""
    wave = library.wave
    flux = _power_law(rng, n, wave)
    strength = np.exp(rng.normal(0, 0.35, n))  # of all broad lines: they go together
    width = np.exp(rng.normal(np.log(1900), 0.3, n)).clip(800, 5000)
    continuum = flux.copy()
    for line in BROAD:
        _add_broad(flux, continuum, rng, line, strength, width, library)
    for bump in IRON:
        amount = strength * bump.strength * np.exp(rng.normal(0, 0.2, n))
        _add_gaussian(flux, continuum, bump.wave, amount, np.maximum(width, bump.sigma), library)
    narrow = np.exp(rng.normal(0, 0.7, n)) / strength**0.5
    for line in NARROW:
        sigma = rng.uniform(120, 400, n)
        _add_gaussian(
            flux, continuum, line.wave, narrow * line.strength * np.exp(rng.normal(0, 0.2, n)), sigma, library
        )
    return flux


def _power_law(rng, n, wave):
    """Return continua with a break near 5000 and one near 1200 Angstrom.

    Slopes of Vanden Berk et al. (2001, AJ 122, 549) and, blueward of the second break, Lusso et al. (2015,
    MNRAS 449, 4204).
    """
    middle, red, blue = rng.normal(-1.55, 0.3, n), rng.normal(-0.4, 0.4, n), rng.normal(-0.3, 0.4, n)
    logs = np.log(wave / 3000).astype(np.float32)
    first, second = np.log(1200 / 3000), np.log(5000 / 3000)
    slope = middle[:, None] * np.clip(logs, first, second) + blue[:, None] * np.minimum(logs - first, 0)
    return np.exp(slope + red[:, None] * np.maximum(logs - second, 0)).astype(np.float32)


def _add_broad(flux, continuum, rng, line, strength, width, library):
    """Add a broad line: a core and wings, blueshifted with its ionisation."""
    n = len(flux)
    amount = line.strength * strength * np.exp(rng.normal(0, 0.25, n))
    sigma = width * line.width * np.exp(rng.normal(0, 0.1, n))
    shift = line.shift * rng.gamma(2.0, 0.5, n) + rng.normal(0, 100, n)
    wings = rng.uniform(0.2, 0.7, n)
    _add_gaussian(flux, continuum, line.wave, amount * (1 - wings), 0.6 * sigma, library, 0.6 * shift)
    _add_gaussian(flux, continuum, line.wave, amount * wings, 1.6 * sigma, library, 1.6 * shift)


def _add_gaussian(flux, continuum, wave, equivalent_width, sigma, library, shift=0.0):
    """Add a line of given equivalent width (Angstrom), width and shift (km/s) to each spectrum."""
    centre = np.log(wave) + np.asarray(shift) / C_KMS
    reach = 5 * sigma.max(initial=0) / C_KMS + np.abs(centre - np.log(wave)).max(initial=0)
    at = slice(*np.searchsorted(library.ln_wave, [np.log(wave) - reach, np.log(wave) + reach]))
    if at.start == at.stop:
        return
    spread = (sigma / C_KMS).astype(np.float32)[:, None]
    offset = (library.ln_wave[at] - np.broadcast_to(centre, len(flux))[:, None]).astype(np.float32) / spread
    peak = equivalent_width / (np.sqrt(2 * np.pi) * wave * sigma / C_KMS)
    level = continuum[:, np.searchsorted(library.ln_wave, np.log(wave))]
    flux[:, at] += (peak * level).astype(np.float32)[:, None] * np.exp(-0.5 * offset**2)


def _redden(flux, rng, library):
    """Redden some quasars with dust as in the Small Magellanic Cloud: A ~ wavelength^-1.2 (Prevot et al. 1984)."""
    rows = np.flatnonzero(rng.random(len(flux)) < REDDENED)
    excess = rng.exponential(0.1, len(rows)).clip(max=0.6)
    curve = 1.39 * (library.wave / 1e4) ** -1.2
    flux[rows] *= np.exp(-0.921 * excess[:, None] * curve).astype(np.float32)


def _add_host(flux, rng, z, library):
    """Add the light of a host galaxy to some quasars: less at high redshift, where they are luminous."""
    rows = np.flatnonzero(rng.random(len(flux)) < HOST / (1 + np.maximum(z - 0.5, 0)))
    if len(rows) == 0:
        return
    host = stellar_continua(rng, len(rows), z[rows], "agn2", library)
    pixel = np.searchsorted(library.ln_wave, np.log(5000))
    part = np.exp(rng.uniform(np.log(0.05), np.log(2.5), len(rows)))
    flux[rows] += (part * flux[rows, pixel] / np.maximum(host[:, pixel], 1e-6))[:, None].astype(np.float32) * host

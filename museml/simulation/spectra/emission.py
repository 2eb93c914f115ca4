"""Emission lines of galaxies: which, how strong, how wide; and adding them to spectra."""

from dataclasses import dataclass, fields, replace

import numpy as np
from astropy.stats import gaussian_fwhm_to_sigma

from museml.data.line_profiles import C_KMS
from museml.data.linelist import LINES
from museml.simulation.spectra.deposit import deposit
from museml.simulation.spectra.lyman import lya_profile
from museml.simulation.spectra.nebular import line_ratios, lognormal
from museml.simulation.spectra.stellar import CALZETTI_RV, calzetti

__all__ = ["Lines", "add_lines", "emission_lines"]

ACTIVE = 0.3  # share of the narrow-line region in Hbeta from which on a galaxy counts as active
WIDEST = 150.0  # Angstrom: rest equivalent width of CIV that active galaxies do not exceed
FAINT = 2e-4  # lines fainter than this share of a spectrum's brightest one are left out

_RESONANT = ("MGII", "CIV", "NV", "SIIV")


@dataclass(frozen=True)
class Lines:
    """Emission lines of spectra; a line may have several components.

    Attributes
    ----------
    names : tuple of str, length lines
        Names in `museml.data.linelist.LINES`.
    wave : ndarray, shape (lines,)
        Rest wavelengths in vacuum, Angstrom.
    flux : ndarray, shape (n, lines)
        Flux in the unit of the spectra times Angstrom, at rest.
    velocity, sigma : ndarray, shape (n, lines)
        Velocity to the systemic one and standard deviation, km/s.
    """

    names: tuple
    wave: np.ndarray
    flux: np.ndarray
    velocity: np.ndarray
    sigma: np.ndarray

    def __len__(self):
        return len(self.flux)

    def rows(self, index):
        """Return the lines of some of the spectra."""
        kept = {one.name: getattr(self, one.name)[index] for one in fields(self)[2:]}
        return replace(self, **kept)


def emission_lines(rng, table, ln_wave, rest_flux):
    """Return the emission lines of galaxies.

    Parameters
    ----------
    rng : `~numpy.random.Generator`
        Source of randomness.
    table : `~astropy.table.Table`
        Physical parameters, see `~museml.simulation.spectra.population.draw`.
    ln_wave : ndarray, shape (pixels,)
        Natural logarithm of the rest wavelength in Angstrom, vacuum.
    rest_flux : ndarray, shape (n, pixels)
        Continuum per Angstrom with its dust: the equivalent widths refer to it. Its break at 4000 Angstrom tells how
        young the stars are, and so how strong the lines.

    Returns
    -------
    Lines
        Stars, quasars and nothing have flux 0.
    """
    names, ratios = line_ratios(rng, *(_column(table, name) for name in ("metallicity", "ionisation", "agn", "liner")))
    wave = np.array([LINES[name].wave for name in names])
    reddening = _reddening(rng, table, ln_wave, rest_flux)[:, None]
    ratios = ratios * 10 ** (-0.4 * CALZETTI_RV * reddening * (calzetti(wave) - calzetti(4862.68)))
    flux = ratios * (_hbeta(table, ln_wave, rest_flux) * _level(ln_wave, rest_flux, 4862.68, 0.015))[:, None]
    flux *= _escape(rng, table, names)
    flux *= _limit(table, flux[:, names.index("CIV1548")], _level(ln_wave, rest_flux, 1549.5, 0.02))[:, None]
    lines = Lines(names, wave, flux, *_motion(rng, table, names))
    return _joined(_with_wings(rng, table, lines), _lya(rng, table, lines, _level(ln_wave, rest_flux, 1260.0, 0.02)))


def add_lines(flux, lines, z, instrument):
    """Add emission lines to spectra, in place.

    Parameters
    ----------
    flux : ndarray, shape (n, channels)
        Spectra; a contiguous array.
    lines : Lines
        The lines of each.
    z : array_like, shape (n,)
        Redshifts; where they are NaN nothing is added.
    instrument : Instrument
        The spectrograph: each line is blurred by its line-spread function and integrated over its pixels.
    """
    z = np.asarray(z, float)
    centre = lines.wave * (1 + z[:, None]) * (1 + lines.velocity / C_KMS)
    inside = (centre > instrument.edges[0] - 60) & (centre < instrument.edges[-1] + 60)
    brightest = np.max(lines.flux, axis=1, initial=0, keepdims=True)
    row, line = np.nonzero(inside & (lines.flux > FAINT * brightest))
    centre, total = centre[row, line], lines.flux[row, line]
    blur = instrument.lsf(centre) * gaussian_fwhm_to_sigma
    deposit(flux, row, centre, np.hypot(blur, centre * lines.sigma[row, line] / C_KMS), total, instrument.edges)


def _column(table, name):
    """Return a column of the table with 0 where it does not apply."""
    return np.nan_to_num(np.asarray(table[name], float))


def _level(ln_wave, flux, wave, half):
    """Return the median continuum about a wavelength; ``half`` is in ln(wavelength)."""
    near = np.abs(ln_wave - np.log(wave)) < half
    return np.median(flux[:, near][:, ::4], axis=1)


def _escape(rng, table, names):
    """Return the share of each line that the cool gas lets through: resonance lines are absorbed where it covers."""
    covering = _column(table, "covering") * (_column(table, "agn") < ACTIVE)
    share = 1 - covering * rng.uniform(0.5, 1, len(table))
    return np.where([name.startswith(_RESONANT) for name in names], share[:, None], 1)


def _limit(table, carbon, continuum):
    """Return factors that keep the ultraviolet lines of active galaxies from outshining old stars without end."""
    active = np.asarray(table["agn"], float) > ACTIVE
    widest = 0.5 * WIDEST * continuum
    return np.where(active & (carbon > widest), widest / np.maximum(carbon, 1e-30), 1)


def _break(ln_wave, rest_flux):
    """Return the narrow break at 4000 Angstrom (Balogh et al. 1999, ApJ 527, 54)."""
    red, blue = (_level(ln_wave, rest_flux, wave, 0.012) for wave in (4051.0, 3901.0))
    return np.clip(np.divide(red, blue, out=np.ones_like(red), where=blue > 0), 0.85, 2.2)


def _reddening(rng, table, ln_wave, rest_flux):
    """Return the colour excess of the nebulae.

    Of young stars that of the stars is read from the ultraviolet slope (Meurer et al. 1999, ApJ 521, 64); the nebulae
    have one to two times as much (Reddy et al. 2015, ApJ 806, 259).
    """
    blue, red = (np.maximum(_level(ln_wave, rest_flux, wave, 0.02), 1e-12) for wave in (1500.0, 2500.0))
    slope = np.log(red / blue) / np.log(2500 / 1500)
    stars = np.clip((4.43 + 1.99 * slope) / 10, 0, 0.7)
    young = (_break(ln_wave, rest_flux) < 1.3) & np.isfinite(_column(table, "mass"))
    return np.where(young, np.minimum(stars * rng.uniform(1, 2, len(table)), 1.0), _column(table, "ebv_gas"))


def _hbeta(table, ln_wave, rest_flux):
    """Return the rest equivalent width of Hbeta, Angstrom.

    It falls with the break of the stars' continuum as in SDSS (Brinchmann et al. 2004, MNRAS 351, 1151, figure 11).
    """
    expected = 1.25 - 2.1 * (_break(ln_wave, rest_flux) - 1.05)
    follows = 10 ** np.minimum(expected + _column(table, "strength"), 2.4)
    own = np.asarray(table["hbeta"], float)
    width = np.where(np.isfinite(own), own, follows)
    return np.where(np.isfinite(np.asarray(table["mass"], float)), width, 0)


def _motion(rng, table, names):
    """Return velocities and widths: resonant lines are shifted to the red, the others within a few km/s of rest."""
    shape = (len(table), len(names))
    resonant = np.array([name.startswith(_RESONANT) for name in names])
    velocity = rng.normal(0, 8, shape) + np.where(resonant, rng.uniform(0, 150, (shape[0], 1)), 0)
    widths = np.maximum(_column(table, "width"), 20)[:, None] * np.exp(rng.normal(0, 0.05, shape))
    hard = np.array([name.startswith(("NEV", "CIV", "NV")) for name in names])
    return velocity, widths * np.where(hard, 1.3, 1.0)


def _with_wings(rng, table, lines):
    """Give some galaxies a second component.

    A wide, blueshifted one is an outflow, one as wide as the first the other half of a rotating disc. The systemic
    velocity stays in the middle of the disc.
    """
    n = len(table)
    active = np.asarray(table["agn"], float) > ACTIVE
    wind = rng.random(n) < np.where(active, 0.6, 0.2)
    disc = ~wind & (rng.random(n) < 0.15)
    share = np.select([wind, disc], [rng.uniform(0.05, 0.5, n), rng.uniform(0.2, 0.5, n)], 0.0)[:, None]
    factor = np.where(wind, rng.uniform(2, 4, n), 1.0)[:, None]
    shift = np.where(wind, -rng.uniform(0, 1, n), rng.uniform(1, 3, n) * rng.choice([-1, 1], n))[:, None] * lines.sigma
    middle = np.where(disc[:, None], 0.5 * shift, 0)
    main = replace(lines, flux=lines.flux * (1 - share), velocity=lines.velocity - middle)
    wide = np.minimum(lines.sigma * factor, 700)
    return _joined(main, replace(main, flux=lines.flux * share, velocity=main.velocity + shift, sigma=wide))


def _joined(one, other):
    arrays = (np.concatenate([getattr(one, k), getattr(other, k)], axis=1) for k in ("flux", "velocity", "sigma"))
    return Lines(one.names + other.names, np.concatenate([one.wave, other.wave]), *arrays)


def _lya(rng, table, lines, continuum):
    """Return the components of Lya; that of active galaxies goes with CIV (McCarthy 1993, ARA&A 31, 639)."""
    carbon = lines.flux[:, lines.names.index("CIV1548")] + lines.flux[:, lines.names.index("CIV1551")]
    active = np.asarray(table["agn"], float) > ACTIVE
    total = np.where(active, 5 * carbon * lognormal(rng, len(table), 0.25), _column(table, "lya") * continuum)
    total = np.minimum(total, 600 * continuum)
    velocity, sigma, weight = lya_profile(rng, table)
    names = ("LYALPHA",) * weight.shape[1]
    wave = np.full(len(names), LINES["LYALPHA"].wave)
    return Lines(names, wave, np.maximum(total, 0)[:, None] * weight, velocity, sigma)

"""Emission lines of galaxies: which, how strong, how wide; and adding them to spectra."""

from dataclasses import dataclass, fields, replace

import numpy as np
from astropy.stats import gaussian_fwhm_to_sigma
from scipy.special import ndtr

from museml.data.line_profiles import C_KMS
from museml.data.linelist import LINES
from museml.simulation.spectra.lyman import lya_profile
from museml.simulation.spectra.nebular import BALMER, HII_LINES, LINER, NARROW_LINE_REGION, hii_ratios

__all__ = ["Lines", "add_lines", "attenuation", "emission_lines"]

REACH = 4.0  # sigmas to which a Gaussian is followed
FAINT = 2e-4  # lines fainter than this share of a spectrum's brightest one are left out

# Lines whose ratio to another is fixed by atomic physics (Storey and Zeippen 2000, MNRAS 312, 813; Osterbrock and
# Ferland 2006) or varies little: name -> (its reference, ratio).
_TIED = {
    "OIII4960": ("OIII5008", 0.335), "NII6550": ("NII6585", 0.328), "OI6365": ("OI6302", 0.32),
    "NEIII3967": ("NEIII3870", 0.301), "NEV3347": ("NEV3427", 0.366), "SIII9533": ("SIII9071", 2.47),
    "HEI4473": ("HEI5877", 0.37), "HEI6680": ("HEI5877", 0.27), "HEI7067": ("HEI5877", 0.2),
    "HEI3890": ("HEI5877", 0.7), "HEI3189": ("HEI5877", 0.3), "ARIII7753": ("ARIII7138", 0.24),
    "OIII1660": ("OIII1666", 0.41), "OIV1401": ("SIIV", 0.6), "NIV1483": ("NIV1486", 0.6),
}  # fmt: skip
# Doublets whose ratio depends on density or depth: sum -> (first, second, lowest and highest second / first).
_PAIRS = {
    "OII": ("OII3729", "OII3727", 0.67, 1.4), "SII": ("SII6718", "SII6733", 0.69, 1.3),
    "CIII": ("CIII1907", "CIII1909", 0.63, 1.1), "SIIII": ("SIIII1883", "SIIII1892", 0.6, 1.1),
    "MGII": ("MGII2796", "MGII2803", 0.5, 0.9), "CIV": ("CIV1548", "CIV1551", 0.5, 0.95),
    "NV": ("NV1238", "NV1243", 0.5, 0.95), "SIIV": ("SIIV1394", "SIIV1403", 0.5, 0.9),
    "NEIV": ("NEIV2424", "NEIV2422", 0.65, 1.2), "OII7325": ("OII7322", "OII7332", 0.78, 0.85),
    "SII4070": ("SII4070", "SII4078", 0.33, 0.34), "ARIV": ("ARIV4713", "ARIV4742", 0.72, 1.2),
}  # fmt: skip
# Intercombination multiplet CII] 2326 (Stafford et al. 1994, MNRAS 268, 816): share of each line.
_CARBON = {"CII2324": 0.05, "CII2326": 0.51, "CII2328": 0.11, "CII2329": 0.33}
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
    sums = {**_ratios(rng, table), "LYALPHA": np.zeros(len(table))}
    names, ratios = _single_lines(rng, sums)
    wave = np.array([LINES[name].wave for name in names])
    ratios = ratios * 10 ** (-0.4 * _column(table, "ebv_gas")[:, None] * (attenuation(wave) - attenuation(4862.68)))
    flux = ratios * (_hbeta(table, ln_wave, rest_flux) * _level(ln_wave, rest_flux, 4862.68, 0.015))[:, None]
    lines = Lines(names, wave, flux, *_motion(rng, table, names))
    return _joined(_with_wings(rng, table, lines), _lya(rng, table, ln_wave, rest_flux))


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
    _deposit(flux, row, centre, np.hypot(blur, centre * lines.sigma[row, line] / C_KMS), total, instrument.edges)


def _deposit(flux, row, centre, sigma, total, edges):
    """Add Gaussians, integrated over the pixels near them."""
    low = np.maximum(np.searchsorted(edges, centre - REACH * sigma) - 1, 0)
    high = np.minimum(np.searchsorted(edges, centre + REACH * sigma) + 1, len(edges))
    count = np.maximum(high - low, 0)  # borders of pixels, one more than there are pixels
    first = np.cumsum(count) - count
    which = np.repeat(np.arange(len(row)), count)
    border = np.arange(len(which)) - np.repeat(first - low, count)
    below = ndtr((edges[border] - centre[which]) / sigma[which]).astype(np.float32)
    part = np.flatnonzero(which[1:] == which[:-1])
    owner, pixel = which[part], border[part]
    density = (below[part + 1] - below[part]) * total[owner] / np.diff(edges)[pixel]
    np.add.at(flux, (row[owner], pixel), density.astype(flux.dtype))


def attenuation(wave):
    """Return the attenuation in magnitudes per colour excess: Calzetti et al. (2000, ApJ 533, 682), equation 4."""
    x = 1e4 / np.asarray(wave, float)
    blue = 2.659 * (-2.156 + 1.509 * x - 0.198 * x**2 + 0.011 * x**3) + 4.05
    red = 2.659 * (-1.857 + 1.040 * x) + 4.05
    return np.where(x > 1 / 0.63, blue, red)


def _column(table, name):
    """Return a column of the table with 0 where it does not apply."""
    return np.nan_to_num(np.asarray(table[name], float))


def _ratios(rng, table):
    """Return the flux of lines and doublets relative to Hbeta, before dust."""
    metallicity, ionisation = _column(table, "metallicity"), _column(table, "ionisation")
    hii = dict(zip(HII_LINES, hii_ratios(metallicity, ionisation).T, strict=True))
    hii.update(_ultraviolet(rng, hii, metallicity))
    agn, liner = _column(table, "agn"), _column(table, "liner")
    ratios = {}
    for name in {**hii, **NARROW_LINE_REGION, **LINER}:
        young = hii.get(name, 0) * _scatter(rng, len(table), 0.08)
        narrow = NARROW_LINE_REGION.get(name, 0) * _scatter(rng, len(table), 0.2)
        low = LINER.get(name, 0) * _scatter(rng, len(table), 0.15)
        ratios[name] = young * (1 - agn) * (1 - liner) + narrow * agn + low * liner * (1 - agn)
    ratios["HALPHA"] = np.clip(ratios["HALPHA"], 2.75, 3.4)
    return {"HBETA": np.ones(len(table)), **ratios, **{name: np.full(len(table), v) for name, v in BALMER.items()}}


def _ultraviolet(rng, hii, metallicity):
    """Return lines that the models of HII regions lack or underestimate.

    CIV, HeII and SiIII] relative to CIII] as in emitters at z = 2 to 4 (Feltre et al. 2020, A&A 641, A118; Schmidt et
    al. 2021, A&A 654, A80); Wolf-Rayet stars and hard sources add to HeII in metal-poor galaxies (Shirazi and
    Brinchmann 2012, MNRAS 421, 1043). Only a part of MgII escapes.
    """
    n, poor = len(metallicity), np.clip((8.5 - metallicity) / 0.8, 0, 1)
    return {
        "CIII": hii["CIII"] * _scatter(rng, n, 0.2),
        "CIV": hii["CIII"] * poor * 0.25 * _scatter(rng, n, 0.4),
        "HEII1640": hii["HEII1640"] + 0.07 * poor * _scatter(rng, n, 0.35),
        "HEII4687": hii["HEII4687"] + 0.01 * poor * _scatter(rng, n, 0.35),
        "SIIII": 0.35 * hii["CIII"] * _scatter(rng, n, 0.15),
        "MGII": hii["MGII"] * np.minimum(0.5 * _scatter(rng, n, 0.4), 1),
        "NIII1750": 0.1 * hii["CIII"] * _scatter(rng, n, 0.3),
        "ARIV": 0.01 * poor * _scatter(rng, n, 0.3),
    }


def _scatter(rng, n, dex):
    return 10 ** rng.normal(0, dex, n)


def _single_lines(rng, sums):
    """Split sums into their lines; return names and ratios, shape (n, lines)."""
    single = {name: values for name, values in sums.items() if name in LINES and name != "LYALPHA"}
    for name, (reference, ratio) in _TIED.items():
        single[name] = ratio * sums[reference]
    for name, (first, second, low, high) in _PAIRS.items():
        ratio = np.exp(
            rng.triangular(np.log(low), np.log(low) + 0.1 * np.log(high / low), np.log(high), len(sums[name]))
        )
        single[first], single[second] = sums[name] / (1 + ratio), sums[name] * ratio / (1 + ratio)
    single.update({name: share * sums["CII"] for name, share in _CARBON.items()})
    return tuple(single), np.stack(list(single.values()), axis=1)


def _level(ln_wave, flux, wave, half):
    """Return the median continuum about a wavelength; ``half`` is in ln(wavelength)."""
    near = np.abs(ln_wave - np.log(wave)) < half
    return np.median(flux[:, near][:, ::4], axis=1)


def _hbeta(table, ln_wave, rest_flux):
    """Return the rest equivalent width of Hbeta, Angstrom.

    It falls with the break of the stars' continuum as in SDSS (Brinchmann et al. 2004, MNRAS 351, 1151, figure 11).
    """
    red, blue = (_level(ln_wave, rest_flux, wave, 0.006) for wave in (4051.0, 3901.0))
    narrow_break = np.clip(np.divide(red, blue, out=np.ones_like(red), where=blue > 0), 0.85, 2.2)
    expected = 1.45 - 2.4 * (narrow_break - 1.05)
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
    """Move a part of the flux into a wider, blueshifted component where there is an outflow."""
    n = len(table)
    active = np.asarray(table["agn"], float) > 0.3
    share = np.where(rng.random(n) < np.where(active, 0.6, 0.2), rng.uniform(0.05, 0.5, n), 0)[:, None]
    factor = rng.uniform(2, 4, n)[:, None]
    shift = rng.uniform(0, 1, n)[:, None] * lines.sigma
    wing = replace(
        lines, flux=lines.flux * share, velocity=lines.velocity - shift, sigma=np.minimum(lines.sigma * factor, 700)
    )
    return _joined(replace(lines, flux=lines.flux * (1 - share)), wing)


def _joined(one, other):
    arrays = (np.concatenate([getattr(one, k), getattr(other, k)], axis=1) for k in ("flux", "velocity", "sigma"))
    return Lines(one.names + other.names, np.concatenate([one.wave, other.wave]), *arrays)


def _lya(rng, table, ln_wave, rest_flux):
    """Return the components of Lya."""
    level = _level(ln_wave, rest_flux, 1260.0, 0.02)
    velocity, sigma, weight = lya_profile(rng, table)
    flux = (np.maximum(_column(table, "lya"), 0) * level)[:, None] * weight
    names = ("LYALPHA",) * weight.shape[1]
    return Lines(names, np.full(len(names), LINES["LYALPHA"].wave), flux, velocity, sigma)

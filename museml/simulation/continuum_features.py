"""Continua whose features look like lines: real stars and stellar populations, absorption, the Earth's atmosphere."""

import numpy as np
from astropy.stats import gaussian_fwhm_to_sigma
from scipy.ndimage import gaussian_filter1d, median_filter
from scipy.special import expit

from museml.data.line_profiles import C_KMS
from museml.data.psf import lsf_fwhm
from museml.simulation.spectra.library import continuum_library

__all__ = ["draw_continuum"]

LINE_DENSITY = 1 / 40  # absorption lines per Angstrom of a galaxy's spectrum
#: bands of O2 and H2O in the Earth's atmosphere, Angstrom in air
TELLURIC_BANDS = ((6867, 6945), (7165, 7340), (7594, 7700), (8130, 8350), (8940, 9300))
TELLURIC_DENSITY = 1 / 9  # lines per Angstrom in the bands, as MUSE resolves them
OVERCORRECTED = -0.3  # power of the air's transmission that is left where it was corrected too much
STARLIGHT = 0.6  # share of the spectra that are those of stars or stellar populations
STARS = "AFGK"  # types without emission lines
OLD = 2e8  # years from which stellar populations are drawn
REDSHIFT = 0.6  # of stellar populations, at most
VELOCITY = (1.0, 350.0)  # km/s, velocity dispersions of stellar populations


def draw_continuum(wave, rng):
    """Draw the spectrum of a continuum source without emission lines.

    Parameters
    ----------
    wave : ndarray
        Wavelength in Angstrom, in equal steps.
    rng : `~numpy.random.Generator`
        Source of randomness.

    Returns
    -------
    ndarray
        Flux density of mean level about 1: a star, a stellar population at z up to `REDSHIFT`, or a flat spectrum with
        absorption lines; all with imperfectly corrected air, a step and a ripple.
    """
    spectrum = _starlight(wave, rng) if rng.random() < STARLIGHT else _absorbed(wave, rng)
    strength = rng.exponential(0.08)
    for band in TELLURIC_BANDS:
        telluric = _absorption(wave, band, TELLURIC_DENSITY, (1.2, 4), strength, rng)
        spectrum = spectrum * telluric ** rng.choice([1, 1, 1, OVERCORRECTED])
    step = 1 + rng.uniform(-0.4, 0.4) * expit((wave - rng.uniform(wave[0], wave[-1])) / rng.uniform(2, 10))
    ripple = 1 + rng.uniform(0, 0.05) * np.sin(2 * np.pi * wave / rng.uniform(60, 400) + rng.uniform(0, 2 * np.pi))
    return spectrum * step * ripple


def _starlight(wave, rng):
    """Return the spectrum of a star, or of a stellar population at some redshift, as MUSE resolves it."""
    library = continuum_library()
    if rng.random() < 0.4:
        stars = library.stars[rng.choice(list(STARS))]
        light = np.zeros(len(library.ln_wave))
        light[library.star_start :] = stars.coefficients[rng.integers(len(stars.coefficients))] @ stars.basis
        z, velocity = rng.normal(0, 1e-3), 0.0
    else:
        ages = len(library.ages) - 1
        first = np.searchsorted(library.ages[:-1], OLD)
        light = library.ssp[rng.integers(len(library.metals)) * ages + rng.integers(first, ages)].astype(float)
        z, velocity = rng.uniform(0, REDSHIFT), rng.uniform(*VELOCITY)
    seen = np.interp(wave, library.wave * (1 + z), gaussian_filter1d(light, max(velocity, 1) / C_KMS / library.step))
    seen = gaussian_filter1d(seen, _lsf_sigma(wave))
    return seen / median_filter(seen, 1001, mode="nearest")


def _lsf_sigma(wave):
    return float(lsf_fwhm(np.mean(wave))) * gaussian_fwhm_to_sigma / (wave[1] - wave[0])


def _absorbed(wave, rng):
    return _absorption(wave, (wave[0], wave[-1]), LINE_DENSITY, (1.5, 12), 0.12, rng)


def _absorption(wave, band, density, width, depth, rng):
    """Return the transmission of lines in a band; so many per Angstrom, with a range of sigmas and a mean depth."""
    count = rng.poisson(density * (band[1] - band[0]))
    centre, depths = rng.uniform(*band, count), rng.exponential(depth, count).clip(max=0.7)
    sigma = np.exp(rng.uniform(*np.log(width), count))
    transmission = np.ones_like(wave)
    for c, d, s in zip(centre, depths, sigma, strict=True):
        near = slice(*np.searchsorted(wave, (c - 6 * s, c + 6 * s)))
        transmission[near] *= 1 - d * np.exp(-(((wave[near] - c) / s) ** 2) / 2)
    return transmission

"""Metal absorption in galaxies that happen to lie before a source."""

import numpy as np
from astropy.stats import gaussian_fwhm_to_sigma

from museml.simulation.spectra.deposit import deposit

__all__ = ["metal_transmission"]

DEEPEST = 0.9  # of the continuum
SATURATED = 0.42  # standard deviation over equivalent width of a line that is nearly black in the middle
# Kinds of systems: number per unit of redshift with more than the least equivalent width (Angstrom, rest, of the first
# line), its exponential scale above that, and the lines' wavelengths and strengths: MgII with FeII (Zhu and Menard
# 2013, ApJ 770, 130), CIV with SiIV (Cooksey et al. 2013, ApJ 763, 37).
_SYSTEMS = (
    (0.6, 0.3, 0.6, ((2796.35, 1.0), (2803.53, 0.8), (2600.17, 0.4), (2586.65, 0.25), (2382.76, 0.4), (2852.96, 0.1))),
    (1.5, 0.2, 0.4, ((1548.20, 1.0), (1550.77, 0.65), (1393.76, 0.25), (1402.77, 0.15))),
)


def metal_transmission(rng, z, instrument):
    """Draw the transmission of intervening metal absorbers.

    Parameters
    ----------
    rng : `~numpy.random.Generator`
        Source of randomness.
    z : ndarray, shape (n,)
        Redshifts of the sources; NaN for none.
    instrument : Instrument
        The spectrograph.

    Returns
    -------
    ndarray, shape (n, channels), float32
        1 where nothing absorbs.
    """
    depth = np.zeros((len(z), len(instrument.wave)), np.float32)
    for rate, least, scale, lines in _SYSTEMS:
        low = max(instrument.edges[0] / lines[0][0] - 1, 0)
        high = np.minimum(np.nan_to_num(z) - 0.02, instrument.edges[-1] / lines[0][0] - 1)
        row = np.repeat(np.arange(len(z)), rng.poisson(rate * np.maximum(high - low, 0)))
        absorber = rng.uniform(low, high[row]) if len(row) else row.astype(float)
        width = least + rng.exponential(scale, len(row))
        for wave, strength in lines:
            _absorb(depth, row, wave * (1 + absorber), strength * width * (1 + absorber), instrument)
    return 1 - np.minimum(depth, DEEPEST)


def _absorb(depth, row, centre, width, instrument):
    """Add lines of a given observed equivalent width, nearly black before the spectrograph blurs them.

    Parameters
    ----------
    depth : ndarray, shape (n, channels)
        Absorbed share of the light; changed in place.
    row : ndarray of int, shape (lines,)
        Spectrum of each line.
    centre, width : ndarray, shape (lines,)
        Observed wavelength and equivalent width, Angstrom.
    instrument : Instrument
        The spectrograph.
    """
    blur = instrument.lsf(centre) * gaussian_fwhm_to_sigma
    deposit(depth, row, centre, np.hypot(blur, SATURATED * width), width, instrument.edges)

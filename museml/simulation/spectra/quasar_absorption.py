"""Absorption in the spectra of quasars by gas of their own: broad and associated."""

import numpy as np

from museml.data.line_profiles import C_KMS
from museml.simulation.spectra.quasar_lines import INTERVENING, TROUGHS

__all__ = ["add_absorption"]

#: shares of quasars with broad absorption (about that of Gibson et al. 2009, ApJ 692, 758), of these with lines of low
#: ionisation, and with associated narrow absorption
BROAD = 0.1
LOW = 0.15
ASSOCIATED = 0.12
#: probabilities of a first, second and third trough
COMPONENTS = (1.0, 0.5, 0.3)
REACH = 4.0  # widths to which a trough is followed


def add_absorption(flux, rng, library):
    """Dim spectra of quasars at rest, in place.

    Parameters
    ----------
    flux : ndarray, shape (n, pixels)
        The spectra.
    rng : `~numpy.random.Generator`
        Source of randomness.
    library : Library
        Its axis is that of the spectra.
    """
    _broad(flux, rng, library)
    _associated(flux, rng, library)


def _broad(flux, rng, library):
    """Up to three troughs of each line, deep and wide, with the velocities of winds."""
    quasars = np.flatnonzero(rng.random(len(flux)) < BROAD)
    low = rng.random(len(quasars)) < LOW
    for probability in COMPONENTS:
        chosen = rng.random(len(quasars)) < probability
        n = chosen.sum()
        velocity, sigma = np.exp(rng.uniform(np.log(1.5e3), np.log(2.5e4), n)), rng.uniform(500, 3500, n)
        depth, power = rng.exponential(1.2, n).clip(0.2, 6), rng.uniform(2, 5, n)
        for line in TROUGHS:
            tau = depth * line.strength * (low[chosen] | line.high) * rng.uniform(0.6, 1.2, n)
            _dim(flux, quasars[chosen], np.log(line.wave) - velocity / C_KMS, sigma, tau, library, power)


def _associated(flux, rng, library):
    """Narrow doublets close to the quasar's redshift."""
    quasars = np.flatnonzero(rng.random(len(flux)) < ASSOCIATED)
    n = len(quasars)
    velocity, sigma, depth = rng.uniform(-200, 2500, n), rng.uniform(40, 200, n), rng.exponential(1.5, n).clip(0.3, 6)
    low = rng.random(n) < 0.3
    for line in INTERVENING:
        tau = depth * line.strength * (low | line.high)
        _dim(flux, quasars, np.log(line.wave) - velocity / C_KMS, sigma, tau, library)


def _dim(flux, rows, centre, sigma, tau, library, power=2.0):
    """Multiply rows with a trough each: centre in ln(wavelength), width in km/s, optical depth, power of its shape."""
    if len(rows) == 0:
        return
    half = int(REACH * sigma.max() / (C_KMS * library.step)) + 1
    place = (centre - library.ln_wave[0]) / library.step
    pixel = np.round(place).astype(int)[:, None] + np.arange(-half, half + 1)
    offset = np.abs(pixel - place[:, None]) * (C_KMS * library.step) / sigma[:, None]
    factor = np.exp(-tau[:, None] * np.exp(-0.5 * offset.clip(max=20) ** np.reshape(power, (-1, 1))))
    flux[rows[:, None], pixel.clip(0, flux.shape[1] - 1)] *= factor.astype(np.float32)

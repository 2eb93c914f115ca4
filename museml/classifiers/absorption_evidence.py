"""Evidence over redshift for absorption lines, breaks and the Lyman forest in the continuum."""

from functools import cache

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft
from scipy.ndimage import gaussian_filter1d

from museml.classifiers.line_filter import local_scatter
from museml.classifiers.redshift_grid import FINE, LNZ
from museml.data.absorption import GALAXIES, STARS, transmission
from museml.data.line_profiles import C_KMS
from museml.data.linelist import LINES

__all__ = ["ContinuumView", "absorption_evidence", "forest_evidence"]

#: fine trials in a pixel of spectrum and templates: absorption is wider than emission
STEP = 2
#: rest wavelengths that templates cover, Angstrom in vacuum
REST = (900.0, 9500.0)
#: structure wider than this (standard deviation in ln(wave)) is taken out of data and templates alike
SMOOTH = 0.03
#: strength of the absorption relative to the template: Gaussian of mean 1 and this scatter
STRENGTH = 0.4
#: the templates are no better than this fraction of the continuum
MISMATCH = 0.02
#: Lyman limit, Angstrom
LYMAN_LIMIT = 911.8
#: stars move no faster, km/s
FASTEST_STAR = 600.0


def template_axis():
    """Return the number of the first step and the wavelengths of the templates' axis."""
    step = STEP * FINE
    first, last = (round(np.log(wave) / step) for wave in REST)
    return first, np.exp(step * np.arange(first, last + 1))


class ContinuumView:
    """The continuum of one spectrum on an axis even in ln(vacuum wavelength).

    Parameters
    ----------
    vacuum, flux, weight : ndarray, shape (n,)
        Wavelength in vacuum (Angstrom), flux and inverse variance; the weight is 0 where there are no
        data or an emission line is.
    """

    def __init__(self, vacuum, flux, weight):
        step = STEP * FINE
        self.first = int(np.ceil(np.log(vacuum[0]) / step))
        lnwave = step * np.arange(self.first, int(np.log(vacuum[-1]) / step) + 1)
        self.wave = np.exp(lnwave)
        self.flux = np.interp(self.wave, vacuum, flux)
        density = weight / np.gradient(np.log(vacuum))  # information per ln(wave), kept in the resampling
        self.weight = step * np.interp(self.wave, vacuum, density) * (np.interp(self.wave, vacuum, weight == 0) == 0)
        self.level = np.maximum(smoothed(self.flux, self.weight > 0), 0)
        self._renormalise()

    def snr(self):
        """Return the signal-to-noise ratio of the mean flux; neighbouring pixels count half for their correlation."""
        return float(0.5 * np.sum(self.weight * self.flux) / np.sqrt(max(np.sum(self.weight), 1e-300)))

    def pixel_snr(self):
        """Return the median signal-to-noise ratio of the continuum in a pixel."""
        valid = self.weight > 0
        return float(np.median(self.level[valid] * np.sqrt(self.weight[valid]))) if valid.any() else 0.0

    def _renormalise(self):
        error = np.sqrt(1 / np.where(self.weight > 0, self.weight, np.inf))
        snr = np.where(self.weight > 0, (self.flux - self.level) * np.sqrt(self.weight), 0)
        error *= local_scatter(np.clip(snr, -50, 50), self.weight > 0, block=600)
        var = error**2 + (MISMATCH * self.level) ** 2
        self.weight = np.where(self.weight > 0, 1 / np.where(var > 0, var, 1), 0)


def smoothed(values, valid):
    """Return values smoothed over `SMOOTH`; those that are not valid take no part."""
    sigma = SMOOTH / (STEP * FINE)
    weights = gaussian_filter1d(valid.astype(float), sigma, mode="constant")
    return gaussian_filter1d(values * valid, sigma, mode="constant") / np.maximum(weights, 1e-6)


@cache
def _contrasts():
    """Return the templates after the smoothing, as contrast, by absorber."""
    out = {}
    for absorber in (*GALAXIES, *STARS):
        values = transmission(absorber, template_axis()[1])
        out[absorber] = values / smoothed(values, np.ones(len(values), bool)) - 1
    return out


def absorption_evidence(view):
    """Return ln of the evidence for each absorber of `GALAXIES` and of `STARS` at each trial redshift.

    Returns
    -------
    galaxies, stars : ndarray, shape (absorbers, trials)
        Against a featureless continuum; 0 where nothing is covered; -inf for stars faster than
        `FASTEST_STAR`.
    """
    signal = rfft_of(view.weight * view.level * (view.flux - view.level))
    power = rfft_of(view.weight * view.level**2)
    galaxies = np.array([_evidence(absorber, signal, power, view) for absorber in GALAXIES])
    stars = np.array([_evidence(absorber, signal, power, view) for absorber in STARS])
    stars[:, np.abs(LNZ) > FASTEST_STAR / C_KMS] = -np.inf
    return galaxies, stars


_SIZE = next_fast_len(2 * len(template_axis()[1]))


def rfft_of(values):
    """Return the Fourier transform of values padded to the size of the correlations."""
    return rfft(values[:_SIZE], _SIZE)


def _evidence(absorber, signal, power, view):
    template = _contrasts()[absorber]
    num = _correlate(signal, template, view)
    den = np.maximum(_correlate(power, template**2, view), 0)
    prior = 1 / STRENGTH**2
    best = np.maximum(num + prior, 0)  # lines in emission are no absorption
    return 0.5 * (best**2 / (den + prior) - prior) - 0.5 * np.log1p(den / prior)


def _correlate(spectrum, template, view):
    """Return the sum of spectrum times redshifted template at each trial redshift."""
    correlation = irfft(spectrum * np.conj(rfft_of(template)), _SIZE)
    shift = LNZ / (STEP * FINE) - view.first + template_axis()[0]  # template pixel minus data pixel, negated
    low = np.floor(shift).astype(int)
    part = shift - low
    return (1 - part) * correlation[low % _SIZE] + part * correlation[(low + 1) % _SIZE]


def forest_evidence(view):
    """Return ln of the evidence at each trial redshift for a continuum dimmed by intergalactic hydrogen.

    The mean flux on both sides of redshifted Lya is compared with the mean transmission of the Lyman
    forest (Madau 1995, ApJ 441, 18), that on both sides of the Lyman limit with none at all; in both
    cases against an unbroken continuum.

    Returns
    -------
    ndarray, shape (trials,)
        0 where neither is covered.
    """
    through = np.exp(-0.0036 * np.exp(3.46 * LNZ))
    forest = _break_evidence(view, np.log(LINES["LYALPHA"].wave) + LNZ, through)
    return forest + _break_evidence(view, np.log(LYMAN_LIMIT) + LNZ, np.zeros(len(LNZ)))


def _break_evidence(view, place, through):
    """Return ln of the evidence for a break at ln(wave) with a transmission blueward of it, against none."""
    sums = {name: np.concatenate([[0], np.cumsum(values)]) for name, values in (
        ("flux", view.weight * view.flux), ("weight", view.weight))}  # fmt: skip
    blue, blue_var, blue_seen = _mean(sums, place - 0.15, place - 0.01, view)
    red, red_var, red_seen = _mean(sums, place + 0.01, place + 0.15, view)
    slope = (0.3 * np.maximum(red, 0)) ** 2  # the continuum is not flat
    dimmed = _gaussian(blue - through * red, blue_var + through**2 * (red_var + slope))
    unbroken = _gaussian(blue - red, blue_var + red_var + slope)
    return np.where(blue_seen & red_seen, dimmed - unbroken, 0.0)


def _mean(sums, start, stop, view):
    """Return the weighted mean flux between two ln(wave), its variance, and whether there are enough data."""
    last = len(view.wave)
    first, end = (np.clip(np.round(x / (STEP * FINE)).astype(int) - view.first, 0, last) for x in (start, stop))
    weight = sums["weight"][end] - sums["weight"][first]
    enough = (weight > 0) & (end - first > 50)
    weight = np.where(enough, weight, 1)
    return (sums["flux"][end] - sums["flux"][first]) / weight, 4 / weight, enough  # correlated pixels: twice the error


def _gaussian(offset, var):
    return -0.5 * offset**2 / var - 0.5 * np.log(var)

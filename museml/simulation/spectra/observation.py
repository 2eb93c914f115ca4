"""Clean spectra observed: brought to a signal-to-noise ratio, with noise, wrong errors, residuals and gaps."""

import math
from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np

from museml.settings import check_number, check_range
from museml.simulation.spectra.artefacts import background, cosmic_rays, gain, gaps, sky_residuals, sky_spikes
from museml.simulation.spectra.instrument import MUSE

__all__ = ["IDEAL", "Conditions", "Observation", "observe"]

SHORT = 0.25  # hours: the exposure whose noise is the instrument's floor and sky
SKY_SNR = 60.0  # of the sky itself per channel between lines in one hour
CHUNK = 512  # spectra observed at once; bounds the memory
LEAST = 1e-6  # of what is drawn evenly in the logarithm
#: least and greatest value of the conditions that are ranges
RANGES = {
    "snr": (LEAST,), "exposure_hours": (LEAST,), "correlation": (-0.5, 0.5), "error_factor": (LEAST,),
    "error_contrast": (LEAST,),
}  # fmt: skip
SHARES = ("notch", "cropped", "edges", "masked_sky")


@dataclass(frozen=True)
class Conditions:
    """How spectra are observed: ranges that are drawn from for each spectrum, and strengths, of which 0 switches off.

    A value that cannot be is a `~museml.errors.SettingError`.

    Attributes
    ----------
    snr : (float, float)
        Significance of the object, even in the logarithm; see `~museml.simulation.spectra.significance.significance`.
    exposure_hours : (float, float)
        Even in the logarithm. The deeper, the more sky lines and their residuals stand out.
    noise_scatter : float
        Scatter of the noise curve's power and of the logarithm of its contrast about those of the exposure.
    source_noise : float
        Photon noise of the object relative to that expected; 0 for none.
    correlation : (float, float)
        Of the noise of neighbouring channels.
    error_factor : (float, float)
        Reported over true errors, even in the logarithm.
    error_tilt : float
        Scatter of the logarithm of that ratio between the ends of the spectrum.
    error_scatter : float
        Greatest scatter of the reported errors from channel to channel, relative.
    error_contrast : (float, float)
        Contrast of sky lines in the reported errors over that in the true ones.
    residuals : float
        Greatest strength of sky residuals on the lines in units of the noise, at 10 hours.
    spikes : float
        Mean number of single strong residuals of sky lines.
    cosmic_rays : float
        Mean number of cosmic rays that were not removed.
    background : float
        Scatter of a smooth additive background in units of the noise.
    tilt, ripple : float
        Scatter of the logarithm of the flux calibration: linear in wavelength from end to end, and on scales of
        some hundred channels.
    telluric : float
        Scatter of the power of the air's transmission that is left.
    gaps : float
        Mean number of masked intervals of up to 60 channels.
    notch : float
        Share of spectra without the channels round the laser of adaptive optics, 5800 to 5970 Angstrom.
    cropped : float
        Share of spectra of which a long part is missing at one end or both.
    edges : float
        Share of spectra with up to 30 masked channels at the ends.
    masked_sky : float
        Share of spectra in which strong sky lines are masked.
    """

    snr: tuple = (3.0, 200.0)
    exposure_hours: tuple = (0.25, 140.0)
    noise_scatter: float = 0.2
    source_noise: float = 1.0
    correlation: tuple = (0.08, 0.33)
    error_factor: tuple = (0.55, 1.6)
    error_tilt: float = 0.15
    error_scatter: float = 0.035
    error_contrast: tuple = (0.9, 2.0)
    residuals: float = 0.7
    spikes: float = 0.6
    cosmic_rays: float = 0.15
    background: float = 0.1
    tilt: float = 0.1
    ripple: float = 0.015
    telluric: float = 0.07
    gaps: float = 0.4
    notch: float = 0.1
    cropped: float = 0.05
    edges: float = 0.3
    masked_sky: float = 0.05

    def __post_init__(self):
        for one in fields(self):
            value = getattr(self, one.name)
            if one.name in RANGES:
                check_range(one.name, value, *RANGES[one.name], example=one.default)
            else:
                check_number(one.name, value, 0, 1 if one.name in SHARES else math.inf, example=one.default)


#: noise as it should be and nothing else
IDEAL = Conditions(
    noise_scatter=0.0, source_noise=0.0, correlation=(0.0, 0.0), error_factor=(1.0, 1.0), error_tilt=0.0,
    error_scatter=0.0, error_contrast=(1.0, 1.0), residuals=0.0, spikes=0.0, cosmic_rays=0.0, background=0.0,
    tilt=0.0, ripple=0.0, telluric=0.0, gaps=0.0, notch=0.0, cropped=0.0, edges=0.0, masked_sky=0.0,
)  # fmt: skip


class Observation(NamedTuple):
    """Observed spectra; the unit is the median noise of each.

    Attributes
    ----------
    values, errors : ndarray, shape (n, channels), float32
        Values and reported errors; 0 where masked.
    mask : ndarray of bool, same shape
        True where there are no data.
    sigma : ndarray, same shape, float32
        True noise.
    amplitude : ndarray, shape (n,)
        What the clean spectra were multiplied with.
    exposure_hours : ndarray, shape (n,)
        Exposure time.
    """

    values: np.ndarray
    errors: np.ndarray
    mask: np.ndarray
    sigma: np.ndarray
    amplitude: np.ndarray
    exposure_hours: np.ndarray


def observe(flux, rng, instrument=MUSE, conditions=None, amplitude=None, exposure_hours=None):
    """Observe clean spectra.

    Parameters
    ----------
    flux : ndarray, shape (n, channels)
        Spectra without noise, normalised to significance 1, see `~museml.simulation.spectra.objects.Objects`.
    rng : `~numpy.random.Generator`
        Source of randomness.
    instrument : Instrument
        Gives channels and noise.
    conditions : Conditions
        How they are observed; the default makes hard but fair cases.
    amplitude : ndarray, shape (n,)
        Significance of each; drawn by default.
    exposure_hours : ndarray, shape (n,)
        Exposure time of each; drawn by default.

    Returns
    -------
    Observation
    """
    conditions = conditions or Conditions()
    n = len(flux)
    hours = between(rng, conditions.exposure_hours, n) if exposure_hours is None else exposure_hours
    amplitude = between(rng, conditions.snr, n) if amplitude is None else np.asarray(amplitude, np.float32)
    parts = [slice(i, i + CHUNK) for i in range(0, max(n, 1), CHUNK)]
    seen = [_observe(flux[part], amplitude[part], hours[part], rng, instrument, conditions) for part in parts]
    return Observation(*map(np.concatenate, zip(*seen, strict=True)), amplitude, hours)


def _observe(flux, amplitude, hours, rng, instrument, conditions):
    """Return values, errors, mask and true noise of some spectra."""
    n = len(flux)
    clean = flux.astype(np.float32) * amplitude[:, None]
    power, contrast = noise_shape(rng, hours, conditions.noise_scatter)
    sigma = with_photons(instrument.noise(power, contrast), clean, hours, conditions.source_noise)
    values = clean * gain(rng, n, instrument, conditions)
    values += background(rng, n, instrument, conditions)
    values += sigma * noise(rng, values.shape, conditions.correlation)
    values += sky_residuals(rng, sigma, contrast, hours, instrument, conditions)
    sky_spikes(values, rng, sigma, instrument, conditions)
    struck = cosmic_rays(values, rng, conditions)
    errors = reported(rng, sigma, contrast, instrument, conditions)
    mask = gaps(rng, n, instrument, conditions) | struck
    values[mask] = errors[mask] = 0
    return values, errors, mask, sigma


def between(rng, limits, n):
    """Draw numbers, even in the logarithm, float32."""
    return np.exp(rng.uniform(*np.log(limits), n)).astype(np.float32)


def noise_shape(rng, hours, scatter):
    """Return the power and the contrast of the noise curve for exposure times.

    Fitted to the exposure of 900 s that MPDAF ships, where both are 1 by definition, and to the noise of faint
    sources in 31 hours (Bacon et al. 2017), where they are 0.58 and 3.9.
    """
    depth = np.log(np.asarray(hours) / SHORT)
    power = 1 - 0.087 * depth + scatter * rng.standard_normal(len(depth))
    contrast = np.exp(0.28 * depth + 2 * scatter * rng.standard_normal(len(depth)))
    return np.clip(power, 0.2, 1.5).astype(np.float32), contrast.astype(np.float32)


def with_photons(sigma, clean, hours, strength):
    """Add the photon noise of objects, whose flux in units of the noise is given, to that of the sky."""
    if not strength:
        return sigma
    share = (strength / (SKY_SNR * np.sqrt(hours)))[:, None].astype(np.float32)
    return sigma * np.sqrt(1 + share * np.maximum(clean, 0))


def noise(rng, shape, correlation):
    """Draw noise of standard deviation 1 with a correlation of neighbouring channels, float32."""
    white = rng.standard_normal((shape[0], shape[1] + 1), dtype=np.float32)
    lag_one = rng.uniform(*correlation, shape[0])
    share = (2 * lag_one / (1 + np.sqrt(1 - 4 * lag_one**2)))[:, None].astype(np.float32)
    return (white[:, 1:] + share * white[:, :-1]) / np.sqrt(1 + share**2)


def reported(rng, sigma, contrast, instrument, conditions):
    """Return the errors that come with the data: wrong by a factor, a little noisy, wrong on sky lines."""
    n = len(sigma)
    factor = between(rng, conditions.error_factor, n)[:, None]
    wrong, lines = between(rng, conditions.error_contrast, n)[:, None], contrast[:, None] * instrument.sky
    tilt = np.float32(conditions.error_tilt) * rng.standard_normal((n, 1), dtype=np.float32)
    place = np.linspace(-0.5, 0.5, sigma.shape[1], dtype=np.float32)
    errors = sigma * factor * np.sqrt((1 + wrong * lines) / (1 + lines)) * np.exp(tilt * place)
    if conditions.error_scatter:
        scatter = (conditions.error_scatter * rng.uniform(0.2, 1, (n, 1))).astype(np.float32)
        errors *= 1 + scatter * rng.standard_normal(sigma.shape, dtype=np.float32)
    return errors

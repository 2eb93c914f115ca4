"""Rest-frame spectra as a spectrograph sees them: shifted, blurred and integrated over its pixels."""

from functools import lru_cache

import numpy as np
from astropy.stats import gaussian_fwhm_to_sigma
from scipy import fft
from scipy.sparse import csr_matrix
from scipy.special import ndtr

from museml.data.line_profiles import C_KMS
from museml.data.spectral import to_air

__all__ = ["broaden", "gaussian_matrix", "to_observed"]

REACH = 4.0  # sigmas to which a Gaussian is followed
MARGIN = 8  # pixels of the fine axis beyond the ends of the spectrograph, besides the reach
SHARPEST = 0.6  # standard deviation in steps of the rest-frame axis, below which its samples would stand apart


def to_observed(ln_wave, flux, z, instrument):
    """Return spectra as the pixels of a spectrograph see them, without noise.

    Parameters
    ----------
    ln_wave : ndarray, shape (pixels,)
        Natural logarithm of the rest wavelength in Angstrom, vacuum, in equal steps.
    flux : ndarray, shape (n, pixels)
        Flux density per Angstrom at these; 0 is assumed beyond the ends.
    z : array_like, shape (n,)
        Redshifts.
    instrument : Instrument
        The spectrograph.

    Returns
    -------
    ndarray, shape (n, channels), float32
        Mean flux density per Angstrom in each channel: a flux at rest is the same flux observed. A spectrograph that
        is sharper than the steps of the rest wavelength sees what these tell.
    """
    step = float(ln_wave[1] - ln_wave[0])
    first, matrix = _response(instrument, step)
    shift = first + np.log(instrument.edges[0] / np.exp(ln_wave[0])) / step - np.log1p(np.asarray(z, float)) / step
    fine = _shifted(np.asarray(flux, np.float32), shift, matrix.shape[1])
    fine /= (1 + np.asarray(z, np.float32))[:, None]
    return np.ascontiguousarray((matrix @ np.ascontiguousarray(fine.T)).T)


def broaden(flux, sigma, step):
    """Blur each spectrum with a Gaussian of its own width.

    Parameters
    ----------
    flux : ndarray, shape (n, pixels)
        On an axis even in the logarithm of wavelength.
    sigma : ndarray, shape (n,)
        Widths in km/s.
    step : float
        Step of the axis in the natural logarithm.

    Returns
    -------
    ndarray, shape (n, pixels), float32
    """
    pixels = np.asarray(sigma, np.float32) / (C_KMS * step)
    length = fft.next_fast_len(flux.shape[1] + int(REACH * pixels.max(initial=0)) + 1, real=True)
    frequency = np.linspace(0, np.pi, length // 2 + 1, dtype=np.float32)
    transform = fft.rfft(np.asarray(flux, np.float32), length, axis=1)
    transform *= np.exp(-0.5 * (pixels[:, None] * frequency) ** 2)
    return fft.irfft(transform, length, axis=1)[:, : flux.shape[1]]


def gaussian_matrix(edges, wave, sigma):
    """Return the matrix that blurs a spectrum and integrates it over pixels.

    Parameters
    ----------
    edges : ndarray, shape (channels + 1,)
        Borders of the pixels.
    wave, sigma : ndarray, shape (samples,)
        Where the spectrum is sampled, densely against ``sigma``, and the Gaussian's width there.

    Returns
    -------
    `~scipy.sparse.csr_matrix`, shape (channels, samples), float32
        Times a spectrum it gives the mean flux density in each pixel.
    """
    low = np.searchsorted(edges, wave - REACH * sigma) - 1
    count = int(np.max(np.searchsorted(edges, wave + REACH * sigma) - low)) + 1
    border = np.clip(low[:, None] + np.arange(count + 1), 0, len(edges) - 1)
    part = np.diff(ndtr((edges[border] - wave[:, None]) / sigma[:, None]), axis=1)
    pixel = np.minimum(border[:, :-1], len(edges) - 2)
    weight = part * np.gradient(wave)[:, None] / np.diff(edges)[pixel]
    sample = np.broadcast_to(np.arange(len(wave))[:, None], part.shape)
    used = part > 0
    entries = (weight[used].astype(np.float32), (pixel[used], sample[used]))
    return csr_matrix(entries, shape=(len(edges) - 1, len(wave)))


@lru_cache(maxsize=8)
def _response(instrument, step):
    """Return the first fine pixel, counted from the spectrograph's blue end, and the matrix from fine to channels."""
    edges = instrument.edges
    widest = gaussian_fwhm_to_sigma * float(np.max(instrument.lsf(instrument.wave) / instrument.wave))
    margin = int(REACH * widest / step) + MARGIN
    count = int(np.log(edges[-1] / edges[0]) / step) + 2 * margin + 2
    wave = edges[0] * np.exp(step * (np.arange(count) - margin))
    own = wave if instrument.medium == "vacuum" else to_air(wave, "vacuum")
    sigma = np.maximum(gaussian_fwhm_to_sigma * instrument.lsf(own), SHARPEST * step * wave)
    return -margin, gaussian_matrix(edges, wave, sigma)


def _shifted(flux, start, count):
    """Return ``count`` pixels of each row from the fractional pixel ``start``; 0 outside.

    Cubic interpolation between four pixels, which keeps the widths of lines.
    """
    whole = np.floor(start).astype(int)
    part = (start - whole).astype(np.float32)[:, None]
    inside = whole[:, None] - 1 + np.arange(count + 3)
    values = np.take_along_axis(flux, np.clip(inside, 0, flux.shape[1] - 1), axis=1)
    values[(inside < 0) | (inside >= flux.shape[1])] = 0
    return sum(weight * values[:, i : i + count] for i, weight in enumerate(_lagrange(part)))


def _lagrange(x):
    """Return the weights of the points -1, 0, 1 and 2 for a place between 0 and 1."""
    left, right = x * (x - 1), (x + 1) * (x - 2)
    return -left * (x - 2) / 6, right * (x - 1) / 2, -right * x / 2, left * (x + 1) / 6

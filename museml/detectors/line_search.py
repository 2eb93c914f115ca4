"""The search for lines: one way through a cube, block by block, that collects peaks, their spectra and the noise."""

from dataclasses import dataclass, field

import numpy as np
from astropy.stats import gaussian_fwhm_to_sigma

from museml.detectors.line_fit import psf_spectrum
from museml.detectors.noise_field import NoiseField, channel_noise
from museml.detectors.peaks import PEAK, find_peaks

__all__ = ["Findings", "search_lines"]

FLOOR = 3.0  # S/N above which peaks are collected
CHANNELS = 128  # in one block
VOXELS = 8_000_000  # in one block, at most
LARGEST = 100.0  # weight of a voxel over that of the usual one of its channel; more is an error of the variance


@dataclass
class Findings:
    """What a search has found.

    Attributes
    ----------
    peaks, negative : ndarray of `~museml.detectors.peaks.PEAK`
        Local maxima of S/N divided by its channels' scatter, and of its negative.
    spectra : dict
        (z, y, x) of a peak -> `Spectrum`, of the strong ones.
    noise : NoiseField
        The noise.
    """

    peaks: np.ndarray
    negative: np.ndarray
    spectra: dict
    noise: NoiseField


@dataclass(frozen=True)
class Spectrum:
    """Spectrum of an unresolved object around a line, without continuum."""

    first: int
    flux: np.ndarray
    error: np.ndarray
    scatter: float
    masked: bool


@dataclass
class _Block:
    """A block of the cube with the channels that the filter reaches, and its filtered self."""

    first: int
    start: int
    stop: int
    data: np.ndarray
    weight: np.ndarray
    masked: np.ndarray
    snr: np.ndarray = field(default=None)
    scatter: np.ndarray = field(default=None)
    raised: np.ndarray = field(default=None)  # how much of the S/N of the whole field was taken away


def search_lines(cube, matched, baseline, threshold):
    """Filter a cube and collect its peaks.

    Parameters
    ----------
    cube : `~museml.data.cubes.CubeData`
        The cube.
    matched : `~museml.detectors.matched_filter.MatchedFilter`
        The filter.
    baseline : `~museml.detectors.baseline.Baseline`
        The continuum.
    threshold : float
        Positive peaks above it get their spectrum extracted.

    Returns
    -------
    Findings
    """
    findings = Findings(np.zeros(0, PEAK), np.zeros(0, PEAK), {}, NoiseField())
    sky = baseline.sky()
    count = min(CHANNELS, max(8, VOXELS // (cube.shape[1] * cube.shape[2])))
    for start in range(0, cube.shape[0], count):
        block = _read(cube, matched, baseline, start, min(start + count, cube.shape[0]))
        if block.weight.any():
            _filter(block, matched, sky)
            _collect(block, findings, matched, threshold)
    return findings


def _read(cube, matched, baseline, start, stop):
    """Return a block with its surroundings: the filter's reach, and one channel more for the comparison of peaks."""
    first, last = max(0, start - matched.halo - 1), min(cube.shape[0], stop + matched.halo + 1)
    data, var = cube.block(first, last)
    masked = np.isnan(data)
    data -= baseline.at(first, last)
    weight = np.where(masked, 0, 1 / var)
    weight = np.fmin(weight, LARGEST / baseline.variance[first:last, None, None].astype(weight.dtype))
    return _Block(first, start, stop, np.where(masked, 0, data), weight, masked)


def _filter(block, matched, sky):
    """Compute the S/N, subtract what the whole field has, and divide it by its own scatter, template by template."""
    low, high = max(block.start - 1, block.first), min(block.stop + 1, block.first + len(block.data))
    snr = matched.snr(block.data, block.weight, block.first, low, high)
    snr[:, block.masked[low - block.first : high - block.first]] = np.nan
    area = pixel_area(matched, low)
    offset, block.scatter = np.swapaxes([channel_noise(one, sky[low:high], area) for one in snr], 0, 1)
    snr -= offset[:, :, None, None].astype(snr.dtype)
    block.snr = np.divide(snr, block.scatter[:, :, None, None], out=snr)
    block.raised = (np.maximum(offset, 0) / block.scatter)[:, :, None, None].astype(snr.dtype)


def pixel_area(matched, channel):
    """Return how many pixels share one independent value of the filtered field: 4 pi sigma^2 of the PSF."""
    sigma = float(matched.psf.fwhm_at(matched.wave[channel])) / matched.pixel_scale * gaussian_fwhm_to_sigma
    return 4 * np.pi * sigma**2


def _collect(block, findings, matched, threshold):
    low = max(block.start - 1, block.first)
    core = slice(block.start - low, block.stop - low)
    findings.noise.add(block.snr[0, core], block.start)
    block.snr = np.nan_to_num(block.snr, copy=False)
    peaks = find_peaks(block.snr, FLOOR, low, core)
    negative = find_peaks(-block.snr - block.raised, FLOOR, low, core)  # a nebula's rim is no negative peak
    findings.peaks = np.concatenate([findings.peaks, peaks])
    findings.negative = np.concatenate([findings.negative, negative])
    for peak in peaks[peaks["snr"] >= threshold]:
        findings.spectra[tuple(peak)[:3]] = _spectrum(block, matched, peak, block.scatter[peak["width"]], low)


def _spectrum(block, matched, peak, scatter, low):
    """Extract the spectrum at a peak; the line's own share in the continuum's median is given back."""
    z, y, x = (round(float(peak[name])) for name in "zyx")
    image = matched.psf_image(block.start, block.stop, offset=(peak["y"] - y, peak["x"] - x))
    flux, error = psf_spectrum(block.data, block.weight, image, y, x)
    line, core = _around(z - block.first, matched.halo), _around(z - block.first, 2)
    beside = np.isfinite(error)
    beside[line] = False
    if np.count_nonzero(beside) > matched.halo:
        flux = flux - np.median(flux[beside])
    masked = block.masked[core, _around(y, 2), _around(x, 2)].any()
    return Spectrum(block.first + line.start, flux[line], error[line], float(scatter[z - low]), bool(masked))


def _around(index, reach):
    return slice(max(0, index - reach), index + reach + 1)

"""The search for lines: one way through a cube, block by block, that collects peaks and the noise."""

from dataclasses import dataclass
from functools import partial

import numpy as np
from astropy.stats import gaussian_fwhm_to_sigma

from museml.data.threads import in_threads
from museml.detectors.noise_field import NoiseField, block_noise, channel_noise
from museml.detectors.peaks import PEAK, find_peaks

__all__ = ["Findings", "block_limits", "search_lines", "weights"]

FLOOR = 3.0  # S/N above which peaks are collected
CHANNELS = 128  # in one block
VOXELS = 6_000_000  # in one block, at most
LARGEST = 100.0  # weight of a voxel over that of the usual one of its channel; more is an error of the variance
FINE = 2.5  # the noise of channels is looked at in so many pixels per side of an independent area


@dataclass(frozen=True)
class Findings:
    """What a search has found.

    Attributes
    ----------
    peaks, negative : ndarray of `~museml.detectors.peaks.PEAK`
        Local maxima of S/N divided by its channels' scatter, and of its negative.
    noise : `~museml.detectors.noise_field.NoiseField`
        The noise.
    """

    peaks: np.ndarray
    negative: np.ndarray
    noise: NoiseField


@dataclass(frozen=True)
class _Block:
    """A part of the cube: channels ``start`` to ``stop``, and from ``first`` those that the filter reaches."""

    first: int
    start: int
    stop: int
    data: np.ndarray
    var: np.ndarray


def search_lines(cube, matched, baseline, keep=None):
    """Filter a cube and collect its peaks, several blocks at a time (see `museml.data.threads`).

    Parameters
    ----------
    cube : `~museml.data.cubes.CubeData`
        The cube.
    matched : `~museml.detectors.matched_filter.MatchedFilter`
        The filter.
    baseline : `~museml.detectors.baseline.Baseline`
        The continuum.
    keep : object
        Its method ``add(channel, signal, information)`` is given the planes filtered with the PSF,
        see `~museml.detectors.matched_filter.MatchedFilter.planes`, block by block from channel 0.

    Returns
    -------
    Findings
    """
    search = partial(_search, matched=matched, baseline=baseline, sky=baseline.sky(), kept=keep is not None)
    peaks, negative, noise = [np.zeros(0, PEAK)], [np.zeros(0, PEAK)], []
    for start, high, low, block, planes in in_threads(search, _blocks(cube, matched.halo)):
        peaks.append(high)
        negative.append(low)
        noise.append(block)
        if keep is not None:
            keep.add(start, *planes)
    return Findings(np.concatenate(peaks), np.concatenate(negative), NoiseField(noise))


def block_limits(shape):
    """Return the channels at which the blocks of a cube begin and end."""
    count = min(CHANNELS, max(8, VOXELS // (shape[1] * shape[2])))
    return [(start, min(start + count, shape[0])) for start in range(0, shape[0], count)]


def _blocks(cube, halo):
    """Read blocks with their surroundings: the filter's reach, and one channel more for the comparison of peaks."""
    for start, stop in block_limits(cube.shape):
        first, last = max(0, start - halo - 1), min(cube.shape[0], stop + halo + 1)
        yield _Block(first, start, stop, *cube.block(first, last))


def weights(data, var, usual):
    """Return inverse variances, and set data to 0 where they are invalid.

    Parameters
    ----------
    data, var : ndarray, shape (channels, y, x), float32
        NaN where invalid; both are changed.
    usual : ndarray, shape (channels,)
        The usual variance of each channel.

    Returns
    -------
    weight : ndarray, float32
        0 where invalid.
    masked : ndarray of bool
        Where that is.
    """
    masked = np.isnan(data)
    weight = np.divide(np.float32(1), var, out=var)
    weight = np.fmin(weight, (LARGEST / usual[:, None, None]).astype(weight.dtype), out=weight)
    data[masked] = weight[masked] = 0
    return weight, masked


def _search(block, matched, baseline, sky, kept):
    """Return a block's start, peaks, negative peaks, noise and, if they are kept, its filtered planes."""
    first, start, stop, data = block.first, block.start, block.stop, block.data
    data -= baseline.at(first, first + len(data))
    weight, masked = weights(data, block.var, baseline.variance[first : first + len(data)])
    signal, information = matched.planes(data, weight, start, stop)
    low, high = max(start - 1, first), min(stop + 1, first + len(data))
    snr = matched.along_wavelength(signal, information, first, low, high)
    masked, core = masked[low - first : high - first], slice(start - low, stop - low)
    area = pixel_area(matched, low)
    raised, scatter = _normalise(snr, masked, sky[low:high], area)
    noise = block_noise(snr[0, core], masked[core], start, _some(signal, information, area), scatter[:, core])
    peaks = find_peaks(snr, FLOOR, low, core)
    snr = np.subtract(-raised, snr, out=snr)  # a nebula's rim is no negative peak
    negative = find_peaks(snr, FLOOR, low, core)
    inside = slice(start - first, stop - first)
    return start, peaks, negative, noise, (signal[inside], information[inside]) if kept else None


def _normalise(snr, masked, sky, area):
    """Subtract from S/N what the whole field has, divide it by its own scatter, and put 0 where it is masked.

    Return what was taken away (in the new units), and the scatter.
    """
    stride = _stride(area)
    samples = np.where(masked[:, ::stride, ::stride], np.float32(np.nan), snr[..., ::stride, ::stride])
    measured = [channel_noise(one, sky, area / stride**2) for one in samples]
    offset, scatter = np.swapaxes(measured, 0, 1)
    snr -= offset[..., None, None].astype(snr.dtype)
    snr /= scatter[..., None, None].astype(snr.dtype)
    snr[:, masked] = 0
    return (np.maximum(offset, 0) / scatter)[..., None, None].astype(snr.dtype), scatter


def _some(signal, information, area):
    """Return the S/N of planes filtered with the PSF alone, in some spaxels; NaN where there is none."""
    sparse = (slice(None), *2 * [slice(None, None, 2 * _stride(area))])
    signal, information = (values[sparse].reshape(len(values), -1) for values in (signal, information))
    return signal / np.sqrt(np.where(information > 0, information, np.nan))


def _stride(area):
    return max(1, int(np.sqrt(area) / FINE))


def pixel_area(matched, channel):
    """Return how many pixels share one independent value of the filtered field: 4 pi sigma^2 of the PSF."""
    sigma = float(matched.psf.fwhm_at(matched.wave[channel])) / matched.pixel_scale * gaussian_fwhm_to_sigma
    return 4 * np.pi * sigma**2

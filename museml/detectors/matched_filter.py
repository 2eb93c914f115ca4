"""The matched filter: the signal-to-noise ratio of a line of given shape at every voxel."""

from dataclasses import dataclass

import numpy as np
from astropy.stats import gaussian_fwhm_to_sigma
from scipy.fft import irfft2, next_fast_len, rfft2
from scipy.special import erf

from museml.data.psf import PSF, lsf_fwhm

__all__ = ["MatchedFilter", "filter_image", "line_profiles"]

REACH = 1.75  # the line's profile is cut at this many FWHM from its centre
PLANES = 16  # wavelength planes in one Fourier transform, so that they stay in the processor's cache
BAND = 32  # wavelengths filtered at once: lines are short, and zeros need not be multiplied
NO_INFORMATION = 1e-5  # of the best: less inverse variance than this is none


@dataclass(frozen=True)
class MatchedFilter:
    """Filter for unresolved objects with Gaussian lines of several widths.

    Attributes
    ----------
    wave : ndarray
        The cube's wavelengths in Angstrom.
    pixel_scale : float
        In arcsec.
    psf : `~museml.data.psf.PSF`
        The PSF.
    widths : tuple of float
        Intrinsic FWHM of the lines in Angstrom; the line-spread function is added.
    """

    wave: np.ndarray
    pixel_scale: float
    psf: PSF
    widths: tuple

    @property
    def step(self):
        """Width of a channel in Angstrom."""
        return float(self.wave[1] - self.wave[0])

    def fwhm(self, width, wave):
        """Return the observed FWHM in Angstrom of the lines of one intrinsic width."""
        return np.hypot(lsf_fwhm(wave), width)

    @property
    def halo(self):
        """Number of channels that the filter reaches to each side."""
        return int(np.ceil(REACH * self.fwhm(max(self.widths), self.wave).max() / self.step)) + 1

    def psf_image(self, first, last, offset=(0.0, 0.0)):
        """Return the PSF for the channels ``first`` to ``last``; see `~museml.data.psf.PSF.image`."""
        return self.psf.image(self.wave[(first + last - 1) // 2], self.pixel_scale, offset=offset)

    def snr(self, data, weight, first, start, stop):
        """Filter a block.

        Parameters
        ----------
        data : ndarray, shape (channels, y, x)
            The data without continuum; 0 at invalid voxels.
        weight : ndarray, same shape
            Inverse variance; 0 at invalid voxels.
        first : int
            The block's first channel in the cube.
        start, stop : int
            Channels for which the answer is wanted; the block reaches beyond by `halo`, or to the cube's end.

        Returns
        -------
        ndarray, shape (widths, stop - start, y, x), float32
            sum(d w t) / sqrt(sum(w t^2)) with the template t; 0 where there is no information.
        """
        signal, information = self.planes(data, weight, start, stop)
        return self.along_wavelength(signal, information, first, start, stop)

    def planes(self, data, weight, start, stop):
        """Filter each wavelength plane of a block with the PSF in the middle of the channels ``start`` to ``stop``.

        Returns
        -------
        signal, information : ndarray, shape (channels, y, x), float32
            sum(d w p) and sum(w p^2) with the PSF p.
        """
        image = self.psf_image(start, stop)
        return self.correlate(data * weight, image), self.correlate(weight, image**2)

    @staticmethod
    def correlate(planes, kernel):
        """Correlate each plane with a kernel, see `filter_image`."""
        return filter_image(planes, kernel)

    def along_wavelength(self, signal, information, first, start, stop):
        """Filter planes that begin at channel ``first`` with the lines; the answer is that of `snr`."""
        last, shape = first + len(signal), signal.shape[1:]
        signal, information = signal.reshape(len(signal), -1), information.reshape(len(signal), -1)
        least = NO_INFORMATION * np.max(information, initial=0)
        snr = np.empty((len(self.widths), stop - start, signal.shape[1]), np.float32)
        for low in range(start, stop, BAND):
            rows = low, min(low + BAND, stop)
            columns = max(first, rows[0] - self.halo), min(last, rows[1] + self.halo)
            near = slice(columns[0] - first, columns[1] - first)
            for one, width in zip(snr, self.widths, strict=True):
                profiles = line_profiles(self.wave, self.fwhm(width, self.wave), rows, columns)
                ratio = _ratio(profiles @ signal[near], profiles**2 @ information[near], least)
                one[rows[0] - start : rows[1] - start] = ratio
        return snr.reshape(len(snr), -1, *shape)


def filter_image(planes, kernel):
    """Correlate each plane with a symmetric kernel; beyond the border there is nothing.

    Parameters
    ----------
    planes : ndarray, shape (n, y, x), float32
        Images.
    kernel : ndarray, shape (k, k)
        Of odd size.

    Returns
    -------
    ndarray, shape (n, y, x), float32
    """
    half, (rows, columns) = len(kernel) // 2, planes.shape[1:]
    size = next_fast_len(rows + 2 * half, True), next_fast_len(columns + 2 * half, True)
    transform = rfft2(kernel.astype(np.float32), size)
    result = np.empty(planes.shape, np.float32)
    for k in range(0, len(planes), PLANES):
        full = irfft2(rfft2(planes[k : k + PLANES], size) * transform, size)
        result[k : k + PLANES] = full[:, half : half + rows, half : half + columns]
    return result


def line_profiles(wave, fwhm, rows, columns):
    """Return lines of flux 1 centred on each channel of a range, averaged over channels.

    Parameters
    ----------
    wave, fwhm : ndarray, shape (wavelengths,)
        Axis and width of a line at each of its channels, in Angstrom.
    rows, columns : (int, int)
        Range of channels that lines are centred on, and that they are sampled on.

    Returns
    -------
    ndarray, shape (rows, columns), float32
        In 1 / Angstrom.
    """
    step = wave[1] - wave[0]
    centre, width = wave[slice(*rows), None], fwhm[slice(*rows), None]
    distance = wave[None, slice(*columns)] - centre
    scale = np.sqrt(2) * gaussian_fwhm_to_sigma * width
    profile = (erf((distance + step / 2) / scale) - erf((distance - step / 2) / scale)) / (2 * step)
    return np.where(np.abs(distance) <= REACH * width, profile, 0).astype(np.float32)


def _ratio(signal, information, least):
    """Return signal / sqrt(information), 0 where there is next to no information."""
    empty = information <= least
    information[empty] = 1
    signal[empty] = 0
    return np.divide(signal, np.sqrt(information, out=information), out=signal)

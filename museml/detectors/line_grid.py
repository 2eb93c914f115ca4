"""Spectra filtered for lines, on an axis even in ln(vacuum wavelength): a redshift is a shift."""

from dataclasses import dataclass

import numpy as np
from astropy.stats import gaussian_fwhm_to_sigma
from scipy.special import erf

from museml.data.line_profiles import C_KMS, MUSE_RANGE
from museml.data.psf import lsf_fwhm
from museml.data.spectral import to_vacuum
from museml.detectors.robust import spread

__all__ = ["STEP", "WIDTHS", "LineGrid"]

STEP = 1.5e-4  # of the axis: 45 km/s, less than half of the width of any line
WIDTHS = (70.0, 150.0, 260.0)  # FWHM of lines in km/s; the line-spread function is added
ROWS = 64  # steps filtered at once
REACH = 2.0  # profiles are cut at this many FWHM
EVERY = 5  # of so many pixels one is looked at for the scatter
LEAST = 0.5  # scatter, at least
TINY = 1e-30


@dataclass(frozen=True)
class LineGrid:
    """The axis, and the filter onto it.

    Attributes
    ----------
    wave, vacuum : ndarray, shape (channels,)
        Wavelengths of the cube, in its own medium and in vacuum, Angstrom.
    root : ndarray, shape (channels,)
        1 / (standard error of the flux density).
    first : int
        Number of the axis' first step: ln(wavelength) / `STEP`.
    grid : ndarray
        Its wavelengths.
    """

    wave: np.ndarray
    vacuum: np.ndarray
    root: np.ndarray
    first: int
    grid: np.ndarray

    @classmethod
    def of(cls, wave, medium, root):
        """Make it for wavelengths in Angstrom."""
        vacuum = to_vacuum(wave, medium)
        first, last = int(np.ceil(np.log(vacuum[0]) / STEP)), int(np.log(vacuum[-1]) / STEP)
        return cls(wave, vacuum, root, first, np.exp(STEP * np.arange(first, last + 1)))

    def __len__(self):
        return len(self.grid)

    def place(self, wave):
        """Return the place on the axis of wavelengths in vacuum, counted from 0 and not rounded."""
        return np.log(wave) / STEP - self.first

    def filtered(self, spectra, width):
        """Filter spectra.

        Parameters
        ----------
        spectra : ndarray, shape (channels, n), float32
            Signal-to-noise ratio in each channel; 0 where there are no data.
        width : float
            FWHM of the lines in km/s, before the line-spread function.

        Returns
        -------
        snr : ndarray, shape (steps, n), float32
            Signal-to-noise ratio of a line at each step, divided by its own scatter.
        scale : ndarray, shape (steps,)
            1 / (standard error of its flux).
        """
        snr, scale = np.zeros((len(self), spectra.shape[1]), np.float32), np.zeros(len(self))
        for low in range(0, len(self), ROWS):
            rows = slice(low, min(low + ROWS, len(self)))
            lines, columns = self._lines(rows, width)
            power = np.sqrt(np.sum(lines**2, axis=1))
            part = (lines / np.where(power > 0, power, 1)[:, None]) @ spectra[columns]
            scatter = _scatter(part[::EVERY, ::EVERY])
            snr[rows], scale[rows] = part / scatter, power / scatter
        return snr, scale

    def overlap(self, width, steps):
        """Return the correlation of the S/N of two lines of equal width, so many steps apart, at each step."""
        overlap = np.zeros(len(self))
        for low in range(0, len(self) - steps, ROWS):
            high = min(low + ROWS, len(self) - steps)
            lines, _ = self._lines(slice(low, high + steps), width)
            power = np.sqrt(np.sum(lines**2, axis=1))
            both = np.sum(lines[:-steps] * lines[steps:], axis=1)
            overlap[low:high] = both / np.maximum(power[:-steps] * power[steps:], TINY)
        return overlap

    def _fwhm(self, wave, width):
        return np.hypot(lsf_fwhm(np.clip(wave, *MUSE_RANGE)), wave * width / C_KMS)

    def _lines(self, rows, width):
        """Return lines of flux 1 centred on some steps, weighted for S/N, and the channels that they are sampled on."""
        centres, step = self.grid[rows, None], self.wave[1] - self.wave[0]
        fwhm = self._fwhm(centres, width)
        reach = centres[0] - REACH * fwhm[0], centres[-1] + REACH * fwhm[-1]
        columns = slice(*np.searchsorted(self.vacuum, np.ravel(reach)))
        distance, scale = self.vacuum[columns] - centres, np.sqrt(2) * gaussian_fwhm_to_sigma * fwhm
        line = (erf((distance + step / 2) / scale) - erf((distance - step / 2) / scale)) / (2 * step)
        line[np.abs(distance) > REACH * fwhm] = 0
        return (line * self.root[columns]).astype(np.float32), columns


def _scatter(snr):
    """Return the scatter of S/N, without the zeros of pixels that have no data."""
    scatter = spread(np.where(snr == 0, np.nan, snr).reshape(1, -1))[0]
    return max(float(np.nan_to_num(scatter)), LEAST)

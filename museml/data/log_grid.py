"""Spectra of any instrument on one axis that is even in the logarithm of the vacuum wavelength."""

from dataclasses import replace
from functools import lru_cache

import numpy as np
from astropy import units as u
from scipy.sparse import csr_array

from museml.data.spectral import to_vacuum
from museml.errors import InputError

__all__ = ["DLN", "PIXELS", "START", "is_placed", "log_axis", "nearest_start", "start_of", "to_log_grid"]

#: step of the axis in ln(wavelength), 52 km/s
DLN = 1.75e-4
PIXELS = 4096
#: the first pixel where nothing else is asked for, Angstrom in vacuum; both modes of MUSE fit
START = 4595.0
#: the window begins at a whole number of these pixels from `START`
QUANTUM = 4
#: a spectrum that begins this part of its wavelength before `START` has a window of its own
EARLY = 0.05
COVERED = 0.5  # of a pixel, which must be valid


def log_axis(start=START):
    """Return the wavelengths of the pixels, Angstrom in vacuum, of the window that begins at ``start``."""
    return start * np.exp(DLN * np.arange(PIXELS))


def nearest_start(wave):
    """Return the possible start of a window that is nearest to a vacuum wavelength in Angstrom."""
    step = DLN * QUANTUM
    return float(START * np.exp(step * np.round(np.log(wave / START) / step)))


def start_of(batch):
    """Return the start of the window that a Batch of `to_log_grid` has, Angstrom in vacuum."""
    return nearest_start(batch.axis[0].to_value(u.Angstrom))


def is_placed(batch):
    """Say whether spectra are on the axis of a window already."""
    if batch.values.shape[1:] != (PIXELS,) or batch.medium != "vacuum":
        return False
    return np.allclose(batch.axis.to_value(u.Angstrom), log_axis(start_of(batch)), rtol=DLN * 1e-3, atol=0)


def to_log_grid(batch, start=None):
    """Bring spectra onto the axis that networks for redshifts see.

    Flux is conserved, pixels of both axes are boxes, and the squared S/N summed over a range stays the
    same, as if the pixels on the new axis were independent.

    Parameters
    ----------
    batch : `~museml.Batch`
        Spectra on any axis, in air or in vacuum.
    start : float, optional
        Where the window begins, Angstrom in vacuum; the nearest possible start is taken. By default
        `START`, or the first wavelength of spectra that begin well before it or end before the window begins.

    Returns
    -------
    `~museml.Batch`
        On `log_axis`, in vacuum; pixels with less than half of valid data are masked.

    Raises
    ------
    InputError
        If the wavelengths do not increase.
    """
    wave = to_vacuum(batch.axis.to_value(u.Angstrom), batch.medium)
    if not np.all(np.diff(wave) > 0):
        raise InputError("the wavelengths of a batch must increase; these do not: sort its channels")
    if start is None:
        start = start_of(batch) if is_placed(batch) else _default_start(wave)
    start = nearest_start(start)
    axis = log_axis(start)
    if is_placed(batch) and start == start_of(batch):
        return batch
    values, errors, mask = _rebin(batch, *_overlaps(wave.tobytes(), start))
    return replace(batch, values=values, errors=errors, mask=mask, axis=axis * u.Angstrom, medium="vacuum")


def _default_start(wave):
    inside = wave[0] > START * (1 - EARLY) and wave[0] < log_axis()[-PIXELS // 4]
    return START if inside else wave[0]


def _rebin(batch, overlaps, widths):
    valid = (~batch.mask).astype(np.float32).T
    covered = overlaps @ valid
    mask = covered < COVERED
    share = np.where(mask, 1, covered)
    values = overlaps @ (valid * batch.values.T) / share
    variance = overlaps @ (valid * (batch.errors.T**2 * widths[0][:, None])) / (share**2 * widths[1][:, None])
    values, errors = (np.where(mask, 0, part).T.astype(np.float32) for part in (values, np.sqrt(variance)))
    return np.ascontiguousarray(values), np.ascontiguousarray(errors), np.ascontiguousarray(mask.T)


@lru_cache(maxsize=16)
def _overlaps(wave, start):
    """Return the share of each new pixel in each old one as a matrix, and the widths of old and new pixels."""
    old, new = _borders(np.frombuffer(wave)), _borders(log_axis(start))
    borders = np.unique(np.concatenate([old, new]))
    middle, length = (borders[1:] + borders[:-1]) / 2, np.diff(borders)
    i, j = np.searchsorted(new, middle) - 1, np.searchsorted(old, middle) - 1
    both = (i >= 0) & (i < len(new) - 1) & (j >= 0) & (j < len(old) - 1)
    i, j, widths = i[both], j[both], (np.diff(old).astype(np.float32), np.diff(new).astype(np.float32))
    matrix = csr_array((length[both] / np.diff(new)[i], (i, j)), shape=(len(new) - 1, len(old) - 1), dtype=np.float32)
    return matrix, widths


def _borders(wave):
    """Return the borders of pixels, half-way between their centres."""
    middle = (wave[1:] + wave[:-1]) / 2
    return np.concatenate([[2 * wave[0] - middle[0]], middle, [2 * wave[-1] - middle[-1]]])

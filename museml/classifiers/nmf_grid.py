"""The axis of non-negative templates, even in ln(vacuum wavelength), and spectra of any axis on it."""

import numpy as np
from scipy.sparse import csr_array

from museml.data.spectral import to_vacuum

__all__ = ["REST", "STEP", "Z_MAX", "Z_MIN", "rest_wave", "spread_matrix", "trials"]

#: step in ln(wave), and of the trial redshifts in ln(1+z): 75 km/s
STEP = 2.5e-4
#: first and last pixel of templates: pixel k is centred on exp(k * STEP) Angstrom; 600 to 10500 Angstrom
REST = (round(np.log(600.0) / STEP), round(np.log(10500.0) / STEP))
#: redshifts considered; stars may come towards us
Z_MIN, Z_MAX = -0.002, 6.75


def rest_wave():
    """Return the vacuum wavelengths of templates, Angstrom."""
    return np.exp(STEP * np.arange(REST[0], REST[1] + 1))


def trials(z_min=Z_MIN, z_max=Z_MAX):
    """Return the shifts in pixels of all trial redshifts: ln(1+z) is a shift times `STEP`."""
    return np.arange(round(np.log1p(z_min) / STEP), round(np.log1p(z_max) / STEP) + 1)


def spread_matrix(wave, medium):
    """Return how the pixels of a spectrum are spread over pixels even in ln(wave).

    Each pixel is shared in proportion to the overlap, so that sums over the spectrum, such as of inverse
    variance times flux, stay what they are and neighbours stay independent.

    Parameters
    ----------
    wave : ndarray, shape (n,)
        Increasing wavelengths in Angstrom.
    medium : str
        'air' or 'vacuum'.

    Returns
    -------
    start : int
        Number of the first pixel, counted as in `REST`.
    matrix : sparse array, shape (pixels, n)
        Shares; each column adds up to 1.
    """
    middle = (wave[1:] + wave[:-1]) / 2
    edges = np.concatenate([[wave[0] - (middle[0] - wave[0])], middle, [wave[-1] + (wave[-1] - middle[-1])]])
    edges = np.log(to_vacuum(edges, medium)) / STEP + 0.5
    start = int(np.floor(edges[0]))
    reach = int(np.ceil(np.diff(edges).max())) + 1
    rows = np.floor(edges[:-1]).astype(int)[:, None] + np.arange(reach)
    overlap = np.minimum(rows + 1, edges[1:, None]) - np.maximum(rows, edges[:-1, None])
    shares = np.maximum(overlap, 0) / np.diff(edges)[:, None]
    columns = np.broadcast_to(np.arange(len(wave))[:, None], rows.shape)
    full = csr_array((shares.ravel(), ((rows - start).ravel(), columns.ravel())))
    return start, full

"""Errors of spectra that come without any, from the scatter of their pixels."""

import numpy as np
from scipy.ndimage import median_filter

__all__ = ["scatter_variance"]

#: pixels among which the scatter is taken: few enough to follow the noise, many enough to be sure of it
WINDOW = 101
#: of a Gaussian: standard deviation over median absolute deviation
GAUSSIAN = 1.4826
#: of the middle pixel over those two before and two after it
SECOND_DIFFERENCE = np.sqrt(6)


def scatter_variance(flux, mask):
    """Estimate the variance of each pixel from the scatter around it.

    The scatter is that of second differences between every other pixel, which neither the continuum nor the
    correlation of neighbours enters (Stoehr et al. 2008, ASPC 394, 505), as running median.

    Parameters
    ----------
    flux : ndarray, shape (n,)
        The spectrum.
    mask : ndarray of bool, shape (n,)
        True where it is not valid.

    Returns
    -------
    ndarray, shape (n,)
        NaN throughout where fewer than 5 pixels are valid; 1 in a spectrum without any scatter.
    """
    valid = np.flatnonzero(~mask)
    if len(valid) < 5:
        return np.full(len(flux), np.nan)
    change = np.abs(2 * flux[valid][2:-2] - flux[valid][:-4] - flux[valid][4:])
    scatter = GAUSSIAN / SECOND_DIFFERENCE * median_filter(change, min(WINDOW, len(change)), mode="reflect")
    scatter = np.maximum(scatter, scatter[scatter > 0].min(initial=np.inf)) if scatter.any() else np.ones(len(scatter))
    return np.interp(np.arange(len(flux)), valid[2:-2], scatter) ** 2

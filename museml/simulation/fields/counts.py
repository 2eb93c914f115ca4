"""How many radio sources of which flux density there are on a square degree at 144 MHz."""

import numpy as np

__all__ = ["draw_fluxes", "normalised_counts", "sources_per_deg2"]

#: log10 of S^2.5 dN/dS in Jy^1.5 / sr as a polynomial of log10 S in mJy (Mandal et al. 2021, A&A 648, A5)
COEFFICIENTS = (1.655, -0.115, 0.2272, 0.51788, -0.449661, 0.160265, -0.028541, 0.002041)
MEASURED = (0.4, 1e4)  # mJy; outside of it the counts go on as power laws
SLOPE_BELOW = 0.8  # of S^2.5 dN/dS among faint star-forming galaxies, so that dN/dS goes with S^-1.7
SLOPE_ABOVE = -0.5
SQUARE_DEGREE = np.deg2rad(1) ** 2  # sr
STEPS = 2000


def normalised_counts(flux):
    """Return the Euclidean-normalised differential counts S^2.5 dN/dS.

    Parameters
    ----------
    flux : array_like
        Flux density in Jy.

    Returns
    -------
    ndarray
        In Jy^1.5 / sr.

    Notes
    -----
    The fit of Mandal et al. (2021, A&A 648, A5) to the LoTSS Deep Fields between 0.4 mJy and 10 Jy, and power laws
    beyond.
    """
    exponent = np.log10(np.asarray(flux, float)) + 3
    inside = np.clip(exponent, *np.log10(MEASURED))
    beyond = exponent - inside
    slope = np.where(beyond < 0, SLOPE_BELOW, SLOPE_ABOVE)
    return 10 ** (np.polynomial.polynomial.polyval(inside, COEFFICIENTS) + slope * beyond)


def sources_per_deg2(flux_range):
    """Return how many sources of flux densities between two limits, in Jy, there are on a square degree."""
    return float(_cumulative(flux_range)[1][-1])


def draw_fluxes(number, flux_range, rng):
    """Draw flux densities with the counts of the sky.

    Parameters
    ----------
    number : int
        How many.
    flux_range : (float, float)
        Limits in Jy.
    rng : `~numpy.random.Generator`
        Source of randomness.

    Returns
    -------
    ndarray
        Flux densities in Jy.
    """
    exponent, total = _cumulative(flux_range)
    return np.exp(np.interp(rng.uniform(0, total[-1], number), total, exponent))


def _cumulative(flux_range):
    """Return the logarithms of flux densities, and the number of sources on a square degree up to each."""
    exponent = np.linspace(*np.log(flux_range), STEPS)
    density = normalised_counts(np.exp(exponent)) * np.exp(-1.5 * exponent) * SQUARE_DEGREE
    steps = (density[1:] + density[:-1]) / 2 * np.diff(exponent)
    return exponent, np.concatenate([[0.0], np.cumsum(steps)])

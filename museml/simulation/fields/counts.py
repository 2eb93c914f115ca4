"""How many radio sources of which flux density there are on a square degree at 144 MHz."""

import numpy as np

__all__ = ["SLOPE", "draw_fluxes", "measured_counts", "sources_per_deg2"]

LOTSS = (4.15e-4, 1150.0)  # Jy: five times the median noise of LoTSS; sources on a square degree brighter than that
SLOPE = 2.1  # dN/dS goes with S^-SLOPE
#: log10 of S^2.5 dN/dS in Jy^1.5 / sr as a polynomial of log10 S in mJy (Mandal et al. 2021, A&A 648, A5)
COEFFICIENTS = (1.655, -0.115, 0.2272, 0.51788, -0.449661, 0.160265, -0.028541, 0.002041)
MEASURED = (0.4, 1e4)  # mJy; outside of it the measured counts go on as power laws
BELOW = 0.8  # slope of S^2.5 dN/dS among faint star-forming galaxies, so that dN/dS goes with S^-1.7
ABOVE = -0.5
SQUARE_DEGREE = np.deg2rad(1) ** 2  # sr
STEPS = 2000


def measured_counts(flux):
    """Return the Euclidean-normalised differential counts S^2.5 dN/dS of the LoTSS Deep Fields.

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
    The fit of Mandal et al. (2021, A&A 648, A5) between 0.4 mJy and 10 Jy, and power laws beyond.
    """
    exponent = np.log10(np.asarray(flux, float)) + 3
    inside = np.clip(exponent, *np.log10(MEASURED))
    beyond = exponent - inside
    return 10 ** (np.polynomial.polynomial.polyval(inside, COEFFICIENTS) + np.where(beyond < 0, BELOW, ABOVE) * beyond)


def sources_per_deg2(flux_range, counts=SLOPE):
    """Return how many sources of flux densities between two limits, in Jy, there are on a square degree.

    Parameters
    ----------
    flux_range : (float, float)
        Limits in Jy.
    counts : float or 'measured'
        A power law with this slope and as many sources above 0.415 mJy as LoTSS has, or `measured_counts`.
    """
    return float(_cumulative(flux_range, counts)[1][-1])


def draw_fluxes(number, flux_range, rng, counts=SLOPE):
    """Draw flux densities.

    Parameters
    ----------
    number : int
        How many.
    flux_range : (float, float)
        Limits in Jy.
    rng : `~numpy.random.Generator`
        Source of randomness.
    counts : float or 'measured'
        As for `sources_per_deg2`.

    Returns
    -------
    ndarray
        Flux densities in Jy.
    """
    exponent, total = _cumulative(flux_range, counts)
    return np.exp(np.interp(rng.uniform(0, total[-1], number), total, exponent))


def _cumulative(flux_range, counts):
    """Return the logarithms of flux densities, and the number of sources on a square degree up to each."""
    exponent = np.linspace(*np.log(flux_range), STEPS)
    flux = np.exp(exponent)
    if counts == "measured":
        density = measured_counts(flux) * flux**-1.5 * SQUARE_DEGREE
    else:
        limit, above = LOTSS
        density = above * (counts - 1) * (flux / limit) ** (1 - counts)
    steps = (density[1:] + density[:-1]) / 2 * np.diff(exponent)
    return exponent, np.concatenate([[0.0], np.cumsum(steps)])

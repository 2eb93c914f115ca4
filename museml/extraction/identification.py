"""Names of detected lines, once the redshift is known."""

import numpy as np
from astropy import constants

from museml.data.linelist import emission_lines
from museml.data.spectral import to_vacuum

__all__ = ["identify", "name_lines"]

TOLERANCE = 400.0  # km/s: gas may move this much against the redshift, and Lyman alpha does
_C = constants.c.to_value("km/s")


def identify(wave, z, medium):
    """Return, for each observed wavelength, the emission line it is at a redshift, or None.

    Parameters
    ----------
    wave : array_like
        Observed wavelengths in Angstrom.
    z : float
        Redshift.
    medium : str
        'air' or 'vacuum': what ``wave`` is in.

    Returns
    -------
    list of (`~museml.data.linelist.Line` or None)
        The nearest line within 400 km/s.
    """
    known = emission_lines()
    rest = np.array([line.wave for line in known])
    found = []
    for observed in to_vacuum(np.atleast_1d(wave), medium):
        speed = np.abs(observed / (rest * (1 + z)) - 1) * _C
        nearest = int(np.argmin(speed))
        found.append(known[nearest] if speed[nearest] <= TOLERANCE else None)
    return found


def name_lines(source, z, medium):
    """Write the names of the lines of an MPDAF Source into its LINES table: LINE and LINE_LBDA.

    Lines that are none of the known ones at this redshift get an empty name.
    """
    if source.lines is None:
        return
    lines = identify(source.lines["LBDA_OBS"], z, medium) if z is not None else [None] * len(source.lines)
    source.lines["LINE"] = np.array([line.name if line else "" for line in lines], "U20")
    source.lines["LINE_LBDA"] = np.ma.masked_invalid([line.wave if line else np.nan for line in lines])
    source.lines["LINE_LBDA"].unit = "Angstrom"
    source.lines["LINE"].description = "name of the line at the best redshift"
    source.lines["LINE_LBDA"].description = "its wavelength at rest, in vacuum"

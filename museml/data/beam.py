"""The beam of a radio image: what a point source looks like."""

import re
from dataclasses import dataclass
from math import isfinite, log, pi, radians

from astropy import units as u

from museml.errors import InputError

__all__ = ["Beam", "as_beam", "read_beam"]

UNITS = (u.arcsec, u.arcsec, u.deg)
ARCSEC = 3600.0  # in a degree
DIGITS = 9  # of arcsec; headers keep no more
KEYWORDS = (("BMAJ", "BMIN", "BPA"), ("CLEANBMJ", "CLEANBMN", "CLEANBPA"))
#: how AIPS tells the beam: 'AIPS   CLEAN BMAJ=  1.6667E-03 BMIN=  1.6667E-03 BPA=  90.00'
HISTORY = re.compile(r"CLEAN\s+BMAJ=\s*(\S+)\s+BMIN=\s*(\S+)\s+BPA=\s*(\S+)", re.IGNORECASE)
REMEDY = "give it as 'MAJOR MINOR PA' in arcsec and degrees, for example beam='6 6 0'"


@dataclass(frozen=True)
class Beam:
    """An elliptical Gaussian beam.

    Attributes
    ----------
    major, minor : float
        Full widths at half maximum in arcsec.
    pa : float
        Position angle of the major axis in degrees, east of north.

    Raises
    ------
    InputError
        Unless all are finite and major >= minor > 0.
    """

    major: float
    minor: float
    pa: float = 0.0

    def __post_init__(self):
        if not (all(map(isfinite, (self.major, self.minor, self.pa))) and self.major >= self.minor > 0):
            raise InputError(f"a beam must have finite axes, major >= minor > 0; this is {self}; {REMEDY}")

    def __str__(self):
        return f"{self.major:.4g} x {self.minor:.4g} arcsec, PA {self.pa:.4g} deg"

    def area(self, pixel_scale):
        """Return the solid angle in pixels of ``pixel_scale`` arcsec: pi / (4 ln 2) major minor / scale^2."""
        return pi / (4 * log(2)) * self.major * self.minor / pixel_scale**2

    @property
    def solid_angle(self):
        """The solid angle in steradian."""
        return self.area(1.0) * radians(1 / ARCSEC) ** 2


def as_beam(beam):
    """Return a `Beam`.

    Parameters
    ----------
    beam : Beam, float, sequence of float, or str
        One number is the FWHM of a round beam, three are major, minor (arcsec) and position angle (deg), or any of
        them a `~astropy.units.Quantity`; as text they are separated by blanks or commas.

    Raises
    ------
    InputError
        If it is none of these.
    """
    if isinstance(beam, Beam):
        return beam
    try:
        numbers = _numbers(beam)
        major, minor, pa = [*numbers, *numbers, 0.0] if len(numbers) == 1 else numbers
    except (TypeError, ValueError):
        raise InputError(f"a beam must be one number or three; this is {beam!r}; {REMEDY}") from None
    return _ordered(major, minor, pa)


def read_beam(header):
    """Return the `Beam` that a FITS header tells, or None.

    It is in BMAJ, BMIN and BPA, in CLEANBMJ, CLEANBMN and CLEANBPA, or in the last card HISTORY of the form
    ``AIPS CLEAN BMAJ= ... BMIN= ... BPA= ...``; all are in degrees.

    Raises
    ------
    InputError
        If only a part of it is told, or if what is told is no beam.
    """
    for names in KEYWORDS:
        if names[0] in header:
            return _from_keywords(header, names)
    told = [found for card in _history(header) if (found := HISTORY.search(card))]
    return _in_degrees(*told[-1].groups()) if told else None


def _numbers(beam):
    """Return arcsec, and degrees for the third."""
    if isinstance(beam, str):
        beam = [float(word) for word in beam.replace(",", " ").split()]
    given = [beam] if isinstance(beam, (int, float)) or getattr(beam, "shape", None) == () else list(beam)
    return [float(u.Quantity(number, unit).value) for number, unit in zip(given, UNITS[: len(given)], strict=True)]


def _from_keywords(header, names):
    major, minor, pa = (header.get(name) for name in names)
    if minor is None or (pa is None and minor != major):
        missing = names[1] if minor is None else names[2]
        raise InputError(f"a beam must have {', '.join(names)}; this header lacks {missing}; {REMEDY}")
    return _in_degrees(major, minor, pa or 0.0)


def _in_degrees(major, minor, pa):
    """Make a beam of the texts or numbers of a header."""
    try:
        major, minor, pa = (float(value) for value in (major, minor, pa))
    except (TypeError, ValueError):
        raise InputError(f"a beam must be numbers; the header has {major!r}, {minor!r}, {pa!r}; {REMEDY}") from None
    return _ordered(round(ARCSEC * major, DIGITS), round(ARCSEC * minor, DIGITS), pa)


def _ordered(major, minor, pa):
    """Return a beam whose first axis is the longer one, with a position angle of 0 to 180."""
    if minor > major:
        major, minor, pa = minor, major, pa + 90
    return Beam(major, minor, pa % 180 if isfinite(pa) else pa)


def _history(header):
    cards = header.get("HISTORY", [])
    return cards.splitlines() if isinstance(cards, str) else [str(card) for card in cards]

"""Wavelengths in air and in vacuum."""

import re

import numpy as np

from museml.errors import InputError

__all__ = ["MEDIA", "MEDIUM_KEYS", "medium_in", "medium_of", "to_air", "to_vacuum"]

#: the media a wavelength axis may be in
MEDIA = ("air", "vacuum")
#: keywords that may name the medium
MEDIUM_KEYS = ("MEDIUM", "CTYPE1", "AIRORVAC", "VACUUM")
#: FITS axis types (Greisen et al. 2006, A&A 446, 747, table 1) and the medium they stand for
CTYPES = {"AWAV": "air", "WAVE": "vacuum"}
#: by convention wavelengths below this one are always in vacuum, Angstrom
AIR_STARTS = 2000.0


def refraction(wave):
    """Return the refractive index of standard air.

    Morton (2000, ApJS 130, 403), equation 8, the form of the IAU standard that specutils and VALD use.

    Parameters
    ----------
    wave : array_like
        Vacuum wavelength in Angstrom.
    """
    wave = np.asarray(wave, float)
    s2 = (1e4 / np.maximum(wave, AIR_STARTS)) ** 2
    index = 1 + 8.34254e-5 + 2.406147e-2 / (130 - s2) + 1.5998e-4 / (38.9 - s2)
    return np.where(wave < AIR_STARTS, 1.0, index)


def to_air(wave, medium):
    """Return wavelengths in air.

    Parameters
    ----------
    wave : array_like
        Wavelength in Angstrom.
    medium : str
        'air' or 'vacuum': what ``wave`` is in.
    """
    wave = np.asarray(wave, float)
    return wave if check_medium(medium) == "air" else wave / refraction(wave)


def to_vacuum(wave, medium):
    """Return wavelengths in vacuum, by inverting `to_air` (to better than 1e-6 Angstrom).

    Parameters
    ----------
    wave : array_like
        Wavelength in Angstrom.
    medium : str
        'air' or 'vacuum': what ``wave`` is in.
    """
    wave = np.asarray(wave, float)
    if check_medium(medium) == "vacuum":
        return wave
    vacuum = wave
    for _ in range(3):
        vacuum = wave * refraction(vacuum)
    return vacuum


def check_medium(medium):
    """Return the medium in lower case, or raise `InputError` if it is neither air nor vacuum."""
    known = str(medium or "").strip().lower()
    if known not in MEDIA:
        raise InputError(
            "a wavelength axis must say whether it is in air or in vacuum; "
            f"received medium {medium!r}: set it to 'air' or 'vacuum' (FITS: CTYPE 'AWAV' or 'WAVE')"
        )
    return known


def medium_of(ctype):
    """Return the medium that a FITS axis type stands for, such as 'AWAV' or 'WAVE-LOG', or '' if it says none."""
    kind = re.fullmatch(r"(\w{4})(-\w{3})?", str(ctype or "").strip().upper())
    return CTYPES.get(kind[1], "") if kind else ""


def medium_in(header):
    """Return the medium that a header or the meta of a table names, or '' if it names none.

    It is the value of MEDIUM, or what CTYPE1 stands for, or as DESI (AIRORVAC) and SDSS (VACUUM) write it.
    """
    values = {str(key).lower(): value for key, value in header.items()}
    text = str(values.get("medium") or values.get("airorvac") or "").strip().lower()
    if text == "vac" or values.get("vacuum") is True:
        return "vacuum"
    return text if text in MEDIA else medium_of(values.get("ctype1"))

"""Units of radio images, and what makes Jy/beam of them."""

import re

import numpy as np
from astropy import constants
from astropy import units as u

from museml.errors import InputError

__all__ = ["JY_PER_BEAM", "read_unit", "to_jy_per_beam"]

#: unit of all images inside museml
JY_PER_BEAM = u.Jy / u.beam
REMEDY = "give it, for example unit='Jy/beam'"
#: how FITS spells what headers spell otherwise
WORDS = {"JY": "Jy", "UJY": "uJy", "BEAM": "beam", "BM": "beam", "PIXEL": "pix", "PIX": "pix", "SR": "sr",
         "KELVIN": "K", "PER": "/", "ARCSEC": "arcsec"}  # fmt: skip


def read_unit(unit, name="image"):
    """Return the unit that is meant, however it is written.

    Parameters
    ----------
    unit : str or `~astropy.units.Unit`
        Such as 'Jy/beam', 'JY/BEAM', 'mJy beam-1', 'MJy/sr', 'K'.
    name : str
        What the error calls the image.

    Raises
    ------
    InputError
        If there is none, or it cannot be understood.
    """
    text = str(unit).strip() if unit is not None else ""
    if not text:
        raise InputError(f"an image must have a unit; {name!r} has no BUNIT; {REMEDY}")
    for candidate in (text, _customary(text)):
        try:
            return u.Unit(candidate)
        except ValueError:
            continue
    raise InputError(f"the unit of an image must be one of brightness; {name!r} has {text!r}; {REMEDY}")


def to_jy_per_beam(unit, beam, pixel_scale, frequency=None, name="image"):
    """Return the factor that makes Jy/beam of a unit.

    Parameters
    ----------
    unit : `~astropy.units.Unit`
        Flux density per beam, per pixel or per solid angle, or brightness temperature.
    beam : `~museml.data.beam.Beam`
        The beam.
    pixel_scale : float
        Pixel size in arcsec.
    frequency : float
        In Hz; needed for temperatures only.
    name : str
        What the error calls the image.

    Raises
    ------
    InputError
        If the unit is none of these, or the frequency is missing.
    """
    for measure, factor in ((u.beam, 1.0), (u.pix, beam.area(pixel_scale)), (u.sr, beam.solid_angle)):
        if unit.is_equivalent(u.Jy / measure):
            return float(unit.to(u.Jy / measure)) * factor
    if unit.is_equivalent(u.K):
        return float(unit.to(u.K)) * _jy_per_kelvin(frequency, name) * beam.solid_angle
    raise InputError(
        f"an image must be in a unit of brightness (Jy/beam, Jy/pixel, MJy/sr, K, ...); {name!r} has {str(unit)!r}; "
        "correct BUNIT, or give unit="
    )


def _jy_per_kelvin(frequency, name):
    """Return the brightness in Jy/sr of 1 K in the Rayleigh-Jeans law, 2 k nu^2 / c^2."""
    if not frequency:
        raise InputError(
            f"an image in kelvin must tell its frequency; {name!r} has none; set RESTFRQ in Hz, "
            "or convert it to Jy/beam"
        )
    brightness = 2 * constants.k_B * u.K * np.square(frequency * u.Hz) / constants.c**2
    return brightness.to_value(u.Jy)


def _customary(text):
    """Return a unit in the spelling of FITS; MJY is milli- in a beam and mega- elsewhere."""
    words = {**WORDS, "MJY": "mJy" if re.search("BEAM|BM", text, re.IGNORECASE) else "MJy"}
    return re.sub("[A-Za-z]+", lambda word: words.get(word[0].upper(), word[0]), text.split("(T")[0])

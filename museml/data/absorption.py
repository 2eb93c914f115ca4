"""Stellar and interstellar absorption of galaxies and stars, as transmission over rest wavelength."""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from museml.data.line_profiles import C_KMS

__all__ = ["GALAXIES", "STARS", "Absorber", "transmission"]


@dataclass(frozen=True)
class Absorber:
    """Absorption that goes together.

    Attributes
    ----------
    name : str
        For people.
    prior : float
        Share among its class.
    lines : tuple of (float, float, float)
        Rest wavelength in vacuum (Angstrom), equivalent width (Angstrom, negative in emission), standard
        deviation (km/s).
    edges : tuple of (float, float, float)
        Breaks: rest wavelength (Angstrom), flux below it relative to above, and width in ln(wave).
    bands : tuple of (float, float, float)
        Molecular bands: wavelength of the head (Angstrom), depth there, and length to the red (Angstrom).
    """

    name: str
    prior: float
    lines: tuple
    edges: tuple = ()
    bands: tuple = ()


def transmission(absorber, wave):
    """Return the transmission of an absorber.

    Parameters
    ----------
    absorber : Absorber
        One of `GALAXIES` or `STARS`.
    wave : ndarray
        Rest wavelengths in vacuum, Angstrom.
    """
    depth = np.zeros(len(wave))
    for centre, width, velocity in absorber.lines:
        sigma = centre * np.hypot(velocity, 60.0) / C_KMS  # 60 km/s: the spectrograph's part
        depth += width / (sigma * np.sqrt(2 * np.pi)) * np.exp(-0.5 * ((wave - centre) / sigma) ** 2)
    for head, deep, length in absorber.bands:
        depth += deep * np.where(wave >= head, np.exp(-(wave - head) / length), 0)
    values = np.maximum(1 - depth, 0.1)
    for edge, level, width in absorber.edges:
        values *= level + (1 - level) * expit(4 * (np.log(wave / edge)) / width)
    return values


def _lines(text, velocity):
    words = [float(word) for word in text.split()]
    return tuple((centre, width, velocity) for centre, width in zip(words[::2], words[1::2], strict=True))


# Equivalent widths: Lick indices of old populations and their F to M stars (Worthey et al. 1994, ApJS 94, 687;
# Trager et al. 1998, ApJS 116, 1), Ca II and Mg in the ultraviolet (Fanelli et al. 1990, ApJ 364, 272), the calcium
# triplet (Cenarro et al. 2001, MNRAS 326, 959), interstellar lines of star-forming galaxies (Shapley et al. 2003,
# ApJ 588, 65; Zhu et al. 2015, ApJ 815, 48), Balmer lines of A stars (Gray and Corbally 2009, Stellar Spectral
# Classification), TiO heads (Kirkpatrick et al. 1991, ApJS 77, 417). Broad emission of quasars, as negative widths:
# Vanden Berk et al. (2001, AJ 122, 549). Rounded.
_METALS = """
2800.0 9 2853.0 6 3581.0 4 3735.0 4 3834.0 4 3884.0 8 4227.9 1.2 4305.6 5.5 4384.8 4.5 4455.5 1.5 4532.0 3
4669.0 4.5 5016.0 4.5 5176.7 4.2 5183.0 1 5271.0 2.8 5336.0 2.5 5407.0 1.7 5709.5 0.9 5783.0 0.8 5894.6 3.5
"""
_METALS_NARROW = """
4227.9 0.8 4305.6 5 4384.8 3 4532.0 2 4669.0 1.5 4892.5 0.7 4921.9 0.7 4958.9 0.8 5016.0 2 5168.7 1.0 5174.1 1.4
5185.0 1.8 5228.4 0.8 5270.9 1.4 5329.5 1.0 5372.9 0.6 5407.0 0.7 5447.9 0.6 5529.9 0.4 5616.7 0.4 5891.6 0.9
5897.6 0.7 6123.9 0.3 6138.4 0.3 6163.9 0.3 6192.0 0.3 6232.0 0.3 6254.0 0.3 6394.9 0.4 6432.0 0.3 6496.5 0.6
"""
_BROAD_LINES = """
1216.0 -70 1240.0 -20 1399.0 -9 1549.0 -30 1640.0 -5 1860.0 -5 1908.0 -20 2799.0 -32 4104.0 -6 4341.7 -14 4862.7 -45
6564.6 -180
"""
_CALCIUM = "3934.8 9 3969.6 7.5"
_TRIPLET = "8500.4 1.4 8544.4 3.2 8664.5 2.7"
_BALMER = "3771.7 2 3799.0 3 3836.5 4 3890.2 5 3971.2 6 4102.9 7 4341.7 7 4862.7 6.5 6564.6 5"
_INTERSTELLAR = """
1260.4 1.6 1303.0 2.3 1334.5 1.6 1393.8 1.5 1402.8 1.0 1526.7 1.6 1549.5 2.5 1608.5 1.2 1670.8 1.4 1854.7 1.0
1862.8 0.8 2344.2 2.0 2374.5 1.6 2382.8 2.2 2586.7 2.0 2600.2 2.4 2796.4 2.6 2803.5 2.3 2853.0 0.9
"""


def _scaled(lines, factor, velocity=None):
    return tuple((wave, factor * width, velocity or sigma) for wave, width, sigma in lines)


_OLD = _lines(_METALS, 500.0) + _lines(_CALCIUM, 450.0) + _lines(_TRIPLET, 220.0) + _lines("4862.7 1.6", 250.0)
_HOT = _lines(_BALMER, 550.0)

# the Lyman forest at redshift 4 (Madau 1995, ApJ 441, 18) and the Lyman limit
_HYDROGEN = ((1215.0, 0.4, 0.004), (911.8, 0.05, 0.004))
_BROAD = _lines(_BROAD_LINES, 2400.0)

#: galaxies and quasars
GALAXIES = (
    Absorber("old", 1.0, _OLD, ((3850.0, 0.75, 0.04), (4000.0, 0.78, 0.02), (2640.0, 0.7, 0.02), (2920.0, 0.75, 0.02))),
    Absorber("mixed", 1.0, _scaled(_OLD, 0.5) + _scaled(_HOT, 0.5), ((3700.0, 0.85, 0.03), (3980.0, 0.9, 0.03))),
    Absorber("post-starburst", 0.3, _HOT + _lines("3934.8 3 4305.6 1 5176.7 1 5894.6 1", 300.0),
             ((3700.0, 0.6, 0.03),)),
    Absorber("star-forming", 1.0, _lines(_INTERSTELLAR, 200.0), _HYDROGEN),
    Absorber("quasar", 0.2, _BROAD, _HYDROGEN),
    Absorber("narrower quasar", 0.1, _scaled(_BROAD, 0.8, 1200.0), _HYDROGEN),
)  # fmt: skip

_METAL_RICH = _scaled(_lines(_METALS_NARROW, 70.0), 1.5)
_PASCHEN = _lines("8600.8 3 8665 3.5 8752.9 3 8865.2 3.5", 400.0)
_TITANIUM_OXIDE = (
    (4763, 0.25, 70), (4956, 0.3, 70), (5168, 0.35, 80), (5450, 0.3, 60), (5849, 0.35, 60), (6160, 0.4, 120),
    (6653, 0.3, 60), (6750, 0.2, 60), (7055, 0.45, 90), (7590, 0.35, 60), (8434, 0.3, 80), (8860, 0.25, 80),
)  # fmt: skip

#: stars
STARS = (
    Absorber("A", 0.5, _scaled(_HOT, 1.4, 500.0) + _PASCHEN),
    Absorber("F", 1.0, _scaled(_HOT, 0.6, 250.0) + _lines(_METALS_NARROW, 60.0) + _lines(_TRIPLET, 120.0)),
    Absorber("G", 1.0, _scaled(_HOT, 0.3, 150.0) + _METAL_RICH + _lines(_TRIPLET, 120.0)),
    Absorber("K", 1.0, _lines("4862.7 1 6564.6 1.2 5891.6 1.5 5897.6 1.2", 90.0) + _scaled(_METAL_RICH, 1.7)
             + _lines("5175 5", 700.0) + _lines(_TRIPLET, 120.0)),
    Absorber("M", 1.5, _lines("5891.6 3 5897.6 3 8185.5 1.5 8197.1 2", 120.0) + _lines(_TRIPLET, 120.0), (),
             _TITANIUM_OXIDE),
)  # fmt: skip

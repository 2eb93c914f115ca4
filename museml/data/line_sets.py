"""Sets of emission lines that galaxies show together, with typical flux ratios."""

from dataclasses import dataclass

from museml.data.linelist import LINES

__all__ = ["EMITTER_SETS", "LINE_SETS", "Feature", "LineSet", "Member"]


@dataclass(frozen=True)
class Feature:
    """Emission that is looked for as one thing: a line, or lines whose flux ratio is fixed.

    Attributes
    ----------
    name : str
        For people.
    members : tuple of (float, float)
        Rest wavelength in vacuum (Angstrom) and flux relative to the first, of each line.
    profile : str
        'line', or a profile of its own where lines overlap or are not symmetric: see
        `museml.data.line_profiles.PROFILES`.
    """

    name: str
    members: tuple
    profile: str = "line"


@dataclass(frozen=True)
class Member:
    """A feature's part in a set: mean flux relative to the set's scale, and its relative scatter."""

    feature: Feature
    ratio: float
    scatter: float = 0.6


@dataclass(frozen=True)
class LineSet:
    """Features that are seen together in one kind of galaxy.

    Attributes
    ----------
    name : str
        For people.
    prior : float
        Share of this kind among galaxies with emission lines; any unit.
    members : tuple of `Member`
        The features.
    """

    name: str
    prior: float
    members: tuple


def _lines(name, *pairs, profile="line"):
    return Feature(name, tuple((LINES[line].wave, weight) for line, weight in pairs), profile)


def _single(name):
    return _lines(name, (name, 1.0))


# Ratios fixed by atomic physics: Storey and Zeippen (2000, MNRAS 312, 813) for [OIII] and [NII].
_FEATURES = {
    "LYALPHA": _lines("LYALPHA", ("LYALPHA", 1.0), profile="lya"),
    "SYMMETRIC": _lines("LYALPHA", ("LYALPHA", 1.0)),
    "CIV": _lines("CIV", ("CIV1548", 1.0), profile="civ"),
    "CIII": _lines("CIII", ("CIII1907", 1.0), profile="ciii"),
    "MGII": _lines("MGII", ("MGII2796", 1.0), ("MGII2803", 0.6)),
    "OII": _lines("OII", ("OII3727", 1.0), profile="oii"),
    "OIII": _lines("OIII", ("OIII5008", 1.0), ("OIII4960", 0.335)),
    "NII": _lines("NII", ("NII6585", 1.0), ("NII6550", 0.328)),
    "SII": _lines("SII", ("SII6718", 1.0), ("SII6733", 0.8)),
    "OI": _lines("OI", ("OI6302", 1.0), ("OI6365", 0.32)),
    "OIII1666": _lines("OIII1666", ("OIII1666", 1.0), ("OIII1660", 0.4)),
}


def _set(name, prior, **ratios):
    members = (_member(feature, value) for feature, value in ratios.items())
    return LineSet(name, prior, tuple(members))


def _member(name, value):
    ratio, scatter = value if isinstance(value, tuple) else (value, 0.6)
    return Member(_FEATURES.get(name) or _single(name), ratio, scatter)


# Ratios: SDSS galaxies (Brinchmann et al. 2004, MNRAS 351, 1151; Kewley et al. 2006, MNRAS 372, 961) for the optical
# sets, metal-poor dwarfs (Izotov et al. 2006, A&A 448, 955), the nebulae of cooling-flow clusters (Crawford et al.
# 1999, MNRAS 306, 857), and MUSE's CIII] and Lya emitters (Maseda et al. 2017, A&A 608, A4; Feltre et al. 2020,
# A&A 641, A118). Rounded: the scatter is wide.
#: the kinds of emission-line galaxies that are told apart
LINE_SETS = (
    _set("star-forming", 1.0, HALPHA=1.0, NII=0.35, SII=0.2, HBETA=0.25, OIII=0.2, OII=0.5, HGAMMA=(0.1, 0.8),
         HDELTA=(0.05, 1.0), OI=(0.04, 0.8), HEI5877=(0.04, 0.8), NEIII3870=(0.03, 1.0), SIII9071=(0.1, 0.8)),
    _set("high excitation", 1.0, OIII=1.0, HBETA=(0.25, 0.4), HALPHA=(0.75, 0.5), OII=(0.45, 0.8), HGAMMA=0.11,
         HDELTA=0.06, NEIII3870=0.09, OIII4364=(0.03, 1.0), H8=0.05, HEPSILON=0.06, HEI5877=0.03, NII=(0.05, 1.0),
         SII=(0.07, 0.8), SIII9071=(0.12, 0.8)),
    _set("nebula", 0.3, HALPHA=1.0, NII=1.0, SII=0.4, OI=0.2, HBETA=(0.2, 0.8), OIII=(0.3, 0.8), OII=0.8,
         NI5200=(0.06, 1.0)),
    _set("intermediate", 1.0, OII=1.0, HBETA=0.25, OIII=(0.35, 0.8), HGAMMA=(0.1, 0.8), HDELTA=(0.05, 1.0),
         NEIII3870=(0.08, 0.8), HALPHA=0.9, NII=0.25, SII=0.2),
    _set("ultraviolet", 0.3, CIII=1.0, OIII1666=(0.25, 0.8), HEII1640=(0.2, 1.0), CIV=(0.3, 1.0), CII2326=(0.2, 1.0),
         MGII=(0.3, 1.0), OII=(2.0, 1.0)),
    _set("MgII", 0.1, MGII=1.0, OII=(1.5, 0.8), CIII=(0.4, 1.0)),
    _set("symmetric Lyman alpha", 0.3, SYMMETRIC=1.0, CIV=(0.05, 1.0), HEII1640=(0.03, 1.0), CIII=(0.08, 1.0)),
    _set("Lyman alpha", 1.0, LYALPHA=1.0, NV1238=(0.02, 1.0), CIV=(0.05, 1.0), HEII1640=(0.03, 1.0),
         OIII1666=(0.03, 1.0), CIII=(0.08, 1.0)),
)  # fmt: skip

# The sequence of star-forming galaxies from high to low metallicity (Kewley et al. 2006, MNRAS 372, 961, figure 1;
# Tremonti et al. 2004, ApJ 613, 898), with the ratio of H alpha and H beta that atomic physics and some dust allow
# (Storey and Zeippen 1995, MNRAS 272, 41), then the nebulae and the ultraviolet sets as above. Scatters are narrow,
# since fewer ratios are possible than each line's own scatter would allow.
#: the kinds of emission-line sources that are told apart where all redshifts are searched at all positions of a cube
EMITTER_SETS = (
    _set("metal-rich", 1.0, HBETA=(1.0, 0.15), HALPHA=(3.5, 0.25), NII=(1.3, 0.35), SII=(0.55, 0.3), OIII=(0.6, 0.6),
         OII=(1.7, 0.5), HGAMMA=(0.42, 0.3), HDELTA=(0.2, 0.4), OI=(0.1, 0.8), HEI5877=(0.12, 0.5)),
    _set("star-forming", 1.0, HBETA=(1.0, 0.15), HALPHA=(3.3, 0.2), NII=(0.8, 0.4), SII=(0.5, 0.3), OIII=(1.6, 0.5),
         OII=(2.6, 0.4), HGAMMA=(0.45, 0.2), HDELTA=(0.24, 0.3), NEIII3870=(0.2, 0.8), OI=(0.1, 0.8),
         HEI5877=(0.12, 0.4)),
    _set("metal-poor", 1.0, HBETA=(1.0, 0.15), HALPHA=(3.0, 0.15), NII=(0.25, 0.6), SII=(0.35, 0.5), OIII=(4.0, 0.4),
         OII=(2.4, 0.6), HGAMMA=(0.46, 0.2), HDELTA=(0.25, 0.3), NEIII3870=(0.4, 0.4), OIII4364=(0.06, 1.0), H8=0.2,
         HEPSILON=(0.25, 0.6), HEI5877=(0.12, 0.4), SIII9071=(0.3, 0.8)),
    *(one for one in LINE_SETS if one.name not in ("star-forming", "high excitation", "intermediate")),
)  # fmt: skip

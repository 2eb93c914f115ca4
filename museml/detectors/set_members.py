"""What the search for line sets looks for: lines by number, and the sets as tables of these numbers."""

from dataclasses import dataclass

import numpy as np

from museml.data.line_profiles import PROFILES
from museml.data.line_sets import EMITTER_SETS

__all__ = ["GROUPS", "LINES", "SETS", "Group", "MemberSet"]

DOUBLET = "oii"  # the one doublet whose lines are too close for a search one by one
STRONG = 0.2  # ratio to a set's strongest line from which a line may be the one that is seen
Z_ULTRAVIOLET = 1.3  # redshift from which sets of ultraviolet lines can be told apart


@dataclass(frozen=True)
class MemberSet:
    """A set of lines.

    Attributes
    ----------
    name : str
        For people.
    prior : float
        Share among galaxies with emission lines; all shares add up to 1.
    features : tuple of (tuple of (int, float), float, float)
        Lines of fixed ratio, as numbers in `LINES` with their ratios; mean flux; standard deviation of its logarithm.
    """

    name: str
    prior: float
    features: tuple

    @property
    def strong(self):
        """Numbers of the lines one of which must be covered."""
        top = max(ratio for _, ratio, _ in self.features)
        return [line for lines, ratio, _ in self.features if ratio >= STRONG * top for line, _ in lines]


@dataclass(frozen=True)
class Group:
    """Lines added up in the first search, with the probability that each is seen, and a range of redshifts."""

    lines: tuple
    z_range: tuple


def _members(feature):
    """Return (wavelength, profile, weight) of a feature's lines; only the closest doublet stays together."""
    if feature.profile == DOUBLET:
        return [(feature.members[0][0], DOUBLET, 1.0)]
    components = PROFILES[feature.profile] if feature.profile in ("civ", "ciii") else ((0.0, 1.0, 1.0),)
    total = sum(weight for _, weight, _ in components)
    return [
        (wave * np.exp(shift), "line", ratio * weight / total)
        for wave, ratio in feature.members
        for shift, weight, _ in components
    ]


def _number(wave, profile):
    key = round(wave, 1), profile
    return _KEYS.setdefault(key, len(_KEYS))


def _converted(line_set, total):
    features = []
    for member in line_set.members:
        lines = tuple((_number(wave, profile), ratio) for wave, profile, ratio in _members(member.feature))
        features.append((lines, member.ratio, member.scatter))
    return MemberSet(line_set.name, line_set.prior / total, tuple(features))


_KEYS = {}
#: the sets
SETS = tuple(_converted(line_set, sum(one.prior for one in EMITTER_SETS)) for line_set in EMITTER_SETS)
#: (rest wavelength in vacuum in Angstrom, profile) of each line
LINES = tuple(_KEYS)


def _group(z_range, **seen):
    numbers = {name: _number(wave, profile) for name, (wave, profile) in _NAMED.items()}
    return Group(tuple((numbers[name], probability) for name, probability in seen.items()), z_range)


_NAMED = {
    "HALPHA": (6564.6, "line"), "HBETA": (4862.7, "line"), "HGAMMA": (4341.7, "line"), "OII": (3727.1, DOUBLET),
    "OIII5008": (5008.2, "line"), "OIII4960": (4960.3, "line"), "NII": (6585.3, "line"), "SII6718": (6718.3, "line"),
    "SII6733": (6732.7, "line"), "NEIII": (3870.2, "line"), "LYALPHA": (1215.7, "line"), "CIII1907": (1906.7, "line"),
    "CIII1909": (1908.7, "line"), "MGII2796": (2796.4, "line"), "MGII2803": (2803.5, "line"),
    "CIV1548": (1548.2, "line"), "CIV1551": (1550.8, "line"), "HEII": (1640.4, "line"), "OIII1666": (1666.2, "line"),
    "CII": (2326.1, "line"),
}  # fmt: skip
#: what is added up in the first search
GROUPS = (
    _group((-0.005, 1.6), HALPHA=0.5, OIII5008=0.5, OII=0.5, HBETA=0.35, OIII4960=0.2, NII=0.2, SII6718=0.2,
           SII6733=0.2, HGAMMA=0.2, NEIII=0.2),
    _group((Z_ULTRAVIOLET, 6.7), LYALPHA=0.5, OII=0.5, CIII1907=0.35, CIII1909=0.35, MGII2796=0.35, MGII2803=0.2,
           CIV1548=0.2, CIV1551=0.2, HEII=0.2, OIII1666=0.2, CII=0.2),
)  # fmt: skip

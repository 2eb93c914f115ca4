"""Spectral lines: rest wavelengths in vacuum, under MPDAF's names."""

from dataclasses import dataclass

__all__ = ["LINES", "Line", "emission_lines"]


@dataclass(frozen=True)
class Line:
    """A spectral line.

    Attributes
    ----------
    name : str
        As in `mpdaf.sdetect.linelist`, where that has the line.
    wave : float
        Rest wavelength in vacuum, Angstrom.
    kind : str
        How it is mostly seen: 'emission', 'absorption', or 'faint': emission too faint to be looked for.
    label : str
        For pictures.
    """

    name: str
    wave: float
    kind: str
    label: str


# Emission lines: NIST and van Hoof (2018, Galaxies 6, 63), as in MPDAF. Absorption: Morton (2003, ApJS 149, 205)
# for the ultraviolet. MPDAF's list is in vacuum but for CAK, CAH, CAG, MGB and NAD, which it has in air;
# here they are in vacuum too (SDSS DR7 line list for the blends CAG and MGB; mean of the doublet for NAD).
_EMISSION = """
LYALPHA 1215.67 Lyα      NV1238 1238.82 NV        NV1243 1242.80 NV        CIV1548 1548.20 CIV
CIV1551 1550.77 CIV      HEII1640 1640.42 HeII    OIII1660 1660.81 OIII]   OIII1666 1666.15 OIII]
CIII1907 1906.68 CIII]   CIII1909 1908.73 CIII]   CII2324 2324.21 CII]     CII2326 2326.11 CII]
CII2328 2327.64 CII]     CII2329 2328.84 CII]     NEIV2422 2421.83 [NeIV]  NEIV2424 2424.42 [NeIV]
MGII2796 2796.35 MgII    MGII2803 2803.53 MgII    NEV3427 3426.85 [NeV]    OII3727 3727.09 [OII]
OII3729 3729.88 [OII]    H11 3771.70 H11          H10 3798.98 H10          H9 3836.47 H9
NEIII3870 3870.16 [NeIII] HEI3890 3889.73 HeI     H8 3890.15 H8            NEIII3967 3968.91 [NeIII]
HEPSILON 3971.20 Hε      HDELTA 4102.89 Hδ        HGAMMA 4341.68 Hγ        OIII4364 4364.44 [OIII]
HEII4687 4687.02 HeII    HBETA 4862.68 Hβ         OIII4960 4960.30 [OIII]  OIII5008 5008.24 [OIII]
NI5200 5200.53 [NI]      HEI5877 5877.25 HeI      OI6302 6302.05 [OI]      OI6365 6365.54 [OI]
NII6550 6549.85 [NII]    HALPHA 6564.61 Hα        NII6585 6585.28 [NII]    SII6718 6718.29 [SII]
SII6733 6732.67 [SII]    ARIII7138 7137.80 [ArIII] OII7322 7321.94 [OII]   OII7332 7332.21 [OII]
SIII9071 9071.10 [SIII]
"""
_ABSORPTION = """
SiII1260 1260.42 SiII    OI1302 1302.17 OI        SIII1304 1304.37 SiII    CII1334 1334.53 CII
SIIV1394 1393.76 SiIV    SIIV1403 1402.77 SiIV    FEII1608 1608.45 FeII    FEII1611 1611.20 FeII
ALII1671 1670.79 AlII    AL1854 1854.72 AlIII     AL1862 1862.79 AlIII     FEII2344 2344.21 FeII
FEII2374 2374.46 FeII    FEII2383 2382.76 FeII    FEII2587 2586.65 FeII    FEII2600 2600.17 FeII
MGI2853 2852.97 MgI      CAK 3934.78 CaK          CAH 3969.59 CaH          CAG 4305.61 G-band
MGB 5176.70 Mgb          NAD 5894.57 NaD          CAT8500 8500.36 CaII     CAT8544 8544.44 CaII
CAT8665 8664.52 CaII
"""

# NIST Atomic Spectra Database; names in the manner of the above
_FAINT = """
OIV1401 1401.16 OIV]     NIV1483 1483.32 NIV]     NIV1486 1486.50 NIV]     NIII1750 1749.67 NIII]
SIIII1883 1882.71 SiIII] SIIII1892 1892.03 SiIII]
OII2471 2470.97 [OII]    HEII3204 3204.03 HeII    NEV3347 3346.79 [NeV]    HEI3189 3188.67 HeI
SII4070 4069.75 [SII]    SII4078 4077.50 [SII]    HEI4473 4472.73 HeI      ARIV4713 4712.58 [ArIV]
ARIV4742 4741.45 [ArIV]  NII5756 5756.19 [NII]    SIII6314 6313.80 [SIII]  HEI6680 6679.99 HeI
HEI7067 7067.14 HeI      ARIII7753 7753.19 [ArIII] PA9 9231.55 Pa9         PA10 9017.38 Pa10
SIII9533 9533.20 [SIII]  PA8 9548.59 Pa8
"""


def _parse(text, kind):
    words = text.split()
    rows = zip(words[::3], words[1::3], words[2::3], strict=True)
    return {name: Line(name, float(wave), kind, label) for name, wave, label in rows}


#: all lines by name
LINES = {**_parse(_EMISSION, "emission"), **_parse(_ABSORPTION, "absorption"), **_parse(_FAINT, "faint")}


def emission_lines():
    """Return the lines often seen in emission, by wavelength."""
    return sorted((line for line in LINES.values() if line.kind == "emission"), key=lambda line: line.wave)

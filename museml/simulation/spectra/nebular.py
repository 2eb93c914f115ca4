"""Flux ratios of nebular emission lines: HII regions, narrow-line regions and low-ionisation nebulae."""

import numpy as np

from museml.data.linelist import LINES

__all__ = ["BALMER", "HII_LINES", "LINER", "NARROW_LINE_REGION", "SOLAR", "hii_ratios", "line_ratios", "lognormal"]

#: 12 + log(O/H) of the Sun (Asplund et al. 2009, ARA&A 47, 481)
SOLAR = 8.69
METALS = np.array([-1.98, -1.5, -0.98, -0.58, -0.3, 0.0, 0.2])  # log(O/H) relative to the Sun
IONISATION = np.array([-3.5, -3.0, -2.5, -2.0, -1.5])  # log U

#: lines of the HII regions in the order of `hii_ratios`; doublets of one ion as their sum, under the first's name
HII_LINES = (
    "HEII1640", "OIII1666", "CIII", "CII", "OII2471", "MGII", "OII", "NEIII3870", "SII4070", "OIII4364", "HEII4687",
    "OIII5008", "NI5200", "NII5756", "HEI5877", "OI6302", "SIII6314", "HALPHA", "NII6585", "SII", "ARIII7138",
    "OII7325", "SIII9071",
)  # fmt: skip
# 100 log10 of the flux relative to Hbeta, one row per metallicity and, within it, per ionisation parameter: Cloudy
# models of dusty nebulae (Byler et al. 2017, ApJ 840, 44; ZAU_WD_mist of FSPS, MIT licence) around MIST populations,
# mean of the ages 1, 2 and 3 Myr.
_CLOUDY = """
-200 -272 -157 -179 -225 -157 -56 -159 -228 -298 -400 -116 -356 -354 -95 -207 -285 48 -192 -127 -217 -214 -195
-193 -197 -118 -189 -235 -171 -71 -138 -248 -231 -400 -61 -391 -370 -98 -235 -263 48 -213 -150 -209 -224 -180
-182 -155 -90 -203 -256 -187 -95 -122 -268 -197 -400 -36 -400 -393 -100 -258 -251 47 -239 -172 -206 -246 -175
-167 -127 -71 -216 -273 -201 -113 -111 -284 -176 -400 -23 -400 -400 -102 -274 -248 47 -257 -188 -210 -263 -177
-148 -106 -60 -226 -285 -210 -125 -103 -295 -160 -400 -15 -400 -400 -103 -284 -250 47 -269 -199 -216 -275 -183
-216 -231 -113 -131 -178 -110 -8 -115 -182 -255 -400 -72 -311 -307 -95 -162 -238 47 -144 -80 -170 -167 -147
-207 -155 -73 -142 -186 -124 -22 -92 -202 -188 -400 -15 -345 -322 -97 -190 -216 47 -165 -103 -162 -176 -132
-195 -113 -46 -156 -207 -142 -45 -76 -222 -153 -400 10 -372 -345 -99 -213 -204 47 -190 -125 -158 -197 -127
-179 -86 -27 -169 -225 -156 -64 -65 -238 -132 -400 23 -391 -362 -100 -228 -200 47 -208 -141 -161 -214 -128
-160 -66 -17 -180 -237 -166 -77 -57 -248 -118 -400 31 -400 -374 -101 -238 -202 47 -221 -152 -167 -226 -133
-224 -197 -71 -84 -130 -61 41 -72 -133 -218 -400 -30 -263 -259 -94 -115 -191 47 -93 -30 -120 -120 -96
-216 -123 -35 -96 -138 -76 29 -49 -154 -151 -400 28 -296 -273 -95 -143 -170 47 -113 -54 -113 -128 -82
-204 -84 -11 -112 -159 -94 6 -33 -175 -118 -400 54 -324 -296 -96 -166 -159 46 -138 -76 -109 -148 -76
-188 -60 6 -126 -176 -109 -13 -23 -191 -98 -400 66 -342 -314 -97 -181 -155 46 -158 -93 -111 -166 -77
-168 -43 16 -137 -189 -120 -27 -16 -201 -85 -400 74 -354 -326 -98 -191 -157 46 -171 -104 -116 -178 -82
-230 -199 -59 -58 -106 -33 71 -53 -101 -210 -400 -10 -225 -226 -91 -84 -164 47 -53 4 -87 -96 -62
-222 -134 -32 -74 -116 -51 59 -30 -124 -149 -400 47 -258 -241 -91 -112 -148 46 -72 -20 -82 -105 -50
-212 -101 -15 -92 -136 -70 36 -17 -146 -120 -400 72 -286 -263 -92 -135 -141 46 -98 -44 -80 -125 -45
-196 -78 0 -107 -152 -85 17 -7 -163 -101 -400 85 -305 -280 -92 -150 -137 46 -118 -62 -81 -141 -45
-177 -59 13 -118 -163 -95 4 1 -173 -86 -400 94 -317 -292 -93 -160 -136 46 -132 -73 -84 -153 -49
-243 -239 -80 -57 -109 -30 79 -58 -89 -235 -400 -15 -181 -193 -87 -69 -160 47 -8 23 -73 -98 -45
-235 -184 -61 -75 -119 -50 66 -37 -113 -180 -400 41 -214 -208 -87 -97 -150 47 -26 -4 -71 -108 -35
-224 -153 -48 -95 -137 -71 45 -25 -137 -152 -400 67 -242 -229 -87 -121 -145 47 -51 -29 -70 -126 -32
-209 -127 -33 -109 -151 -85 27 -13 -153 -130 -400 82 -262 -244 -87 -136 -140 46 -72 -47 -70 -140 -31
-189 -102 -16 -117 -159 -92 16 -2 -162 -111 -400 94 -273 -254 -88 -145 -137 46 -85 -58 -71 -149 -33
-261 -338 -147 -87 -143 -53 64 -97 -93 -305 -400 -45 -153 -185 -81 -71 -180 47 26 31 -71 -132 -39
-253 -290 -133 -103 -152 -76 53 -77 -119 -255 -400 10 -186 -198 -79 -101 -173 47 11 4 -71 -141 -30
-244 -260 -124 -121 -166 -98 35 -63 -143 -228 -400 39 -213 -215 -78 -124 -172 48 -12 -23 -72 -155 -27
-229 -227 -106 -133 -175 -111 21 -46 -159 -200 -400 59 -229 -227 -78 -137 -166 47 -31 -42 -70 -164 -25
-208 -191 -82 -139 -179 -114 13 -28 -167 -171 -400 77 -238 -233 -79 -143 -157 47 -44 -53 -67 -168 -23
-290 -400 -237 -139 -195 -96 34 -152 -115 -391 -400 -90 -155 -204 -77 -95 -215 48 37 25 -85 -185 -45
-280 -400 -229 -153 -204 -120 23 -135 -140 -350 -400 -38 -190 -216 -74 -126 -211 48 23 -1 -87 -194 -37
-270 -384 -220 -166 -214 -142 9 -124 -166 -326 -400 -12 -217 -228 -72 -151 -213 49 4 -29 -91 -204 -36
-253 -342 -198 -175 -219 -152 0 -101 -182 -291 -400 16 -231 -236 -71 -162 -206 49 -12 -50 -86 -208 -32
-230 -292 -164 -178 -217 -149 -4 -70 -188 -247 -400 45 -235 -238 -71 -163 -191 48 -24 -61 -76 -206 -25
"""
_TABLE = (np.array(_CLOUDY.split(), float) / 100).reshape(len(METALS), len(IONISATION), len(HII_LINES))

#: hydrogen and helium relative to Hbeta (case B, 10,000 K, 100 / cm3; Osterbrock and Ferland 2006, tables 4.2-4.6)
BALMER = {
    "HGAMMA": 0.468, "HDELTA": 0.259, "HEPSILON": 0.159, "H8": 0.105, "H9": 0.0731, "H10": 0.0530, "H11": 0.0397,
    "PA8": 0.0366, "PA9": 0.0254, "PA10": 0.0184,
}  # fmt: skip


# Osterbrock and Ferland (2006, Astrophysics of Gaseous Nebulae, tables 13.2 and 13.3), Groves et al. (2004, ApJS 153,
# 75), Zakamska et al. (2003, AJ 126, 2125); ultraviolet: Nagao et al. (2006, A&A 447, 863). Rounded. Doublets as above.
#: narrow-line regions: flux relative to Hbeta
NARROW_LINE_REGION = {
    "NV": 0.9, "SIIV": 0.5, "NIV1486": 0.15, "CIV": 3.5, "HEII1640": 1.7, "OIII1666": 0.35, "NIII1750": 0.15,
    "SIIII": 0.2, "CIII": 1.7, "CII": 0.5, "NEIV": 0.5, "OII2471": 0.1, "MGII": 0.8, "HEII3204": 0.1, "NEV3427": 0.6,
    "OII": 2.6, "NEIII3870": 1.0, "SII4070": 0.25, "OIII4364": 0.13, "HEII4687": 0.25, "ARIV": 0.1, "OIII5008": 10.0,
    "NI5200": 0.12, "NII5756": 0.05, "HEI5877": 0.12, "OI6302": 0.5, "SIII6314": 0.05, "HALPHA": 3.1, "NII6585": 2.7,
    "SII": 1.6, "ARIII7138": 0.22, "OII7325": 0.25, "SIII9071": 0.45,
}  # fmt: skip

# Ho et al. (1997, ApJS 112, 315), Kewley et al. (2006, MNRAS 372, 961), Crawford et al. (1999, MNRAS 306, 857).
#: low-ionisation nebulae of passive galaxies and of the central galaxies of clusters: flux relative to Hbeta
LINER = {
    "CIII": 0.4, "CII": 0.6, "MGII": 0.4, "NEV3427": 0.03, "OII": 4.5, "NEIII3870": 0.35, "SII4070": 0.3,
    "OIII4364": 0.05, "HEII4687": 0.06, "OIII5008": 2.0, "NI5200": 0.25, "NII5756": 0.06, "HEI5877": 0.1,
    "OI6302": 1.0, "SIII6314": 0.03, "HALPHA": 3.2, "NII6585": 3.6, "SII": 2.6, "ARIII7138": 0.1, "OII7325": 0.25,
    "SIII9071": 0.2,
}  # fmt: skip

# Lines that grow and fade together as the ionisation of narrow-line regions and low-ionisation nebulae changes
_IONISED = ("NV", "CIV", "HEII1640", "NEV3427", "NEIII3870", "HEII4687", "ARIV", "OIII5008", "OIII4364", "OIII1666")
_NEUTRAL = ("CII", "MGII", "OII", "SII4070", "NI5200", "OI6302", "NII6585", "SII", "OII7325")

# Lines whose ratio to another is fixed by atomic physics (Storey and Zeippen 2000, MNRAS 312, 813; Osterbrock and
# Ferland 2006) or varies little: name -> (its reference, ratio).
_TIED = {
    "OIII4960": ("OIII5008", 0.335), "NII6550": ("NII6585", 0.328), "OI6365": ("OI6302", 0.32),
    "NEIII3967": ("NEIII3870", 0.301), "NEV3347": ("NEV3427", 0.366), "SIII9533": ("SIII9071", 2.47),
    "HEI4473": ("HEI5877", 0.37), "HEI6680": ("HEI5877", 0.27), "HEI7067": ("HEI5877", 0.2),
    "HEI3890": ("HEI5877", 0.7), "HEI3189": ("HEI5877", 0.3), "ARIII7753": ("ARIII7138", 0.24),
    "OIII1660": ("OIII1666", 0.41), "OIV1401": ("SIIV", 0.6), "NIV1483": ("NIV1486", 0.6),
}  # fmt: skip
# Doublets whose ratio depends on density or depth: sum -> (first, second, lowest and highest second / first).
_PAIRS = {
    "OII": ("OII3729", "OII3727", 0.67, 1.4), "SII": ("SII6718", "SII6733", 0.69, 1.3),
    "CIII": ("CIII1907", "CIII1909", 0.63, 1.1), "SIIII": ("SIIII1883", "SIIII1892", 0.6, 1.1),
    "MGII": ("MGII2796", "MGII2803", 0.5, 0.9), "CIV": ("CIV1548", "CIV1551", 0.5, 0.95),
    "NV": ("NV1238", "NV1243", 0.5, 0.95), "SIIV": ("SIIV1394", "SIIV1403", 0.5, 0.9),
    "NEIV": ("NEIV2424", "NEIV2422", 0.65, 1.2), "OII7325": ("OII7322", "OII7332", 0.78, 0.85),
    "SII4070": ("SII4070", "SII4078", 0.33, 0.34), "ARIV": ("ARIV4713", "ARIV4742", 0.72, 1.2),
}  # fmt: skip
# Intercombination multiplet CII] 2326 (Stafford et al. 1994, MNRAS 268, 816): share of each line.
_CARBON = {"CII2324": 0.05, "CII2326": 0.51, "CII2328": 0.11, "CII2329": 0.33}


def hii_ratios(metallicity, ionisation):
    """Return the line ratios of HII regions, interpolated in the table of models.

    Parameters
    ----------
    metallicity, ionisation : ndarray, shape (n,)
        12 + log(O/H) and log U; values outside the table are moved to its border.

    Returns
    -------
    ndarray, shape (n, len(HII_LINES))
        Flux relative to Hbeta, without dust outside of the nebula.
    """
    metal, metal_share = _place(np.asarray(metallicity) - SOLAR, METALS)
    ionised, share = _place(ionisation, IONISATION)
    low = _TABLE[metal, ionised] * (1 - share) + _TABLE[metal, ionised + 1] * share
    high = _TABLE[metal + 1, ionised] * (1 - share) + _TABLE[metal + 1, ionised + 1] * share
    return 10 ** (low * (1 - metal_share) + high * metal_share)


def _place(values, nodes):
    """Return the node below each value and its relative distance to it."""
    values = np.clip(values, nodes[0], nodes[-1])
    below = np.clip(np.searchsorted(nodes, values, side="right") - 1, 0, len(nodes) - 2)
    return below, ((values - nodes[below]) / (nodes[below + 1] - nodes[below]))[:, None]


def line_ratios(rng, metallicity, ionisation, agn, liner):
    """Draw the line ratios of galaxies, before dust.

    Parameters
    ----------
    rng : `~numpy.random.Generator`
        Source of randomness.
    metallicity, ionisation : ndarray, shape (n,)
        12 + log(O/H) and log U of the HII regions.
    agn, liner : ndarray, shape (n,)
        Shares of a narrow-line region and of a low-ionisation nebula in Hbeta.

    Returns
    -------
    names : tuple of str
        Lines, as in `museml.data.linelist.LINES`.
    ratios : ndarray, shape (n, lines)
        Flux relative to Hbeta.
    """
    n = len(agn)
    hii = dict(zip(HII_LINES, hii_ratios(metallicity, ionisation).T, strict=True))
    hii.update(_observed(rng, hii, metallicity))
    sums, excitation = {}, lognormal(rng, n, 0.15)
    for name in {**hii, **NARROW_LINE_REGION, **LINER}:
        young = hii.get(name, 0) * lognormal(rng, n, 0.08)
        tilt = excitation if name in _IONISED else 1 / excitation if name in _NEUTRAL else 1
        narrow = NARROW_LINE_REGION.get(name, 0) * lognormal(rng, n, 0.15) * tilt
        low = LINER.get(name, 0) * lognormal(rng, n, 0.12) * tilt
        sums[name] = young * (1 - agn) * (1 - liner) + narrow * agn + low * liner * (1 - agn)
    sums["HALPHA"] = np.clip(sums["HALPHA"], 2.75, 3.4)
    sums.update({name: np.full(n, ratio) for name, ratio in {"HBETA": 1.0, **BALMER}.items()})
    return _split(rng, sums)


def _observed(rng, hii, metallicity):
    """Return the lines that the models of HII regions lack, under- or overestimate.

    CIV, HeII and SiIII] relative to CIII] as in emitters at z = 2 to 4 (Feltre et al. 2020, A&A 641, A118; Schmidt et
    al. 2021, A&A 654, A80); Wolf-Rayet stars and hard sources add to HeII in metal-poor galaxies (Shirazi and
    Brinchmann 2012, MNRAS 421, 1043). [NeIII] is as faint as in the UDF-10 catalogue (Inami et al. 2017, A&A 608, A2).
    """
    n, poor = len(metallicity), np.clip((8.5 - metallicity) / 0.8, 0, 1)
    return {
        "CIII": hii["CIII"] * lognormal(rng, n, 0.2),
        "CIV": hii["CIII"] * poor * 0.25 * lognormal(rng, n, 0.4),
        "HEII1640": hii["HEII1640"] + 0.07 * poor * lognormal(rng, n, 0.35),
        "HEII4687": hii["HEII4687"] + 0.01 * poor * lognormal(rng, n, 0.35),
        "NEIII3870": 0.7 * hii["NEIII3870"],
        "SIIII": 0.35 * hii["CIII"] * lognormal(rng, n, 0.15),
        "MGII": hii["MGII"] * np.minimum(lognormal(rng, n, 0.4), 1.5),
        "NIII1750": 0.1 * hii["CIII"] * lognormal(rng, n, 0.3),
        "ARIV": 0.01 * poor * lognormal(rng, n, 0.3),
    }


def _split(rng, sums):
    """Split sums into their lines; return names and ratios, shape (n, lines)."""
    single = {name: values for name, values in sums.items() if name in LINES}
    for name, (reference, ratio) in _TIED.items():
        single[name] = ratio * sums[reference]
    for name, (first, second, low, high) in _PAIRS.items():
        ratio = np.minimum(low * (1 + 0.13 * (high / low - 1) * rng.exponential(1, len(sums[name]))), high)
        single[first], single[second] = sums[name] / (1 + ratio), sums[name] * ratio / (1 + ratio)
    single.update({name: share * sums["CII"] for name, share in _CARBON.items()})
    return tuple(single), np.stack(list(single.values()), axis=1)


def lognormal(rng, n, dex):
    """Draw factors about 1 with a scatter in dex."""
    return 10 ** rng.normal(0, dex, n)

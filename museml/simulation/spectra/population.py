"""What objects there are: kinds, redshifts, and the physical parameters that decide their lines."""

import numpy as np
from astropy.table import Table

from museml.errors import SettingError
from museml.settings import is_number
from museml.simulation.spectra.lyman import LYALPHA

__all__ = ["KINDS", "SURVEY", "TRAINING", "draw"]

#: shares for training: hard cases are frequent, and empty spectra more so than objects too faint to be seen
TRAINING = {
    "star_forming": 0.35, "passive": 0.10, "lya": 0.155, "lbg": 0.075, "agn2": 0.045, "qso": 0.075, "star": 0.08,
    "nothing": 0.12,
}  # fmt: skip
#: shares in a deep blank field (Inami et al. 2017, A&A 608, A2, rounded)
SURVEY = {
    "star_forming": 0.48, "passive": 0.05, "lya": 0.40, "lbg": 0.03, "agn2": 0.01, "qso": 0.005, "star": 0.02,
    "nothing": 0.005,
}  # fmt: skip
#: kinds of objects
KINDS = tuple(TRAINING)
_GALAXIES = ("star_forming", "passive", "lya", "lbg", "agn2")

# Mean and scatter of log10 of the stellar mass, as in deep fields
_MASS = {"star_forming": (9.4, 0.8), "passive": (10.6, 0.5), "lya": (8.9, 0.6), "lbg": (9.9, 0.5), "agn2": (10.4, 0.5)}


def draw(rng, n, kinds=None, span=(4750.0, 9350.0)):
    """Draw objects and their physical parameters.

    Parameters
    ----------
    rng : `~numpy.random.Generator`
        Source of randomness.
    n : int
        Number of objects.
    kinds : str, sequence of str or mapping
        Kind, or kinds, drawn evenly, or with their shares; `TRAINING` by default.
    span : (float, float)
        Wavelengths that will be observed, Angstrom: where Lya falls in them depends on the redshift.

    Returns
    -------
    `~astropy.table.Table`
        Columns kind; z (stars: radial velocity over c; NaN for nothing); magnitude (AB at 7750 Angstrom, before
        absorption between the galaxies, as in a deep field; NaN for nothing); and for galaxies, NaN otherwise:
        mass (log10 of solar masses), metallicity (12 + log O/H), ionisation (log U), ebv and ebv_gas (colour
        excess of stars and of nebulae), agn and liner (shares of narrow-line regions and of low-ionisation
        nebulae in Hbeta), width (km/s, standard deviation of the gas), strength (dex, equivalent width of Hbeta
        relative to the mean for the stars' 4000 Angstrom break; NaN where ``hbeta`` holds), hbeta (rest equivalent
        width of Hbeta in Angstrom where it does not follow the stars), lya (rest equivalent width of Lya, negative in
        absorption), outflow (km/s), covering (share of the stars behind cool gas).

    Raises
    ------
    SettingError
        If there is no such kind, or their shares are no shares.
    """
    shares = _shares(kinds)
    kind = rng.choice(list(shares), n, p=np.array(list(shares.values())) / sum(shares.values()))
    z = np.full(n, np.nan)
    for name in np.unique(kind):
        z[kind == name] = _REDSHIFTS[name](rng, int(np.sum(kind == name)), span)
    table = Table({"kind": kind, "z": z})
    galaxy = np.isin(kind, _GALAXIES)
    for name, values in _galaxies(rng, kind[galaxy], z[galaxy]).items():
        table[name] = np.full(n, np.nan)
        table[name][galaxy] = values
    table["magnitude"] = _magnitudes(rng, table)
    return table


def _shares(kinds):
    """Return kind -> share."""
    if kinds is None:
        return TRAINING
    kinds = [kinds] if isinstance(kinds, str) else kinds
    shares = dict(kinds) if hasattr(kinds, "items") else dict.fromkeys(kinds, 1.0)
    unknown = [name for name in shares if name not in KINDS]
    if unknown or not shares:
        raise SettingError(f"no kind of spectrum is called {(unknown or [''])[0]!r}; known: {', '.join(KINDS)}")
    if not all(is_number(share, 0) for share in shares.values()) or not sum(shares.values()):
        raise SettingError(
            f"shares of kinds must be numbers from 0, some above 0, not {shares!r}; give 1 for each kind"
        )
    return shares


def _flat(rng, n, low, high):
    """Draw redshifts evenly in ln(1 + z)."""
    return np.expm1(rng.uniform(np.log1p(low), np.log1p(max(high, low)), n))


def _mixed(rng, n, low, high, peak, scatter, share):
    """Draw a share of the redshifts from a normal distribution in ln(1 + z), the others evenly."""
    z = _flat(rng, n, low, high)
    peaked = np.expm1(rng.normal(np.log1p(peak), scatter, n))
    use = (rng.random(n) < share) & (peaked > low) & (peaked < high)
    return np.where(use, peaked, z)


def _star_forming(rng, n, high):
    """Draw redshifts below those of Lya, some more of them where there are no strong lines."""
    desert = (rng.random(n) < 0.15) & (high > 1.45)
    return np.where(desert, _flat(rng, n, 1.45, high), _mixed(rng, n, 0.001, high, 0.9, 0.25, 0.4))


def _lya_from(span):
    return max(span[0] / LYALPHA - 1, 0.3)


def _lya_to(span):
    return span[1] / LYALPHA - 1


# Peaks: UDF-10 catalogue (Inami et al. 2017, A&A 608, A2): [OII] emitters about z = 0.9, Lya emitters about 3.6.
_REDSHIFTS = {
    "star_forming": lambda rng, n, span: _star_forming(rng, n, _lya_from(span)),
    "passive": lambda rng, n, span: _mixed(rng, n, 0.001, 2.0, 0.6, 0.25, 0.5),
    "lya": lambda rng, n, span: _mixed(rng, n, _lya_from(span), _lya_to(span), 3.6, 0.16, 0.4),
    "lbg": lambda rng, n, span: _mixed(rng, n, max(_lya_from(span), 2.0), 0.9 * _lya_to(span), 3.3, 0.15, 0.5),
    "agn2": lambda rng, n, span: _flat(rng, n, 0.001, min(5.0, _lya_to(span))),
    "qso": lambda rng, n, span: _flat(rng, n, 0.02, min(6.5, _lya_to(span))),
    "star": lambda rng, n, span: rng.normal(0, 1.5e-4, n) * rng.choice([1.0, 2.5], n),
    "nothing": lambda rng, n, span: np.full(n, np.nan),
}


# Mean and scatter of magnitudes, as in the UDF-10 catalogue (Inami et al. 2017), galaxies in F775W; star-forming
# ones at redshift 0
_MAGNITUDES = {
    "star_forming": (25.1, 1.8), "passive": (24.0, 1.3), "lya": (28.8, 1.0), "lbg": (26.3, 1.0), "agn2": (24.0, 1.3),
    "qso": (22.5, 1.5), "star": (22.0, 2.0), "nothing": (np.nan, 0.0),
}  # fmt: skip
LYA_FLUX = (2.85, 0.33)  # log10 of the flux of Lya in 1e-20 erg / (s cm2), mean and scatter (Inami et al. 2017)


def _magnitudes(rng, table):
    """Draw magnitudes; those of Lya emitters follow from flux and equivalent width of the line."""
    mean, scatter = (np.array([_MAGNITUDES[name][i] for name in table["kind"]]) for i in range(2))
    magnitude = mean + scatter * rng.standard_normal(len(table))
    distant = np.asarray(table["kind"]) == "star_forming"
    magnitude[distant] += 0.7 * np.asarray(table["z"])[distant]
    emitter = np.asarray(table["kind"]) == "lya"
    factor = 1 + np.asarray(table["z"])[emitter]
    line = 10 ** rng.normal(*LYA_FLUX, emitter.sum())
    density = line / (np.asarray(table["lya"])[emitter] * factor) * (LYALPHA * factor / 7750) ** 2
    magnitude[emitter] = -2.5 * np.log10(density * 1e-20 * 7750**2 / 2.998e18) - 48.6
    return magnitude


def _galaxies(rng, kind, z):
    """Return the parameters of galaxies by column."""
    n = len(kind)
    mean, scatter = (np.array([_MASS[name][i] for name in kind]) for i in range(2))
    mass = np.clip(mean + scatter * rng.standard_normal(n), 7.0, 11.8)
    metallicity = _metallicity(rng, mass, z)
    gas = _reddening(rng, mass) * np.where(kind == "lya", 0.4, 1.0)
    agn, liner = _hard_light(rng, kind)
    strength, hbeta = _hbeta(rng, kind, z)
    lya = _lya(rng, kind)
    return {
        "mass": mass,
        "metallicity": metallicity,
        "ionisation": _ionisation(rng, metallicity, z),
        "ebv": gas * rng.uniform(0.44, 1.0, n) * np.where(kind == "passive", 0.4, 1.0),
        "ebv_gas": gas,
        "agn": agn,
        "liner": liner,
        "width": _widths(rng, kind, mass),
        "strength": strength,
        "hbeta": hbeta,
        "lya": lya,
        **_cool_gas(rng, kind, mass, lya),
    }


def _metallicity(rng, mass, z):
    """Mass-metallicity relation of Zahid et al. (2014, ApJ 791, 130), equation 5, lowered by 0.3 dex.

    Their strong-line calibration is that much above the scale of the models of nebulae.
    """
    turnover = 9.138 + 2.64 * np.log10(1 + z)
    relation = 8.80 + np.log10(-np.expm1(-(10 ** (0.513 * (mass - turnover)))))
    return np.clip(relation + rng.normal(0, 0.15, len(mass)), 6.9, 8.95)


def _ionisation(rng, metallicity, z):
    """Fall of log U with metallicity, and rise with redshift (Carton et al. 2017, MNRAS 468, 2140)."""
    mean = -3.15 - 0.45 * (metallicity - 8.5) + 0.12 * np.minimum(z, 3)
    return np.clip(mean + rng.normal(0, 0.3, len(z)), -3.5, -1.5)


def _reddening(rng, mass):
    """Colour excess of nebulae: extinction of Ha against mass of Garn and Best (2010, MNRAS 409, 421), with scatter."""
    x = np.clip(mass - 10, -2.0, 1.2)
    halpha = np.maximum(0.91 + 0.77 * x + 0.11 * x**2 - 0.09 * x**3, 0.1)
    return np.clip(halpha / 3.33 * np.exp(rng.normal(0, 0.5, len(mass))), 0, 1.0)


def _hard_light(rng, kind):
    """Return shares of narrow-line regions and of low-ionisation nebulae in Hbeta."""
    n = len(kind)
    agn = np.where(kind == "agn2", 1 - rng.beta(1, 3, n), 0.0)
    weak = (kind != "agn2") & (rng.random(n) < 0.05)
    agn = np.where(weak, rng.uniform(0.05, 0.5, n), agn)
    liner = np.where(kind == "passive", np.where(rng.random(n) < 0.8, 1 - rng.beta(1, 3, n), 0), 0.0)
    return np.where(kind == "passive", 0.15 * agn, agn), liner


def _widths(rng, kind, mass):
    """Return velocity dispersions of the gas: Tully-Fisher and disc heights mixed, 20 to 400 km/s."""
    mean = np.where(np.isin(kind, ["passive", "agn2"]), 2.2 + 0.2 * (mass - 10.6), 1.72 + 0.2 * (mass - 9.5))
    return np.clip(10 ** (mean + rng.normal(0, 0.2, len(kind))), 20, 400)


def _hbeta(rng, kind, z):
    """Return the strength relative to that expected from the stars, and equivalent widths that ignore them."""
    n = len(kind)
    strength = rng.normal(0, 0.33, n) + np.where(rng.random(n) < 0.15, rng.uniform(0.2, 0.9, n), 0)
    strength += np.where(rng.random(n) < 0.06, rng.uniform(-2.5, -1.0, n), 0)  # switched off a short time ago
    weak = 10 ** rng.normal(-0.7, 0.5, n)
    nebula = (rng.random(n) < 0.2) & (z < 0.7)  # in the middle of clusters with cooling flows
    hbeta = np.where(nebula, 10 ** rng.normal(0.6, 0.45, n), np.where(rng.random(n) < 0.35, 1e-3, weak))
    hbeta = np.where(kind == "agn2", 10 ** rng.normal(0.9, 0.35, n), hbeta)
    own = np.isin(kind, ["passive", "agn2"])
    return np.where(own, np.nan, strength), np.where(own, hbeta, np.nan)


def _lya(rng, kind):
    """Return equivalent widths of Lya.

    Emitters: exponential (Hashimoto et al. 2017, A&A 608, A10); Lyman-break galaxies: Shapley et al. (2003, ApJ 588,
    65), half of them in absorption.
    """
    n = len(kind)
    emitter = 8 + rng.exponential(110, n)
    broken = np.where(rng.random(n) < 0.3, rng.exponential(20, n), rng.normal(-6, 8, n))
    narrow = 20 + rng.exponential(60, n)
    width = np.select([kind == "lya", kind == "agn2", kind == "passive"], [emitter, narrow, -20.0], broken)
    return np.clip(width, -40, 600)


def _cool_gas(rng, kind, mass, lya):
    """Return velocity and covering share of the cool gas.

    More of it covers massive galaxies, which absorb MgII where others emit it (Feltre et al. 2018, A&A 617, A62), and
    less of it galaxies that emit Lya (Shapley et al. 2003, ApJ 588, 65).
    """
    n = len(kind)
    outflow = np.clip(np.abs(rng.normal(130, 130, n)), 0, 600)
    broken = rng.beta(3, 2, n) * np.clip(1 - 0.015 * lya, 0.4, 1.5)
    others = rng.beta(3, 2, n) * np.clip(0.3 * (mass - 7.3), 0.1, 1) * np.where(kind == "lya", 0.6, 1)
    covering = np.select([kind == "lbg", kind == "passive"], [broken, 0.1], others)
    return {"outflow": outflow, "covering": np.minimum(covering, 0.98)}

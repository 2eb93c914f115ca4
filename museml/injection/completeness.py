"""What part of the objects is found, in bins and as a smooth function."""

from itertools import pairwise

import numpy as np
from astropy.stats import binom_conf_interval, mad_std
from astropy.table import Table
from scipy.optimize import minimize
from scipy.special import expit
from scipy.stats import norm

__all__ = ["completeness_table", "fit_completeness", "limits_table"]

FEWEST = 12  # objects for a fit, with some found and some missed
WIDTH = (0.25, 0.5)  # of the function in ln: what is expected, and by how much in ln it may differ
CEILING = (3.0, 1.5)  # logit of the part found of the brightest: the same
LEVEL = 0.6827  # of the intervals


def completeness_table(objects, bins=8, bands=4):
    """Count what was found in bins of S/N, at all wavelengths and in bands.

    Parameters
    ----------
    objects : `~museml.injection.recovered.Recovered`
        The objects; confused ones do not count.
    bins, bands : int
        Number of bins of S/N, with about equal numbers of objects, and of bands of equal width.

    Returns
    -------
    `~astropy.table.Table`
        One row per band (the first is the whole range) and bin: ``number``, ``recovered``, the completeness with the
        interval that holds 68 % (Jeffreys), medians of the ratio of fluxes, of the fluxes' errors in units of what
        is claimed (``pull``) and of the offset, with scatters; of how many of those recovered the redshift is right
        (``n_right``), and what part they are.
    """
    objects = objects[objects["confused"] == 0]
    edges = np.unique(np.quantile(objects["snr"], np.linspace(0, 1, bins + 1))) if len(objects) else np.zeros(1)
    edges = np.repeat(edges, 2) if len(edges) == 1 else edges  # one object, or all of one S/N
    rows = []
    for low, high in _bands(objects, bands):
        band = _inside(objects, low, high)
        for first, last in pairwise(edges):
            part = band[(band["snr"] >= first) & ((band["snr"] < last) | (last == edges[-1]))]
            if len(part):
                rows.append({"wave_low": low, "wave_high": high, "snr_low": first, "snr_high": last, **_counted(part)})
    return _table(rows)


def limits_table(objects, bands=4):
    """Fit the completeness as a function of S/N and of flux, at all wavelengths and in bands.

    Parameters
    ----------
    objects, bands
        As for `completeness_table`.

    Returns
    -------
    `~astropy.table.Table`
        One row per band: S/N and flux at which half and 90 % are found, the standard error of the former's logarithm,
        the function's width in ln and its ceiling; nan where objects are too few, or where 90 % are never found.
    """
    objects = objects[objects["confused"] == 0]
    rows = []
    for low, high in _bands(objects, bands):
        part, row = _inside(objects, low, high), {"wave_low": low, "wave_high": high}
        row["number"] = len(part)
        for name in ("snr", "flux"):
            fit = fit_completeness(np.array(part[name]), np.array(part["recovered"]))
            row |= {f"{name}_50": fit["half"], f"{name}_90": fit["ninety"], f"ln_{name}_err": fit["half_err"]}
            row |= {f"{name}_width": fit["width"], f"{name}_ceiling": fit["ceiling"]}
        rows.append(row)
    return _table(rows)


def fit_completeness(x, found):
    """Fit completeness = ceiling Phi(ln(x / half) / width) to what was found.

    Parameters
    ----------
    x : array_like
        Brightness, above 0.
    found : array_like of 0 and 1
        Whether each was found.

    Returns
    -------
    dict
        ``half`` (where half of what the ceiling allows is found), ``half_err`` (standard error of its logarithm),
        ``ninety`` (where 90 % are found), ``width``, ``ceiling``; nan where there are too few. The maximum of the
        posterior, with wide priors on width (0.25, within a factor 1.6) and ceiling (0.95).
    """
    x, found = np.log(np.asarray(x, float)), np.asarray(found, bool)
    names = ("half", "half_err", "ninety", "width", "ceiling")
    if len(x) < FEWEST or found.all() or not found.any():
        return dict.fromkeys(names, np.nan)

    def cost(parameters):
        middle, width, top = parameters
        p = np.clip(expit(top) * norm.cdf((x - middle) / np.exp(width)), 1e-9, 1 - 1e-9)
        prior = ((width - np.log(WIDTH[0])) / WIDTH[1]) ** 2 + ((top - CEILING[0]) / CEILING[1]) ** 2
        return -np.sum(np.log(np.where(found, p, 1 - p))) + prior / 2

    result = minimize(cost, [np.median(x), np.log(WIDTH[0]), CEILING[0]])
    middle, width, ceiling = result.x[0], np.exp(result.x[1]), expit(result.x[2])
    ninety = middle + width * norm.ppf(0.9 / ceiling) if ceiling > 0.9 else np.nan
    values = np.exp(middle), np.sqrt(result.hess_inv[0, 0]), np.exp(ninety), width, ceiling
    return dict(zip(names, map(float, values), strict=True))


def _bands(objects, bands):
    """Yield ranges of wavelength in which objects are counted: all, then equal bands; nan if they have none."""
    wave = np.ma.compressed(np.ma.asarray(objects["wave"]))
    if not len(wave):
        yield np.nan, np.nan
        return
    yield wave.min(), wave.max()
    edges = np.linspace(wave.min(), wave.max(), bands + 1)
    yield from pairwise(edges) if bands > 1 else ()


def _inside(objects, low, high):
    if not np.isfinite(low):
        return objects
    wave = np.ma.filled(np.ma.asarray(objects["wave"], float), np.nan)
    return objects[(wave >= low) & (wave <= high)]


def _counted(part):
    """Return number, completeness with its interval, and how good the measurements are."""
    number, found = len(part), int(part["recovered"].sum())
    low, high = binom_conf_interval(found, number, LEVEL, interval="jeffreys")
    row = {"number": number, "recovered": found, "completeness": found / number, "low": low, "high": high}
    row["snr"], row["flux"] = np.median(part["snr"]), np.median(part["flux"])
    ratio, pull = part["found_flux"] / part["flux"], (part["found_flux"] - part["flux"]) / part["found_flux_err"]
    row |= _middle("flux_ratio", ratio) | _middle("pull", pull)
    row["offset"] = _median(part["offset"])
    right = np.ma.compressed(np.ma.asarray(part["right"]))
    return row | {"n_right": int(right.sum()), "right": float(right.mean()) if len(right) else np.nan}


def _middle(name, values):
    known = np.ma.compressed(np.ma.asarray(values))
    return {name: _median(known), f"{name}_scatter": float(mad_std(known)) if len(known) else np.nan}


def _median(values):
    known = np.ma.compressed(np.ma.asarray(values))
    return float(np.median(known)) if len(known) else np.nan


def _table(rows):
    table = Table(rows=rows)
    for name in table.colnames:
        if name.startswith("wave"):
            table[name].unit = "Angstrom"
        elif name in ("flux", "flux_50", "flux_90"):
            table[name].unit = "1e-20 erg / (s cm2)"
        elif name == "offset":
            table[name].unit = "arcsec"
    return table

"""What the columns of other people's catalogues are called, and how they become museml's own names and units."""

import warnings

import numpy as np
from astropy import units as u
from astropy.coordinates import Angle
from astropy.table import Column, MaskedColumn, Table

from museml.catalogs.sphere import filled
from museml.errors import InputError

__all__ = ["NAMES", "UNITS", "with_own_names"]

#: unit of museml's columns
UNITS = {
    "ra": "deg", "dec": "deg", "ra_err": "arcsec", "dec_err": "arcsec", "peak": "Jy / beam", "peak_err": "Jy / beam",
    "flux": "Jy", "flux_err": "Jy", "major": "arcsec", "minor": "arcsec", "pa": "deg", "major_err": "arcsec",
    "minor_err": "arcsec", "pa_err": "deg", "dc_major": "arcsec", "dc_minor": "arcsec", "dc_pa": "deg",
    "rms": "Jy / beam",
}  # fmt: skip
#: museml's name -> names in small letters, the first that is there is taken, and their units if the table tells none:
#: museml; PyBDSF and LoTSS; Aegean; VizieR's LoTSS, FIRST, NVSS, TGSS, SUMSS, GLEAM; SExtractor
NAMES = {
    "ra": {"ra": "deg", "_raj2000": "deg", "raj2000": "deg", "ra_icrs": "deg", "radeg": "deg", "ra_deg": "deg",
           "ra_j2000": "deg", "alpha_j2000": "deg", "_ra": "deg", "ra_cent": "deg"},
    "dec": {"dec": "deg", "_dej2000": "deg", "dej2000": "deg", "de_icrs": "deg", "dedeg": "deg", "dec_deg": "deg",
            "dec_j2000": "deg", "decj2000": "deg", "delta_j2000": "deg", "_de": "deg", "dec_cent": "deg"},
    "ra_err": {"ra_err": "arcsec", "e_ra": "arcsec", "e_raj2000": "arcsec", "err_ra": "deg"},
    "dec_err": {"dec_err": "arcsec", "e_dec": "arcsec", "e_dej2000": "arcsec", "err_dec": "deg"},
    "flux": {"flux": "Jy", "total_flux": "Jy", "int_flux": "Jy", "sint": "mJy", "speaktot": "mJy", "fint": "mJy",
             "stotal": "mJy", "s1.4": "mJy", "st": "mJy", "fintwide": "Jy", "ftot": "mJy"},
    "flux_err": {"flux_err": "Jy", "e_total_flux": "Jy", "err_int_flux": "Jy", "e_sint": "mJy", "e_speaktot": "mJy",
                 "e_stotal": "mJy", "e_s1.4": "mJy", "e_st": "mJy", "e_fintwide": "Jy", "e_ftot": "mJy"},
    "peak": {"peak": "Jy", "peak_flux": "Jy", "speak": "mJy", "fpeak": "mJy", "sp": "mJy", "fpwide": "Jy"},
    "peak_err": {"peak_err": "Jy", "e_peak_flux": "Jy", "err_peak_flux": "Jy", "e_speak": "mJy", "e_fpeak": "mJy",
                 "e_sp": "mJy", "e_fpwide": "Jy"},
    "rms": {"rms": "Jy", "isl_rms": "Jy", "islrms": "mJy", "local_rms": "Jy", "noise": "mJy", "lrmswide": "Jy"},
    "major": {"major": "arcsec", "fmaj": "arcsec", "maj": "arcsec", "a": "arcsec", "awide": "arcsec"},
    "minor": {"minor": "arcsec", "fmin": "arcsec", "min": "arcsec", "b": "arcsec", "bwide": "arcsec"},
    "pa": {"fpa": "deg", "pa": "deg", "pawide": "deg"},
    "major_err": {"major_err": "arcsec", "e_maj": "arcsec", "err_a": "arcsec"},
    "minor_err": {"minor_err": "arcsec", "e_min": "arcsec", "err_b": "arcsec"},
    "pa_err": {"pa_err": "deg", "e_pa": "deg", "err_pa": "deg"},
    "dc_major": {"dc_major": "arcsec", "dc_maj": "arcsec", "dcmaj": "arcsec", "majaxis": "arcsec"},
    "dc_minor": {"dc_minor": "arcsec", "dc_min": "arcsec", "dcmin": "arcsec", "minaxis": "arcsec"},
    "dc_pa": {"dc_pa": "deg", "dcpa": "deg"},
}  # fmt: skip
#: names of columns without a unit; a source is a number
TEXTS = {
    "id": (
        "id",
        "source_name",
        "component_name",
        "name",
        "source_id",
        "nvss",
        "first",
        "tgssadr",
        "sumss",
        "gleam",
        "source",
    ),
    "source": ("source", "source_id"),
}
KINDS = {"id": "iuSUO", "source": "iu"}
OWN = {
    "snr", "score", "n_false", "p_real", "flags", "kind", "wave", "wave_err", "fwhm", "fwhm_err", "x", "y",
}  # fmt: skip
#: units that astropy does not read
_SPELT = {"degrees": "deg", "degree": "deg", "arcsecond": "arcsec", "arcseconds": "arcsec", "jy/beam": "Jy / beam"}


def with_own_names(table, names=None, units=None, only=None):
    """Give a catalogue museml's column names and units.

    Parameters
    ----------
    table : `~astropy.table.Table`
        With the names of museml, of PyBDSF (LoTSS), Aegean, SExtractor, or of VizieR's tables of LoTSS, FIRST, NVSS,
        TGSS, SUMSS or GLEAM; capital letters do not matter. It is not changed.
    names : dict
        museml's name -> name in the table, for tables with other names.
    units : dict
        museml's name -> unit, where the table tells none or a wrong one.
    only : sequence of str
        museml's names of the columns that are wanted; by default all that are known.

    Returns
    -------
    `~astropy.table.Table`
        As many rows in the same order; the columns that are known, and ``snr`` (peak over rms, or flux over its error)
        where there was none. Other columns are left out.

    Raises
    ------
    InputError
        If a column that ``names`` tells is missing, holds no numbers, or has a unit that does not fit.
    """
    names, units, known = names or {}, units or {}, Table(meta=dict(table.meta))
    wanted = {*NAMES, *TEXTS, *OWN} if only is None else set(only)
    for name in (word for word in NAMES if word in wanted):
        source = _find(table, name, names)
        if source is not None:
            unit = units.get(name) or table[source].unit or NAMES[name].get(source.lower(), UNITS[name])
            known[name] = _converted(table[source], name, unit)
            if name == "ra_err" and "dec" in known.colnames and _read_unit(unit, source).is_equivalent(u.s):
                known[name] *= np.cos(np.radians(filled(known["dec"])))
    for name in (word for word in TEXTS if word in wanted):
        source = _find_text(table, name, names)
        if source is not None:
            known[name] = _plain(table[source])
    for name in table.colnames:
        if name.lower() in OWN & wanted and name.lower() not in known.colnames:
            known[name.lower()] = table[name].copy()
    _add_ratio(known)
    return known


def _find(table, name, names):
    """Return the column of a table that has a meaning, or None."""
    if name in names:
        if names[name] not in table.colnames:
            raise InputError(
                f"the column {names[name]!r} is named for {name!r}; the table has {', '.join(table.colnames[:15])}; "
                "name one of them"
            )
        return names[name]
    lower = {column.lower(): column for column in reversed(table.colnames)}
    taken = {other.lower() for other in names.values()}
    return next((lower[word] for word in NAMES[name] if word in lower and word not in taken), None)


def _find_text(table, name, names):
    if name in names:
        return _find(table, name, names)
    lower = {column.lower(): column for column in reversed(table.colnames)}
    if name == "source" and "island" in lower:  # Aegean's source is the number of a component in its island
        return lower["island"]
    fitting = [lower[word] for word in TEXTS[name] if word in lower and table[lower[word]].dtype.kind in KINDS[name]]
    if name == "id" and fitting and fitting[0].lower() == "source" and table[fitting[0]].dtype.kind in "iu":
        return None
    return fitting[0] if fitting else None


def _plain(column):
    """Return a copy of a column of names or numbers; names that are bytes become text."""
    return column.astype(str) if column.dtype.kind in "SO" else column.copy()


def _converted(column, name, unit):
    """Return a column as floats in museml's unit; a flux that is none of radio as it is."""
    if name in ("ra", "dec") and column.dtype.kind in "SUO":
        return Column(_angles(column, name), unit="deg")
    try:
        values = filled(column)
    except (TypeError, ValueError):
        raise InputError(f"the column {column.name!r} must hold numbers, not {column.dtype}; correct it") from None
    factor = _factor(_read_unit(unit, column.name), u.Unit(UNITS[name]), column.name)
    if factor is None:
        return column.copy()
    cls = Column if name in ("ra", "dec") else MaskedColumn
    return cls(values * factor if cls is Column else np.ma.masked_invalid(values * factor), unit=UNITS[name])


def _angles(column, name):
    """Return positions that are written as hours, minutes and seconds, or degrees, minutes and seconds, as degrees."""
    try:
        return Angle(np.asarray(column).astype(str), "hourangle" if name == "ra" else "deg").deg
    except (ValueError, TypeError, u.UnitsError):
        raise InputError(
            f"the column {column.name!r} must hold numbers or sexagesimal angles, not {str(column[0])!r}; correct it"
        ) from None


def _read_unit(unit, name):
    text = str(unit).strip()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", u.UnitsWarning)
        for spelt in (unit, _SPELT.get(text.lower(), text), text.replace("JY", "Jy").replace("BEAM", "beam")):
            try:
                return u.Unit(spelt)
            except (ValueError, TypeError):
                continue
    raise InputError(f"the unit {text!r} of the column {name!r} is not known; give another, such as {name}=mJy")


def _factor(unit, target, name):
    """Return what the values are multiplied with, or None for a flux that is none of radio."""
    if target.is_equivalent(u.Jy / u.beam) and unit.is_equivalent(u.Jy):
        unit = unit / u.beam
    if target == u.Jy and unit.is_equivalent(u.Jy / u.beam):
        unit = unit * u.beam
    if unit == u.dimensionless_unscaled:
        return 1.0
    if target == u.arcsec and unit.is_equivalent(u.s):  # errors of right ascension, as NVSS has them; at the equator
        return 15 * unit.to(u.s)
    if unit.is_equivalent(target):
        return unit.to(target)
    if target in (u.Jy, u.Jy / u.beam):
        return None
    raise InputError(f"the column {name!r} must be in a unit like {target}, not {unit}; give another, such as {target}")


def _add_ratio(table):
    """Add the signal-to-noise ratio."""
    for value, error in (("peak", "rms"), ("flux", "flux_err"), ("peak", "peak_err")):
        if "snr" not in table.colnames and {value, error} <= set(table.colnames):
            with np.errstate(divide="ignore", invalid="ignore"):
                table["snr"] = np.ma.masked_invalid(filled(table[value]) / filled(table[error]))

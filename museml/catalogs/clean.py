"""Lists without what bright sources leave around them, and without what is listed twice."""

import numpy as np
from astropy import units as u
from astropy.table import Column, MaskedColumn, Table

from museml.catalogs.laws import LAW, exclusion_radius
from museml.catalogs.match import check_columns
from museml.catalogs.sphere import filled, finite_positions, sky_pairs
from museml.errors import InputError
from museml.settings import check_number

__all__ = ["REASONS", "clean_catalog", "judge"]

#: why a row goes
REASONS = {
    "near bright": "inside the exclusion radius of a brighter source",
    "duplicate": "almost at the place of a brighter source",
    "no position": "its position is not finite",
}
COLUMNS = {
    "removed": "why the row goes; empty if it stays",
    "removed_by": "id of the source because of which it goes",
    "removed_distance": "distance from it",
}


def clean_catalog(table, *, law=LAW, bright=10.0, faint=10.0, duplicates=2.0, flag=False):
    """Clean a catalogue around its bright sources, and of what is listed twice.

    Parameters
    ----------
    table : `~astropy.table.Table`
        With ``ra`` and ``dec`` in degrees and ``flux`` in its unit, or Jy; it is not changed.
    law, bright, faint, duplicates
        As for `judge`.
    flag : bool
        Keep all rows, and say in the columns ``removed``, ``removed_by`` and ``removed_distance`` which should go, why,
        and because of which source.

    Returns
    -------
    `~astropy.table.Table`
        In the order of the rows; of the same class. ``meta`` tells the settings and how many rows went.

    Raises
    ------
    InputError
        If a column is missing, or the flux has no unit of flux density.
    SettingError
        If a setting cannot be used.
    """
    verdict = judge(table, law=law, bright=bright, faint=faint, duplicates=duplicates)
    goes = verdict["removed"] != ""
    cleaned = table.copy() if flag else table[~goes]
    if flag:
        for column in verdict.itercols():
            cleaned[column.name] = column
    law = law if isinstance(law, str) else getattr(law, "__name__", str(law))
    cleaned.meta["CLEANLAW"], cleaned.meta["N_CLEAN"] = law, int(goes.sum())
    return cleaned


def judge(table, *, law=LAW, bright=10.0, faint=10.0, duplicates=2.0):
    """Say of each row whether it should go, and why.

    The brightest source goes first: each that is still there removes fainter ones around it. So what is removed does
    not depend on the order of the rows, and an artefact removes nothing.

    Parameters
    ----------
    table : `~astropy.table.Table`
        As for `clean_catalog`.
    law : str, callable, (float, float) or None
        Exclusion radius, see `~museml.catalogs.laws.exclusion_radius`; None excludes nothing.
    bright : float
        Sources from this flux on, in mJy, have an exclusion radius.
    faint : float
        Inside it, sources fainter than this, in mJy, go.
    duplicates : float
        Of sources no farther apart than this, in arcsec, only the brightest stays; 0 keeps them.

    Returns
    -------
    `~astropy.table.Table`
        A row per row: ``removed`` (one of `REASONS`, or empty), ``removed_by`` (id), ``removed_distance`` (arcsec).
    """
    check_columns(table, ("ra", "dec") if law is None else ("ra", "dec", "flux"))
    for name, value in (("bright", bright), ("faint", faint), ("duplicates", duplicates)):
        check_number(name, value, 0, example=10.0 if name != "duplicates" else 2.0)
    flux = _millijansky(table) if law is not None else _ranking(table)
    order = np.lexsort((filled(table["dec"]), filled(table["ra"]), -np.nan_to_num(flux, nan=-np.inf)))
    pairs = [_duplicates(table, order, duplicates)]
    if law is not None:
        pairs.append(_near_bright(table, flux, order, law, bright, faint))
    by, distance, reason = _go_through(len(table), order, *(np.concatenate(part) for part in zip(*pairs, strict=True)))
    reason[~finite_positions(table["ra"], table["dec"])] = "no position"
    return _verdict(table, reason, by, distance)


def _millijansky(table):
    try:
        return filled(table["flux"]) * u.Unit(table["flux"].unit or "Jy").to("mJy")
    except u.UnitConversionError:
        raise InputError(
            f"cleaning around bright sources needs fluxes in Jy; the column 'flux' is in {table['flux'].unit}; "
            "convert it, or clean without a law"
        ) from None


def _ranking(table):
    """Return what says which of two rows is the better one, if no flux is needed."""
    known = [name for name in ("flux", "snr", "score") if name in table.colnames]
    return filled(table[known[0]]) if known else np.zeros(len(table))


def _duplicates(table, order, radius):
    """Return pairs of rows that are almost at one place: better, worse, distance, reason."""
    if not radius:
        return _pairs(*(np.zeros(0, int),) * 3, "duplicate")
    rows, others, distance = sky_pairs(table["ra"], table["dec"], table["ra"], table["dec"], radius)
    place = np.argsort(order)
    kept = place[rows] < place[others]
    return _pairs(rows[kept], others[kept], distance[kept], "duplicate")


def _near_bright(table, flux, order, law, bright, faint):
    """Return pairs of a bright row and a faint one inside its radius."""
    radius = np.where(flux >= bright, exclusion_radius(flux, law), 0.0)
    low = np.flatnonzero(flux < faint)
    rows, others, distance = _inside(table, radius, low)
    place = np.argsort(order)
    kept = place[rows] < place[others]
    return _pairs(rows[kept], others[kept], distance[kept], "near bright")


def _inside(table, radius, others):
    """Return pairs of a row and one of the others inside its radius, by classes of radius: a few are wide."""
    ra, dec = filled(table["ra"]), filled(table["dec"])
    size, found = np.frexp(radius)[1], [(np.zeros(0, int), np.zeros(0, int), np.zeros(0))]
    for number in np.unique(size[radius > 0]):
        some = np.flatnonzero((radius > 0) & (size == number))
        rows, near, distance = sky_pairs(ra[some], dec[some], ra[others], dec[others], radius[some].max())
        within = distance <= radius[some[rows]]
        found.append((some[rows[within]], others[near[within]], distance[within]))
    return tuple(np.concatenate(part) for part in zip(*found, strict=True))


def _pairs(better, worse, distance, reason):
    return better, worse, distance.astype(float), np.full(len(better), reason, "U11")


def _go_through(number, order, better, worse, distance, reason):
    """Let each row that is still there, the brightest first, remove its worse neighbours."""
    by, apart, why = np.full(number, -1), np.full(number, np.nan), np.full(number, "", "U11")
    place = np.argsort(order)
    sequence = np.lexsort((place[worse], reason == "near bright", place[better]))
    for pair in sequence:
        row, other = better[pair], worse[pair]
        if not why[row] and not why[other]:
            by[other], apart[other], why[other] = row, distance[pair], reason[pair]
    return by, apart, why


def _verdict(table, reason, by, distance):
    ids = np.asarray(table["id"]).astype(str) if "id" in table.colnames else np.arange(1, len(table) + 1).astype(str)
    names = np.where(by >= 0, ids[by] if len(ids) else "", "")
    columns = [
        Column(reason, "removed", dtype=str),
        Column(names, "removed_by", dtype=str),
        MaskedColumn(np.ma.masked_invalid(distance), "removed_distance", unit=u.arcsec, dtype=float),
    ]
    for column in columns:
        column.description = COLUMNS[column.name]
    return Table(columns)

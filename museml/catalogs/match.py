"""Two lists put side by side: closest first, each row once."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from astropy import units as u
from astropy.table import MaskedColumn, Table

from museml.catalogs.sphere import filled, finite_positions, sky_pairs
from museml.errors import InputError
from museml.settings import check_number

__all__ = ["Matching", "Pairs", "match_catalogs", "match_positions"]


class Pairs(NamedTuple):
    """Rows of two lists that belong together, in the order of the first list."""

    rows: np.ndarray  #: rows of the first list
    others: np.ndarray  #: rows of the second list
    separation: np.ndarray  #: their distances, arcsec


def match_positions(ra, dec, other_ra, other_dec, radius, *, wave=None, other_wave=None, tolerance=None):
    """Match two lists of positions one to one, the closest first.

    Of all pairs within the radius the closest is a match; then the closest of those whose members have no match yet,
    and so on. So the answer does not depend on the order of the rows, and no row is matched twice.

    Parameters
    ----------
    ra, dec, other_ra, other_dec : array_like
        In degrees. Positions that are not finite have no match.
    radius : float
        Greatest distance, in arcsec.
    wave, other_wave : array_like
        Wavelengths, which must agree, too; NaN is a continuum, which matches another continuum only.
    tolerance : float
        Greatest difference of the wavelengths, in their unit. The closest pair is then the one with the least sum
        of the squares of distance over radius and of difference over tolerance.

    Returns
    -------
    Pairs

    Raises
    ------
    SettingError
        If the radius or the tolerance is not above 0.
    """
    check_number("radius", radius, 1e-6, 648000, example=6.0)
    rows, others, separation = sky_pairs(ra, dec, other_ra, other_dec, radius)
    cost = separation
    if tolerance is not None:
        check_number("tolerance", tolerance, 1e-6, example=5.0)
        apart = _apart(filled(wave)[rows], filled(other_wave)[others]) / tolerance
        near = apart <= 1
        rows, others, separation, apart = rows[near], others[near], separation[near], apart[near]
        cost = np.hypot(separation / radius, apart)
    kept = _one_to_one(rows, others, cost)
    return Pairs(rows[kept], others[kept], separation[kept])


@dataclass(frozen=True)
class Matching:
    """Two catalogues and which of their rows belong together.

    Attributes
    ----------
    first, second : `~astropy.table.Table`
        The catalogues.
    rows, others : ndarray of int
        Rows of the first and of the second that are matched, of which at least one is inside.
    separation : ndarray
        Their distances in arcsec.
    inside, others_inside : ndarray of bool
        Which rows of the first and of the second have a position inside the common footprint.
    """

    first: Table
    second: Table
    rows: np.ndarray
    others: np.ndarray
    separation: np.ndarray
    inside: np.ndarray
    others_inside: np.ndarray

    @property
    def counts(self):
        """Rows inside of the first and the second, and how many of each have a match: (n, m, of_n, of_m)."""
        matched = int(self.inside[self.rows].sum()), int(self.others_inside[self.others].sum())
        return int(self.inside.sum()), int(self.others_inside.sum()), *matched

    def joined(self, keep="both"):
        """Return one table of both catalogues.

        Parameters
        ----------
        keep : {'both', 'first', 'all'}
            Only matched rows; all rows of the first that are inside; or those of both.

        Returns
        -------
        `~astropy.table.Table`
            Columns of the first, those of the second (with ``_2`` at the end where the name is taken), and
            ``separation`` in arcsec; what a row lacks is masked.
        """
        rows, others, separation = self.rows, self.others, np.ma.masked_array(self.separation)
        if keep != "both":
            rows, others, separation = _append(rows, others, separation, _left(self.inside, rows), None)
        if keep == "all":
            rows, others, separation = _append(rows, others, separation, None, _left(self.others_inside, others))
        table = Table()
        for part, at in ((self.first, rows), (self.second, others)):
            for name in part.colnames:
                table[_free(name, table.colnames)] = _rows_of(part[name], at)
        table[_free("separation", table.colnames)] = MaskedColumn(
            separation, unit=u.arcsec, description="distance of the two positions"
        )
        return table


def match_catalogs(first, second, radius=6.0, *, footprint=None, tolerance=None):
    """Match two catalogues one to one, the closest first, where both have looked.

    Parameters
    ----------
    first, second : `~astropy.table.Table`
        With ``ra`` and ``dec`` in degrees.
    radius : float
        Greatest distance, in arcsec.
    footprint : footprint of `museml.catalogs.footprint`
        Only rows inside count, and pairs of which at least one is inside; by default everywhere.
    tolerance : float
        Greatest difference of the wavelengths ``wave``, in Angstrom; by default they do not matter.

    Returns
    -------
    Matching

    Raises
    ------
    InputError
        If a catalogue lacks a column.
    """
    for table in (first, second):
        check_columns(table, ("ra", "dec") if tolerance is None else ("ra", "dec", "wave"))
    waves = {} if tolerance is None else {"wave": first["wave"], "other_wave": second["wave"], "tolerance": tolerance}
    pairs = match_positions(first["ra"], first["dec"], second["ra"], second["dec"], radius, **waves)
    inside, others_inside = (inside_footprint(table, footprint) for table in (first, second))
    kept = inside[pairs.rows] | others_inside[pairs.others]
    return Matching(first, second, *(values[kept] for values in pairs), inside, others_inside)


def check_columns(table, names, what="catalogue"):
    """Raise `~museml.errors.InputError` unless a table has these columns."""
    missing = [name for name in names if name not in table.colnames]
    if missing:
        has = ", ".join(table.colnames[:12]) or "none"
        raise InputError(f"a {what} needs the column {missing[0]!r}; this one has {has}; rename or add it")


def inside_footprint(table, footprint=None):
    """Tell which rows of a table have a finite position inside a footprint."""
    ra, dec = filled(table["ra"]), filled(table["dec"])
    inside = finite_positions(ra, dec)
    if footprint is not None and inside.any():
        inside[inside] = footprint.contains(ra[inside], dec[inside])
    return inside


def _apart(wave, other):
    """Return the differences of wavelengths: none between continua, infinite between a line and a continuum."""
    both, one = np.isnan(wave) & np.isnan(other), np.isnan(wave) != np.isnan(other)
    return np.where(both, 0.0, np.where(one, np.inf, np.abs(wave - other)))


def _one_to_one(rows, others, cost):
    """Return which pairs are kept, in the order of the rows; ties go to the rows that come first."""
    kept, used, taken = [], set(), set()
    order = np.lexsort((others, rows, cost))
    for pair, row, other in zip(order.tolist(), rows[order].tolist(), others[order].tolist(), strict=True):
        if row not in used and other not in taken:
            used.add(row)
            taken.add(other)
            kept.append(pair)
    kept = np.array(kept, int)
    return kept[np.argsort(rows[kept])]


def _left(inside, rows):
    left = inside.copy()
    left[rows[rows >= 0]] = False
    return np.flatnonzero(left)


def _append(rows, others, separation, more_rows, more_others):
    """Add rows without a partner, which is -1."""
    count = len(more_others if more_rows is None else more_rows)
    none = np.full(count, -1)
    rows = np.concatenate([rows, none if more_rows is None else more_rows])
    others = np.concatenate([others, none if more_others is None else more_others])
    return rows, others, np.ma.concatenate([separation, np.ma.masked_all(count)])


def _rows_of(column, rows):
    """Return rows of a column, as a copy; those that are -1 are masked."""
    if not np.any(rows < 0):
        return column[rows]
    values = column[np.maximum(rows, 0)] if len(column) else np.zeros((len(rows), *column.shape[1:]), column.dtype)
    masked = MaskedColumn(values, unit=column.unit, description=column.description)
    masked.mask |= (rows < 0).reshape(-1, *[1] * (masked.ndim - 1))
    return masked


def _free(name, taken):
    number, free = 2, name
    while free in taken:
        free, number = f"{name}_{number}", number + 1
    return free

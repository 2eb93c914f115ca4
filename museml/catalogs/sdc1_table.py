"""Tables of the SKA's first Science Data Challenge: its columns, its text files, and museml's tables as such."""

from pathlib import Path

import numpy as np
from astropy.table import Table

from museml.catalogs.match import check_columns
from museml.catalogs.sphere import filled
from museml.errors import InputError

__all__ = ["SDC1_COLUMNS", "read_sdc1", "sdc1_table"]

#: columns of the challenge: what they are
SDC1_COLUMNS = {
    "id": "number of the source",
    "ra_core": "right ascension of the core, deg",
    "dec_core": "declination of the core, deg",
    "ra_cent": "right ascension of the centroid, deg",
    "dec_cent": "declination of the centroid, deg",
    "flux": "integrated flux density, Jy",
    "core_frac": "part of the flux that is in the core",
    "b_maj": "major axis, arcsec",
    "b_min": "minor axis, arcsec",
    "pa": "position angle, degrees clockwise from the direction of right ascension",
    "size": "what the axes are: 1 the largest extent, 2 FWHM of a Gaussian, 3 scale of an exponential",
    "class": "1 steep-spectrum AGN, 2 flat-spectrum AGN, 3 star-forming galaxy",
}
GAUSSIAN, STAR_FORMING = 2, 3


def sdc1_table(table):
    """Return a table with the columns of the challenge.

    Parameters
    ----------
    table : `~astropy.table.Table`
        With the columns of the challenge, which is copied; or with museml's ``ra``, ``dec``, ``flux`` (Jy), and
        ``dc_major``, ``dc_minor`` (arcsec) and ``dc_pa``, or ``major``, ``minor`` and ``pa`` without these. Then sizes
        are those of Gaussians, sources are star-forming galaxies, as almost all are, and have no core, unless columns
        ``size``, ``class`` and ``core_frac`` say something else.

    Raises
    ------
    InputError
        If it is neither.
    """
    if set(SDC1_COLUMNS) <= set(table.colnames):
        return Table({name: np.asarray(table[name]) for name in SDC1_COLUMNS})
    check_columns(table, ("ra", "dec", "flux"))
    start = "dc_" if "dc_major" in table.colnames else ""
    check_columns(table, [f"{start}{name}" for name in ("major", "minor", "pa")])
    ra, dec, major, minor, pa = (
        filled(table[name]) for name in ("ra", "dec", f"{start}major", f"{start}minor", f"{start}pa")
    )
    number = len(table)
    columns = {"id": np.arange(1, number + 1), "ra_core": ra, "dec_core": dec, "ra_cent": ra, "dec_cent": dec}
    columns |= {"flux": filled(table["flux"]), "core_frac": np.zeros(number), "b_maj": major, "b_min": minor}
    columns |= {"pa": (90 - pa) % 180, "size": np.full(number, GAUSSIAN), "class": np.full(number, STAR_FORMING)}
    for name in ("core_frac", "size", "class"):
        if name in table.colnames:
            columns[name] = np.asarray(table[name])
    return Table(columns)


def read_sdc1(path):
    """Read a text file of the challenge: a truth, a training set, or a submission.

    Lines that do not consist of numbers are passed over; columns after the twelfth are left out.

    Raises
    ------
    InputError
        If it cannot be read, or has fewer columns or no rows.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise InputError(f"{str(path)!r} cannot be read: {error}; check the file") from error
    rows = [numbers for line in lines if (numbers := _numbers(line))]
    if not rows or min(map(len, rows)) < len(SDC1_COLUMNS):
        raise InputError(
            f"a table of the challenge needs rows of {len(SDC1_COLUMNS)} numbers; {str(path)!r} has "
            f"{len(rows)} rows of at least {min(map(len, rows), default=0)}; check the file"
        )
    values = np.array([row[: len(SDC1_COLUMNS)] for row in rows])
    table = Table(values, names=list(SDC1_COLUMNS))
    for name in ("id", "size", "class"):
        table[name] = table[name].astype(int)
    for name, text in SDC1_COLUMNS.items():
        table[name].description = text
    return table


def _numbers(line):
    """Return the numbers of a line, separated by blanks or commas; none if there is anything else."""
    try:
        return [float(word) for word in line.replace(",", " ").split()]
    except ValueError:
        return []

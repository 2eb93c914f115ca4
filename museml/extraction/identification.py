"""Names of lines, once the redshift is known."""

import numpy as np
from astropy.table import vstack

from museml.classifiers.feature_fit import BROAD, identify_absorption, identify_broad
from museml.classifiers.line_fit import identify_lines, line_table
from museml.data import prepare
from museml.data.linelist import LINES

__all__ = ["write_lines"]

#: column of LINES that says what museml did with the row, and its values
MARK, ADDED, NAMED = "ML_LINE", 1, 2
#: column of LINES that says whose line it is: 1, or 2 for the second object of a blend; 0 where museml gave no name
OBJECT = "ML_OBJECT"
NEAR = 0.5  # a detection this close to an identified line, in units of its FWHM, is that line
SAME = 1.0  # a line this close to one of the first object, in units of its FWHM, is not the second's


def write_lines(source, z, kind="galaxy", second=None):
    """Name the LINES of an MPDAF Source at a redshift, and add the lines that are missing.

    The column ML_LINE is 2 where museml gave the name and 1 where it added the line, which it measured
    in the spectrum; an older answer is taken back. Absorption lines have negative fluxes. The column ML_OBJECT is 1 for
    lines at the redshift, and 2 for those of a second object in the spectrum, of which only emission lines are named.

    Parameters
    ----------
    source : `~mpdaf.sdetect.Source`
        The source; it is changed.
    z : float
        Redshift (vacuum); None for an object without lines.
    kind : str
        Class of the source: a 'QSO' has broad lines.
    second : float
        Redshift of a second object in the spectrum; None if there is none.
    """
    lines = _without_answer(source.lines)
    if z is not None or second is not None:
        (batch,) = prepare(source, "spectrum")
        found = _identified(batch, z, kind, second)
        lines = found if lines is None or not len(lines) else _combined(lines, found)
    source.lines = lines


def _identified(batch, z, kind, second):
    """Return the lines of both objects; one that may be of either belongs to the first."""
    first = line_table([], batch.unit) if z is None else _of_first(batch, z, kind)
    other = line_table([], batch.unit) if second is None else identify_lines(batch, second)
    if len(first) and len(other):
        distance = np.abs(np.subtract.outer(other["LBDA_OBS"].data, first["LBDA_OBS"].data))
        other = other[~np.any(distance < SAME * first["FWHM_OBS"].data, axis=1)]
    for number, table in enumerate((first, other), 1):
        table[MARK], table[OBJECT] = np.full(len(table), ADDED, "i4"), np.full(len(table), number, "i4")
    return vstack([first, other])


def _combined(lines, found):
    """Return LINES with names, and with the lines that are missing."""
    named = _name(lines, found)
    return vstack([lines, found[~named]], metadata_conflicts="silent")


def _of_first(batch, z, kind):
    """Return the lines in emission and absorption; what is broad in quasars is not measured as narrow."""
    found = identify_lines(batch, z)
    if kind != "QSO":
        absorbed = identify_absorption(batch, z)
        return vstack([found, absorbed[~np.isin(absorbed["LINE"], found["LINE"])]])
    return vstack([identify_broad(batch, z), found[~np.isin(found["LINE"], BROAD)]])


def _without_answer(lines):
    """Return LINES without the rows and names that museml gave before."""
    if lines is None or MARK not in lines.colnames:
        return lines
    lines = lines[lines[MARK] != ADDED]
    lines["LINE"][lines[MARK] == NAMED] = ""
    return lines


def _name(lines, found):
    """Name the lines that have no name and lie close to an identified one; return which of these need not be added."""
    names = np.ma.filled(lines["LINE"], "") if "LINE" in lines.colnames else np.full(len(lines), "")
    names, marks, objects = names.astype("U20"), *np.zeros((2, len(lines)), "i4")
    places = np.ma.filled(lines["LBDA_OBS"].astype(float), np.inf)
    known = (found[OBJECT] == 1) & np.isin(found["LINE"], names)  # the user's names are those of the first object
    for number, row in enumerate(found):
        distance = np.where(names == "", np.abs(places - row["LBDA_OBS"]), np.inf)
        nearest = np.argmin(distance)
        if not known[number] and distance[nearest] < NEAR * row["FWHM_OBS"]:
            names[nearest], marks[nearest], objects[nearest] = row["LINE"], NAMED, row[OBJECT]
            known[number] = True
    lines["LINE"], lines[MARK], lines[OBJECT] = names, marks, objects
    rest = [LINES[name].wave if name in LINES else np.nan for name in names]
    lines["LINE_LBDA"] = np.ma.masked_invalid(rest)
    lines["LINE_LBDA"].unit = "Angstrom"
    return known

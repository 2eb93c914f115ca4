"""Names of lines, once the redshift is known."""

import numpy as np
from astropy.table import vstack

from museml.classifiers.feature_fit import BROAD, identify_absorption, identify_broad
from museml.classifiers.line_fit import identify_lines
from museml.data import prepare
from museml.data.linelist import LINES

__all__ = ["write_lines"]

#: column of LINES that says what museml did with the row, and its values
MARK, ADDED, NAMED = "ML_LINE", 1, 2
NEAR = 0.5  # a detection this close to an identified line, in units of its FWHM, is that line


def write_lines(source, z, kind="galaxy"):
    """Name the LINES of an MPDAF Source at a redshift, and add the lines that are missing.

    The column ML_LINE is 2 where museml gave the name and 1 where it added the line, which it measured
    in the spectrum; an older answer is taken back. Absorption lines have negative fluxes.

    Parameters
    ----------
    source : `~mpdaf.sdetect.Source`
        The source; it is changed.
    z : float
        Redshift (vacuum); None only takes back the older answer.
    kind : str
        Class of the source: a 'QSO' has broad lines.
    """
    lines = _without_answer(source.lines)
    if z is None:
        source.lines = lines
        return
    (batch,) = prepare(source, "spectrum")
    found = _identified(batch, z, kind)
    found[MARK] = np.full(len(found), ADDED, "i4")
    if lines is None or not len(lines):
        source.lines = found
        return
    _name(lines, found)
    missing = found[~np.isin(found["LINE"], np.ma.filled(lines["LINE"], "").astype(str))]
    source.lines = vstack([lines, missing], metadata_conflicts="silent")


def _identified(batch, z, kind):
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
    """Name the lines that have no name and lie close to an identified one."""
    names = np.ma.filled(lines["LINE"], "") if "LINE" in lines.colnames else np.full(len(lines), "")
    names, marks = names.astype("U20"), np.zeros(len(lines), "i4")
    places = np.ma.filled(lines["LBDA_OBS"].astype(float), np.inf)
    for row in found:
        distance = np.where(names == "", np.abs(places - row["LBDA_OBS"]), np.inf)
        nearest = np.argmin(distance)
        if distance[nearest] < NEAR * row["FWHM_OBS"] and row["LINE"] not in names:
            names[nearest], marks[nearest] = row["LINE"], NAMED
    lines["LINE"], lines[MARK] = names, marks
    rest = [LINES[name].wave if name in LINES else np.nan for name in names]
    lines["LINE_LBDA"] = np.ma.masked_invalid(rest)
    lines["LINE_LBDA"].unit = "Angstrom"

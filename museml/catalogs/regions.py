"""Region files of a list, for DS9 and CASA."""

from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord

from museml.errors import InputError, MissingPackageError, SettingError
from museml.output import whole_file

__all__ = ["REGION_SUFFIXES", "load_regions", "to_regions", "write_regions"]

#: suffix of a region file -> its format
REGION_SUFFIXES = {".reg": "ds9", ".crtf": "crtf"}
DIAMETER = 2.0  # arcsec, of what has no size
COLORS = {False: "green", True: "orange"}  # whether it is flagged


def to_regions(table):
    """Return the regions of a list, one for each row.

    Parameters
    ----------
    table : `~astropy.table.Table`
        With ``ra`` and ``dec`` in degrees (ICRS). Where there are ``major``, ``minor`` and ``pa``, the regions are
        ellipses with these axes, else circles of 2 arcsec. ``id`` becomes the label; what has ``flags`` is orange.

    Returns
    -------
    `regions.Regions`

    Raises
    ------
    InputError
        If the table has no positions.
    MissingPackageError
        If the package regions is not installed.
    """
    regions = load_regions()
    if not {"ra", "dec"} <= set(table.colnames):
        raise InputError(f"regions need the columns ra and dec; the table has {', '.join(table.colnames)}; rename them")
    places = SkyCoord(_column(table, "ra"), _column(table, "dec"), unit="deg")
    shapes = np.transpose(
        [_column(table, *default) for default in (("major", DIAMETER), ("minor", DIAMETER), ("pa", 0))]
    )
    texts = table["id"] if "id" in table.colnames else range(1, len(table) + 1)
    flagged = np.asarray(table["flags"]) != 0 if "flags" in table.colnames else np.zeros(len(table), bool)
    return regions.Regions(
        [
            _ellipse(regions, place, shape, {"text": str(text), "label": str(text)}, {"color": COLORS[bool(flag)]})
            for place, shape, text, flag in zip(places, shapes, texts, flagged, strict=True)
        ]
    )


def write_regions(table, path):
    """Write the regions of a list, see `to_regions`, into a file for DS9 (``.reg``) or CASA (``.crtf``).

    Raises
    ------
    SettingError
        If the suffix is neither.
    InputError, MissingPackageError
        See `to_regions`.
    OutputError
        If the file cannot be written.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in REGION_SUFFIXES:
        raise SettingError(
            f"the suffix of a region file must be {' or '.join(REGION_SUFFIXES)}; {str(path)!r} has {suffix!r}; "
            "rename the output"
        )
    listed = to_regions(table)
    with whole_file(path) as part:
        part.write_text(_text(listed, REGION_SUFFIXES[suffix]))


def load_regions():
    """Return the package regions, or raise `~museml.errors.MissingPackageError` if it is not installed."""
    try:
        import regions
    except ImportError as error:
        raise MissingPackageError(
            "region files need the package regions; it is not installed; install museml[images]"
        ) from error
    return regions


def _text(listed, format):
    """Return the content of the file; one without regions keeps its first line."""
    first = {"ds9": "# Region file format: DS9", "crtf": "#CRTFv0"}[format]
    options = {"precision": 8} if format == "ds9" else {"fmt": ".8f", "coordsys": "icrs"}
    return listed.serialize(format=format, **options) if len(listed) else f"{first}\n"


def _column(table, name, default=None):
    """Return the numbers of a column; where there are none, the default."""
    if name not in table.colnames:
        return np.full(len(table), default, float)
    return np.ma.filled(np.ma.asarray(table[name], float), np.nan if default is None else default)


def _ellipse(regions, place, shape, meta, visual):
    """Return an ellipse: its height, that lies along north at an angle of 0, is the major axis."""
    major, minor, pa = shape
    return regions.EllipseSkyRegion(place, minor * u.arcsec, major * u.arcsec, pa * u.deg, meta=meta, visual=visual)

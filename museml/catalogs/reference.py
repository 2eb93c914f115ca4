"""Catalogues of others: from files, and from VizieR and the Virtual Observatory."""

from importlib import import_module
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import Table

from museml.catalogs.column_names import with_own_names
from museml.catalogs.match import check_columns
from museml.data.cube_files import check_size, quiet
from museml.errors import InputError, MissingPackageError, UnknownNameError
from museml.settings import check_number

__all__ = ["REFERENCES", "open_catalog", "query_reference", "read_catalog"]

#: catalogues that can be asked for by name: table of VizieR, and what it is
REFERENCES = {
    "lotss-dr2": ("J/A+A/659/A1/catalog", "LoTSS DR2, 144 MHz, 6 arcsec (Shimwell+ 2022)"),
    "first": ("VIII/92/first14", "FIRST, 1.4 GHz, 5 arcsec (Helfand+ 2015)"),
    "nvss": ("VIII/65/nvss", "NVSS, 1.4 GHz, 45 arcsec (Condon+ 1998)"),
    "tgss": ("J/A+A/598/A78/table3", "TGSS ADR1, 150 MHz, 25 arcsec (Intema+ 2017)"),
    "sumss": ("VIII/81B/sumss212", "SUMSS, 843 MHz, 45 arcsec (Mauch+ 2003)"),
    "gleam": ("VIII/100/gleamegc", "GLEAM, 72-231 MHz, 2 arcmin (Hurley-Walker+ 2017)"),
    "allwise": ("II/328/allwise", "AllWISE, 3.4 to 22 um (Cutri+ 2013)"),
}
#: suffix of a file -> format of astropy
FORMATS = {
    ".fits": "fits", ".fit": "fits", ".vot": "votable", ".xml": "votable", ".votable": "votable",
    ".ecsv": "ascii.ecsv", ".csv": "ascii.csv", ".tsv": "ascii.tab",
}  # fmt: skip


def open_catalog(data, *, names=None, units=None, only=None):
    """Open a catalogue with museml's column names and units.

    Parameters
    ----------
    data : path or `~astropy.table.Table`
        A FITS table, VOTable, ECSV, CSV or TSV, see `read_catalog`.
    names, units, only
        As for `~museml.catalogs.column_names.with_own_names`, which lists the names that are known.

    Returns
    -------
    `~astropy.table.Table`
        A row per row, in the same order.

    Raises
    ------
    InputError
        If it cannot be read, or has no positions.
    """
    table = data if isinstance(data, Table) else read_catalog(data)
    known = with_own_names(table, names, units, only)
    if not {"ra", "dec"} <= set(known.colnames):
        check_columns(table, [name for name in ("ra", "dec") if name not in known.colnames])
    return known


def read_catalog(path):
    """Read a table as it is.

    Parameters
    ----------
    path : path
        .fits (its first table), .vot, .ecsv, .csv or .tsv, each also with .gz after it.

    Returns
    -------
    `~astropy.table.Table`
        ``meta['NAME']`` is the stem of the file.

    Raises
    ------
    InputError
        If it is none of these, damaged, or names a column twice.
    """
    path = Path(path)
    suffix = Path(path.name.removesuffix(".gz")).suffix.lower()
    if suffix not in FORMATS:
        raise InputError(f"a catalogue must be a file {', '.join(FORMATS)}; {str(path)!r} is none; convert it")
    try:
        with quiet():
            if FORMATS[suffix] == "fits":
                _check_fits(path)
            table = Table.read(path, format=FORMATS[suffix])
    except InputError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:200].rstrip(".") or type(error).__name__
        raise InputError(
            f"a catalogue must be a whole table; {str(path)!r} cannot be read: {reason}; check it"
        ) from error
    table.meta["NAME"] = Path(path.name.removesuffix(".gz")).stem
    return table


def query_reference(name, ra, dec, radius):
    """Fetch a part of a catalogue from VizieR or the Virtual Observatory.

    Parameters
    ----------
    name : str
        One of `REFERENCES`, any table of VizieR (with a slash), or the address of a cone search (https://...).
    ra, dec : float
        Centre, in degrees.
    radius : float
        In degrees.

    Returns
    -------
    `~astropy.table.Table`
        With museml's names and units; empty if there is nothing.

    Raises
    ------
    UnknownNameError
        If it is none of these.
    MissingPackageError
        If astroquery is not installed.
    InputError
        If the service does not answer.
    """
    check_number("radius", radius, 1e-6, 180, example=0.5)
    centre = SkyCoord(ra, dec, unit="deg")
    try:
        table = _from_service(name, centre, radius) if "://" in name else _from_vizier(name, centre, radius)
    except (UnknownNameError, MissingPackageError):
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise InputError(
            f"the catalogue {name!r} must be fetched, but the service did not answer: {reason}; try again later, or "
            "give a file"
        ) from error
    if table is None or not len(table):
        return Table({"ra": np.zeros(0), "dec": np.zeros(0)}, units={"ra": "deg", "dec": "deg"}, meta={"NAME": name})
    known = open_catalog(table)
    known.meta = {"NAME": name}
    return known


def _from_vizier(name, centre, radius):
    if name.lower() not in REFERENCES and "/" not in name:
        raise UnknownNameError(
            f"no reference catalogue named {name!r}; known: {', '.join(REFERENCES)}; or give a file, or a table of "
            "VizieR such as VIII/65/nvss"
        )
    address = REFERENCES[name.lower()][0] if name.lower() in REFERENCES else name
    vizier = _astroquery("astroquery.vizier").Vizier(columns=["*", "_RAJ2000", "_DEJ2000"], row_limit=-1)
    tables = vizier.query_region(centre, radius=radius * u.deg, catalog=address)
    return tables[0] if len(tables) else None


def _from_service(address, centre, radius):
    service = _astroquery("pyvo").dal.SCSService(address)
    return service.search(pos=centre, radius=radius * u.deg).to_table()


def _astroquery(module):
    try:
        return import_module(module)
    except ImportError as error:
        raise MissingPackageError(
            "fetching reference catalogues needs astroquery; install it with 'pip install museml[reference]', "
            "or give a file"
        ) from error


def _check_fits(path):
    """Refuse a truncated FITS file, and one that names a column twice."""
    with fits.open(path) as hdus:
        if path.suffix != ".gz":
            check_size(path, path.stat().st_size, hdus)
        first = next((hdu for hdu in hdus if isinstance(hdu, fits.BinTableHDU | fits.TableHDU)), None)
        if first is None:
            raise InputError(
                f"a catalogue must hold a table; {str(path)!r} has none, or is truncated; give another file, or copy "
                "it again"
            )
        names = [name.lower() for name in first.columns.names]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise InputError(f"a catalogue must name each column once; {str(path)!r} has {twice!r} twice; rename one")

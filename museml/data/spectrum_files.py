"""Files that hold spectra: FITS of MPDAF Sources and Spectra, tables, catalogues with Sources beside them."""

import re
import warnings
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

from astropy import units as u
from astropy.io import fits
from astropy.table import Table
from astropy.utils.exceptions import AstropyUserWarning
from mpdaf.obj import Spectrum
from mpdaf.sdetect import Source

from museml.data.spectral import MEDIUM_KEYS, medium_of
from museml.data.spectrum import from_mpdaf, from_source, from_table, stem
from museml.data.spectrum_stacks import stack_in_file
from museml.errors import InputError

__all__ = ["files_in", "is_catalogue", "many_in", "names", "read_spectrum", "source_files"]

ENDINGS = (".fits", ".fit", ".fits.gz", ".ecsv")
#: keyword that all Sources of MPDAF have
SOURCE = "SRC_V"
#: endings of text files that hold tables
TEXT = (".ecsv", ".vot", ".xml", ".csv")


def files_in(folder):
    """Return the files of a folder that may hold a spectrum, by name."""
    return sorted(path for path in folder.iterdir() if path.name.lower().endswith(ENDINGS))


def names(paths):
    """Return the name of each file: its stem, or, where other files have the same, folder and file."""
    paths = list(paths)
    count = Counter(stem(path) for path in {Path(path) for path in paths})
    return {path: stem(path) if count[stem(path)] == 1 else _long_name(Path(path)) for path in paths}


def _long_name(path):
    return f"{path.resolve().parent.name}/{path.name}"


def read_spectrum(path):
    """Read a file with one spectrum: a Source, an MPDAF Spectrum, or a table.

    A table has the columns wave, flux and ivar; or wavelength, flux and uncertainty, as specutils'
    'tabular-fits' has them, and the medium in a header (``MEDIUM = 'air'`` or 'vacuum').

    Raises
    ------
    InputError
        If it holds none, is not whole, or lacks variance, medium or unit.
    """
    path = Path(path)
    if path.name.lower().endswith(".ecsv"):
        return from_table(read_table(path), stem(path))
    with opened(path) as hdus:
        if any(hdu.name.startswith("SPE_") for hdu in hdus):
            return from_source(Source.from_file(str(path), ext=("^SPE_", "^LINES$")), stem(path))
        if any(_is_table(hdu) for hdu in hdus) and ("DATA" not in hdus or _is_table(hdus["DATA"])):
            return from_table(_table(hdus), stem(path))
        _check_header(hdus, path)
        return from_mpdaf(Spectrum(filename=str(path), hdulist=hdus), stem(path))


def read_table(path):
    """Read a table of any format that astropy recognises."""
    _check_exists(path)
    try:
        return Table.read(path)
    except Exception as error:
        raise InputError(f"{str(path)!r} must be a table; it cannot be read: {_one_line(error)}") from error


def is_catalogue(table):
    """Whether a table lists Sources rather than being a spectrum itself."""
    names = {name.upper() for name in table.colnames}
    return "WAVE" not in names and bool(names & {"ID", "FILENAME"})


def many_in(path):
    """Return what a file holds: a table (text, or a catalogue in FITS), a Stack, or None for one spectrum."""
    if path.name.lower().endswith(TEXT):
        return read_table(path)
    with opened(path, whole=False) as hdus:
        if SOURCE in hdus[0].header:
            return None
        stack = stack_in_file(hdus, path)
        return stack if stack or len(hdus) != 2 or not _is_table(hdus[1]) else _catalogue(hdus)


def _catalogue(hdus):
    table = Table.read(hdus, hdu=1)
    return table if is_catalogue(table) else None


def source_files(catalogue, path=None):
    """Return id and file of the Source of each row of a catalogue.

    The file is the one that the column FILENAME names (as `~mpdaf.sdetect.Catalog.from_path` writes it);
    without that column, the FITS file whose name ends in the row's ID, such as ``field-0012.fits``. It is
    looked for in ``catalogue.meta['folder']`` if that is given; for a catalogue read from a file in its
    folder and in the folders ``sources`` and of the catalogue's own name beside it.

    Parameters
    ----------
    catalogue : `~astropy.table.Table`
        The catalogue.
    path : path
        Where it was read from.

    Returns
    -------
    list of (str, `~pathlib.Path` or None)
        None where there is no file.
    """
    files = [file for folder in _folders(catalogue, path) for file in sorted(folder.glob("*.fits*"))]
    if "FILENAME" in catalogue.colnames:
        by_name = {file.name: file for file in reversed(files)}
        return [(stem(str(name)), by_name.get(Path(str(name)).name)) for name in catalogue["FILENAME"]]
    by_number = {_number(file): file for file in reversed(files)}
    return [(str(row_id), by_number.get(int(row_id))) for row_id in catalogue["ID"]]


def _folders(catalogue, path):
    given = {str(key).lower(): value for key, value in catalogue.meta.items()}.get("folder")
    if given:
        return [Path(given)]
    if path is None:
        raise InputError(
            "a Catalog must say where its sources are; its meta has no 'folder'; "
            "set catalog.meta['folder'] to the folder of the Source files"
        )
    beside = Path(path).parent
    return [folder for folder in (beside / "sources", beside / stem(path), beside) if folder.is_dir()]


def _number(file):
    digits = re.search(r"(\d+)$", stem(file))
    return int(digits.group()) if digits else None


@contextmanager
def opened(path, whole=True):
    """Open a FITS file; whatever goes wrong with it becomes an InputError, also, if wanted, that it is not whole."""
    _check_exists(path)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("error", message=".*truncated.*", category=AstropyUserWarning)
            warnings.filterwarnings("ignore", message=".*multiple slashes", category=u.UnitsWarning)
            with fits.open(path) as hdus:
                if whole:
                    hdus.readall()
                yield hdus
    except InputError:
        raise
    except AstropyUserWarning as error:
        raise InputError(f"a FITS file must be whole; {str(path)!r} is truncated; copy it again") from error
    except Exception as error:
        raise InputError(
            f"a spectrum must be a readable FITS file or table; {str(path)!r} is not: {_one_line(error)}"
        ) from error


def _check_exists(path):
    if not Path(path).exists():
        raise InputError(f"a path must exist; {str(path)!r} does not; check the path")


def _check_header(hdus, path):
    """Look for what MPDAF would guess or stumble over."""
    data = "DATA" if "DATA" in hdus else 0
    header = hdus[data].header
    if header.get("NAXIS") != 1:
        raise InputError(
            f"a FITS spectrum must have one axis in DATA; {str(path)!r} has {header.get('NAXIS')}; "
            "for a cube use museml.detect or museml.run"
        )
    if not medium_of(header.get("CTYPE1")):
        raise InputError(
            f"a spectrum must say its medium by CTYPE1 = 'AWAV' (air) or 'WAVE' (vacuum); {str(path)!r} has "
            f"{header.get('CTYPE1')!r}; correct the header"
        )
    if not str(header.get("CUNIT1", "")).strip():
        raise InputError(f"a wavelength axis must have a unit; {str(path)!r} has no CUNIT1; set it to 'Angstrom'")


def _is_table(hdu):
    return isinstance(hdu, fits.BinTableHDU) and not isinstance(hdu, fits.CompImageHDU)


def _table(hdus):
    """Return the first table; what it does not say of its medium the primary header may."""
    table = Table.read(hdus, hdu=next(i for i, hdu in enumerate(hdus) if _is_table(hdu)))
    common = {key: hdus[0].header[key] for key in MEDIUM_KEYS if key in hdus[0].header}
    table.meta = {**common, **table.meta}
    return table


def _one_line(error):
    return f"{type(error).__name__}: {' '.join(str(error).split())}"

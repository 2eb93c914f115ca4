"""Files that appear under their name only when whole, and the formats of tables."""

import errno
import json
import os
import warnings
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile

import numpy as np
from astropy.io import fits, votable
from astropy.io.votable.tree import Info
from astropy.table import MaskedColumn, Table
from astropy.units import UnitsWarning

from museml.errors import InputError, OutputError, SettingError

__all__ = [
    "FORMATS",
    "SUFFIXES",
    "check_target",
    "format_of",
    "make_folder",
    "read_table",
    "remove_parts",
    "whole_file",
    "write_json",
    "write_table",
]

PART = ".museml-part"  # ends the names of files that are not whole yet, and of no others

#: format of a table -> suffix of its file
FORMATS = {"fits": ".fits", "ecsv": ".ecsv", "votable": ".vot"}
#: suffix of a table's file -> its format
SUFFIXES = {suffix: name for name, suffix in FORMATS.items()} | {".fit": "fits", ".xml": "votable"}
_REMEDIES = {
    errno.ENOSPC: "free some space or choose another disk",
    errno.EDQUOT: "free some of your quota or choose another disk",
    errno.EACCES: "choose a folder that you may write to",
    errno.EPERM: "choose a folder that you may write to",
    errno.EROFS: "choose a folder that you may write to",
    errno.ENOENT: "make the folder first",
    errno.ENOTDIR: "a part of the path is a file; choose another path",
}


@contextmanager
def whole_file(path):
    """Give a temporary name beside ``path`` to write to; the file gets its own name when whole.

    Whatever stops the writing, the temporary file is removed and an older file of the name stays.

    Raises
    ------
    OutputError
        If the file cannot be written: a full disk, no permission, ...
    """
    path = Path(path)
    part = path.with_name(f".{path.name}{PART}")
    try:
        yield part
        _flush(part)
        os.replace(part, path)
    except OSError as error:
        raise _refused(path, error) from error
    finally:
        _remove(part)


def check_target(path):
    """Check that a file can be written, before the work that it shall hold.

    Raises
    ------
    OutputError
        If its folder is missing or may not be written to, or if the path is a folder.
    """
    path = Path(path)
    if path.is_dir():
        raise OutputError(f"the output must be a file; {str(path)!r} is a folder; name a file in it")
    try:
        TemporaryFile(dir=path.parent).close()
    except OSError as error:
        raise _refused(path, error) from error


def make_folder(path):
    """Make a folder, and those above it, unless it is there.

    Raises
    ------
    OutputError
        If it cannot be made.
    """
    try:
        Path(path).mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise OutputError(f"the output must be a folder; {str(path)!r} is a file; choose another name") from error
    except OSError as error:
        raise _refused(path, error) from error


def remove_parts(folder):
    """Remove what a killed run left half-written below a folder."""
    for part in Path(folder).rglob(f".*{PART}"):
        _remove(part)


def format_of(path):
    """Return the table format that a file's suffix stands for: 'fits', 'ecsv' or 'votable'.

    Raises
    ------
    SettingError
        If the suffix is not known.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        raise SettingError(
            f"the suffix of a table must be one of {', '.join(SUFFIXES)}; {str(path)!r} has {suffix!r}; "
            "rename the output"
        )
    return SUFFIXES[suffix]


def write_table(table, path, format=None):
    """Write a table with its units, descriptions and UCDs.

    Parameters
    ----------
    table : `~astropy.table.Table`
        Columns' UCDs are taken from ``meta['ucd']``.
    path : path
        The file; one that exists is replaced.
    format : {'fits', 'ecsv', 'votable'}
        By default from the suffix.

    Raises
    ------
    SettingError
        If there is no such format.
    OutputError
        If the file cannot be written.
    """
    format = format or format_of(path)
    if format not in FORMATS:
        raise SettingError(f"format must be one of {', '.join(FORMATS)}, not {format!r}")
    with whole_file(path) as part:
        if format == "fits":
            _fits(table).writeto(part, overwrite=True)
        elif format == "ecsv":
            _plain(table).write(part, format="ascii.ecsv", overwrite=True)
        else:
            _write_votable(_plain(table), part)


def read_table(cls, path):
    """Read a table with fixed columns from a FITS file that `write_table` wrote.

    Parameters
    ----------
    cls : type
        A subclass of `~museml.columns.FixedTable`.
    path : path
        The file.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    try:
        table = Table.read(path, format="fits")
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{str(path)!r} must be a FITS table; it cannot be read: {reason}; remove it") from error
    texts = [name for name in table.colnames if table[name].dtype.kind in "SU"]
    columns = {name: table[name].astype(str) if name in texts else table[name] for name in table.colnames}
    meta = {key: value for key, value in table.meta.items() if key.rstrip("0123456789") not in ("TUCD", "TCOMM")}
    return cls.from_columns(columns, meta).check()


def write_json(values, path):
    """Write a dictionary as JSON.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    with whole_file(path) as part:
        part.write_text(json.dumps(values, indent=2, sort_keys=True, default=str) + "\n")


def _fits(table):
    """Return the HDUs; descriptions and UCDs go into the customary keywords TCOMMn and TUCDn."""
    plain = _plain(table)
    for name in plain.colnames:
        if isinstance(plain[name], MaskedColumn) and not plain[name].mask.any():
            plain[name] = plain[name].filled()  # else a TNULL would claim that values may be missing
    for column in plain.itercols():
        column.description = column.format = None
        column.meta = {}
    hdu = fits.table_to_hdu(plain)
    for number, name in enumerate(table.colnames, 1):
        column = table[name]
        if column.description:
            hdu.header[f"TCOMM{number}"] = column.description
        if column.meta.get("ucd"):
            hdu.header[f"TUCD{number}"] = column.meta["ucd"]
    return fits.HDUList([fits.PrimaryHDU(), hdu])


def _write_votable(table, path):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The unit .* has been deprecated", UnitsWarning)
        document = votable.from_table(table)
        document.resources[0].infos.extend(Info(name=key, value=str(value)) for key, value in table.meta.items())
        document.to_xml(str(path))


def _plain(table):
    """Return a copy as an astropy Table with text columns that no format stumbles over."""
    plain = Table(table, copy=True)
    plain.meta = {str(key): value for key, value in table.meta.items()}
    for name in plain.colnames:
        if plain[name].dtype.kind == "O":
            plain[name] = np.asarray(plain[name].astype(str))
    return plain


def _flush(path):
    """Wait until a file is on the disk, so that a power failure cannot leave an empty one under its final name."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())


def _remove(path):
    try:
        path.unlink(missing_ok=True)
    except OSError:  # the folder is gone or read-only; there is nothing to remove then
        return


def _refused(path, error):
    if isinstance(error, OutputError):
        return error
    reason = error.strerror or " ".join(str(error).split())
    remedy = _REMEDIES.get(_errno(error), "check the disk and its permissions")
    return OutputError(f"{str(path)!r} cannot be written: {reason}; {remedy}")


def _errno(error):
    """Return what the system says, which astropy hides behind an error of its own."""
    if "Not enough space on disk" in str(error):
        return errno.ENOSPC
    while error.errno is None and isinstance(error.__context__, OSError):
        error = error.__context__
    return error.errno

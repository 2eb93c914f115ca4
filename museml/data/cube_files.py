"""FITS files of cubes: unpacked where they are compressed, opened, and checked."""

import gzip
import shutil
import tempfile
import warnings
import weakref
import zlib
from contextlib import contextmanager
from pathlib import Path

from astropy import units as u
from astropy.io import fits
from astropy.wcs import FITSFixedWarning
from mpdaf.obj import Cube

from museml.errors import InputError

__all__ = ["PlainFile", "check_size", "quiet", "read_cube"]

GZIP = b"\x1f\x8b"  # how compressed files begin
PART = 2**20  # bytes unpacked at once


@contextmanager
def quiet():
    """Silence what astropy says of headers that MPDAF reads well."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", u.UnitsWarning)
        warnings.simplefilter("ignore", FITSFixedWarning)
        warnings.filterwarnings("ignore", message="File may have been truncated")
        warnings.simplefilter("ignore", fits.verify.VerifyWarning)
        yield


class PlainFile:
    """A file that can be read at any place: the one given, or, of a compressed one, an unpacked temporary copy.

    Parameters
    ----------
    path : `~pathlib.Path`
        The file.
    what : str
        What errors call its content.

    Attributes
    ----------
    path : `~pathlib.Path`
        What to read. A temporary copy is gone with this object.
    """

    def __init__(self, path, what="a cube"):
        if not path.is_file():
            raise InputError(f"{what} must be an existing file; there is none at {str(path)!r}; check the path")
        with open(path, "rb") as file:
            compressed = file.read(2) == GZIP
        self.path = _unpacked(path) if compressed else path
        if compressed:
            weakref.finalize(self, self.path.unlink, missing_ok=True)


def _unpacked(path):
    """Return the path of a temporary file with the content."""
    number, name = tempfile.mkstemp(prefix="museml-", suffix=".fits")
    copy = Path(name)
    try:
        with gzip.open(path) as file, open(number, "wb") as unpacked:
            shutil.copyfileobj(file, unpacked, PART)
    except (EOFError, OSError, zlib.error) as error:
        copy.unlink()
        raise _not_unpacked(path, error) from error
    return copy


def _not_unpacked(path, error):
    if isinstance(error, EOFError):
        return InputError(
            f"a FITS file must be whole; {str(path)!r} is truncated: it has {path.stat().st_size} bytes and ends "
            "within its compressed data; copy it again"
        )
    return InputError(
        f"a compressed file must be unpacked to be read; {str(path)!r} cannot be: {error}; "
        "unpack it yourself, or set TMPDIR to a folder with more room"
    )


def read_cube(path, plain):
    """Return the MPDAF Cube of a file; only its headers are read.

    Parameters
    ----------
    path : `~pathlib.Path`
        The file, as its user knows it.
    plain : PlainFile
        The same file.

    Raises
    ------
    InputError
        If it is not a FITS file with a cube, or is not whole.
    """
    try:
        with quiet(), fits.open(plain.path) as hdus:
            check_size(path, plain.path.stat().st_size, hdus)
            _check_header(path, hdus)
            cube = Cube(str(path), hdulist=hdus)
            _check_shapes(path, cube, hdus)
            return cube
    except InputError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split()).partition(" If this is really")[0].rstrip(".")
        raise InputError(
            f"a cube must be a FITS file with a three-dimensional DATA extension; {str(path)!r} is not: {reason}; "
            "check the file and its header"
        ) from error


def check_size(path, size, hdus):
    """Refuse a file that ends before its headers say so; reading it would fail halfway."""
    end = max(hdu.fileinfo()["datLoc"] + hdu.fileinfo()["datSpan"] for hdu in hdus)
    if size < end:
        raise InputError(
            f"a FITS file must be whole; {str(path)!r} is truncated: it has {size} bytes of {end}; copy it again"
        )


def _check_header(path, hdus):
    """Refuse headers that MPDAF stumbles over."""
    header = next((hdu.header for hdu in hdus if hdu.name in ("DATA", "SCI")), hdus[0].header)
    if header.get("NAXIS") != 3:
        return
    if not str(header.get("CUNIT3", "")).strip():
        raise InputError(f"a wavelength axis must have a unit; {str(path)!r} has no CUNIT3; set it to 'Angstrom'")
    axes = [str(header.get(f"CTYPE{axis}", "")) for axis in (1, 2)]
    if not all(axes):
        raise InputError(
            f"a cube must have celestial coordinates; {str(path)!r} has CTYPE1 {axes[0]!r} and CTYPE2 {axes[1]!r}; "
            "set them, for example to 'RA---TAN' and 'DEC--TAN'"
        )


def _check_shapes(path, cube, hdus):
    """Refuse variances and masks of another shape than the data."""
    for extension in filter(None, (cube._var_ext, cube._dq_ext)):
        if hdus[extension].shape != cube.shape:
            raise InputError(
                f"all extensions of a cube must have one shape; {str(path)!r} has {cube.shape} in DATA and "
                f"{hdus[extension].shape} in {extension}; take the two from one cube"
            )

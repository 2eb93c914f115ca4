"""Exposure maps: how many exposures went into each place of a cube."""

from pathlib import Path

import numpy as np
from astropy.io import fits

from museml.data.cube_files import PlainFile, quiet
from museml.errors import InputError

__all__ = ["exposure_map", "find_exposures"]

EXTENSIONS = ("EXP", "EXPMAP", "NEXP")
ENDINGS = ("_EXPMAP", "_expmap", "_EXP", "_exp")
PLANES = 64  # of a map with wavelengths, so many are looked at


def find_exposures(plain, path):
    """Return the file that holds a cube's exposure map: its own, or one beside it; None if there is none.

    Parameters
    ----------
    plain, path : `~pathlib.Path`
        The cube's content, unpacked, and the file as its user knows it. The file beside it has the same name with
        ``_EXPMAP`` or ``_EXP``, or the same in small letters, before its ending.
    """
    with quiet(), fits.open(plain) as hdus:
        if any(hdu.name in EXTENSIONS for hdu in hdus):
            return plain
    stem, dot, ending = path.name.partition(".fits")
    beside = (path.with_name(stem + mark + dot + ending) for mark in ENDINGS)
    return next((other for other in beside if other.is_file()), None)


def exposure_map(path, shape):
    """Return the number of exposures of each spaxel: the median over wavelength.

    Parameters
    ----------
    path : `~pathlib.Path`
        A FITS file with an extension EXP, EXPMAP or NEXP, or else an image in its first extension that holds one.
    shape : tuple
        (wavelengths, y, x) of the cube.

    Returns
    -------
    ndarray, shape (y, x)
        0 where there are no data.

    Raises
    ------
    InputError
        If it has another shape.
    """
    plain = PlainFile(Path(path))
    with quiet(), fits.open(plain.path) as hdus:
        named = [hdu for hdu in hdus if hdu.name in EXTENSIONS] or [hdu for hdu in hdus if len(hdu.shape) > 1]
        found = named[0].shape if named else ()
        if found not in (shape, shape[1:]):
            raise InputError(
                f"an exposure map must have the shape of its cube, {shape} or {shape[1:]}; that in {str(path)!r} has "
                f"{found}; take the map that belongs to the cube"
            )
        step = max(1, shape[0] // PLANES)
        values = named[0].section[::step] if len(found) == 3 else named[0].data[None]
    return np.median(np.nan_to_num(values.astype(np.float32)), axis=0)

"""What an image is read from: FITS files, HDUs, MPDAF Images and NDData."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.io import fits
from astropy.nddata import NDData
from astropy.wcs import WCS
from astropy.wcs.utils import wcs_to_celestial_frame
from mpdaf.obj import Image

from museml.data.cube_files import PlainFile, check_size, quiet
from museml.data.pixels import ArrayPixels, FilePixels
from museml.errors import InputError

__all__ = ["Stored", "image_name", "read_stored"]

ENDINGS = (".gz", ".fz", ".fits", ".fit")


@dataclass(frozen=True)
class Stored:
    """An image as it is stored, nothing of it checked but its axes.

    Attributes
    ----------
    name : str
        For messages and outputs.
    pixels : callable
        ``pixels(rows, columns)``, with the attribute ``shape``; see `museml.data.pixels`.
    wcs : `~astropy.wcs.WCS`
        Of the image's two axes.
    header : mapping
        FITS keywords.
    unit : str, `~astropy.units.Unit` or None
        Of the pixels.
    path : `~pathlib.Path` or None
        The file.
    """

    name: str
    pixels: object
    wcs: WCS
    header: object
    unit: object
    path: Path = None


def image_name(path):
    """Return the name of an image: its file's, without ``.fits``, ``.gz`` and ``.fz``."""
    name = Path(path).name
    for ending in ENDINGS:
        name = name.removesuffix(ending)
    return name


def read_stored(data):
    """Return the `Stored` image of a path, a FITS HDU or HDUList, an MPDAF Image, or an NDData.

    Raises
    ------
    InputError
        If it is none of these, cannot be read, or has not two axes.
    """
    reader = next((reader for types, reader in READERS.items() if isinstance(data, types)), None)
    if reader is None:
        raise InputError(
            "an image must be a path, a FITS HDU, an MPDAF Image or an NDData with a WCS, "
            f"not {type(data).__name__}; put an array into astropy.nddata.CCDData"
        )
    try:
        with quiet():
            return reader(data)
    except InputError:
        raise
    except Exception as error:
        what = repr(str(data)) if isinstance(data, (str, os.PathLike)) else f"this {type(data).__name__}"
        reason = " ".join(str(error).split()).partition(" If this is really")[0].rstrip(".")
        raise InputError(f"an image must be a FITS file or the like; {what} is not: {reason}; check it") from error


def _from_file(path):
    path = Path(path)
    if path.is_dir():
        raise InputError(f"an image must be a FITS file; {str(path)!r} is a folder; write it with CASA's exportfits")
    plain, name = PlainFile(path, "an image"), image_name(path)
    with fits.open(plain.path) as hdus:
        check_size(path, plain.path.stat().st_size, hdus)
        number, hdu = _first_image(hdus, path)
        axes = _image_axes(hdu.shape, name)
        wcs = _image_wcs(WCS(hdu.header, fobj=hdus), hdu.shape, axes, name)
        pixels = FilePixels(plain, number, hdu, axes)
        return Stored(name, pixels, wcs, hdu.header.copy(), hdu.header.get("BUNIT"), path)


def _from_hdu(data):
    hdu = _first_image(data, "HDUList")[1] if isinstance(data, fits.HDUList) else data
    name = _object_name(hdu.header)
    if hdu.data is None:
        raise InputError(f"an image must have data; the HDU {hdu.name!r} has none; give the extension that holds them")
    return _from_array(name, hdu.data, None, WCS(hdu.header), hdu.header, hdu.header.get("BUNIT"))


def _from_mpdaf(image):
    """MPDAF masks what is NaN; a unit that it does not understand it makes dimensionless, and drops its BUNIT."""
    header = image.primary_header.copy()
    header.update(image.data_header)
    unit = _unit_in_file(image) if image.unit == u.dimensionless_unscaled else image.unit
    name = image_name(image.filename) if image.filename else _object_name(header)
    wcs = image.wcs.wcs if image.wcs is not None else WCS(naxis=2)
    return _from_array(name, np.ma.getdata(image.data), np.ma.getmaskarray(image.data), wcs, header, unit)


def _unit_in_file(image):
    if not image.filename or not Path(image.filename).is_file():
        return None
    with fits.open(image.filename) as hdus:
        return _first_image(hdus, image.filename)[1].header.get("BUNIT")


def _from_nddata(data):
    header = data.meta or {}
    wcs = getattr(data.wcs, "low_level_wcs", data.wcs)
    name = _object_name(header)
    if not isinstance(wcs, WCS):
        raise _no_sky(name, "no FITS WCS")
    mask = None if data.mask is None else np.broadcast_to(np.asarray(data.mask, bool), data.data.shape)
    return _from_array(name, np.asarray(data.data), mask, wcs, header, data.unit or header.get("BUNIT"))


def _from_array(name, values, mask, wcs, header, unit):
    axes = _image_axes(values.shape, name)
    flat = tuple(values.shape[axis] for axis in axes)
    pixels = ArrayPixels(values.reshape(flat), None if mask is None else mask.reshape(flat))
    return Stored(name, pixels, _image_wcs(wcs, values.shape, axes, name), header, unit)


def _object_name(header):
    return str(header.get("OBJECT") or "").strip() or "image"


def _first_image(hdus, path):
    for number, hdu in enumerate(hdus):
        if hdu.is_image and hdu.header.get("NAXIS", 0) >= 2:
            return number, hdu
    raise InputError(f"an image must be in a FITS extension with two axes; {str(path)!r} has none; check the file")


def _image_axes(shape, name):
    """Return the two axes with more than one pixel."""
    axes = tuple(axis for axis, length in enumerate(shape) if length > 1)
    if len(axes) > 2:
        raise InputError(
            f"an image must have two axes; {name!r} has the shape {tuple(shape)}; take one plane of it, for example "
            "with hdu.data[0], or use a detector of cubes"
        )
    if len(axes) < 2:
        raise InputError(f"an image must have at least 2 x 2 pixels; {name!r} has the shape {tuple(shape)}")
    return axes


def _image_wcs(wcs, shape, axes, name):
    """Return the coordinates of the two axes, or refuse others than those on the sky."""
    numbers = [len(shape) - axis for axis in sorted(axes, reverse=True)]
    try:
        flat = wcs.sub(numbers)
        wcs_to_celestial_frame(flat)
    except Exception as error:
        raise _no_sky(name, f"CTYPE {list(wcs.wcs.ctype)} and RADESYS {wcs.wcs.radesys!r}") from error
    return flat


def _no_sky(name, seen):
    return InputError(
        f"an image must have celestial coordinates; {name!r} has {seen}; set CTYPE1 and CTYPE2, for example to "
        "'RA---SIN' and 'DEC--SIN', and the rest"
    )


#: what an image may be -> function that reads it
READERS = {
    (fits.HDUList, fits.PrimaryHDU, fits.ImageHDU, fits.CompImageHDU): _from_hdu,
    (Image,): _from_mpdaf,
    (NDData,): _from_nddata,
    (str, os.PathLike): _from_file,
}

"""What kind of data something is, told by the number of its axes."""

import os

from astropy.io import fits

from museml.data.cube_files import quiet

__all__ = ["kind_of"]

KINDS = {0: "image", 1: "cube"}  # by the number of axes longer than 1 before the last two, which are those of the sky


def kind_of(data):
    """Tell whether data are an image or a cube, so that a detector can be chosen for them.

    Parameters
    ----------
    data : object
        A path to a FITS file, a FITS HDU or list of HDUs, an MPDAF Image or Cube, NDData, or opened data.

    Returns
    -------
    str or None
        'image' or 'cube'; axes of length 1 before those of the sky do not count. None where it is neither or cannot be
        told: whoever opens the data says what is wrong.
    """
    shape = _shape_in_file(data) if isinstance(data, str | os.PathLike) else _shape(data)
    return KINDS.get(sum(length > 1 for length in shape[:-2])) if len(shape) > 1 else None


def _shape_in_file(path):
    try:
        with quiet(), fits.open(path) as hdus:
            return _first_shape(hdus)
    except (OSError, ValueError, TypeError, LookupError):
        return ()


def _shape(data):
    if isinstance(data, fits.HDUList):
        return _first_shape(data)
    shape = getattr(data, "shape", None)
    if not isinstance(shape, tuple):
        shape = getattr(getattr(data, "data", None), "shape", ())
    return shape


def _first_shape(hdus):
    """Return the shape of the first HDU with an image of at least two axes."""
    shapes = (hdu.shape for hdu in hdus if hdu.is_image)
    return next((shape for shape in shapes if len(shape) > 1), ())

"""What kind of data something is, told by the number of its axes."""

import os

from astropy.io import fits

from museml.data.cube_files import quiet

__all__ = ["kind_of"]

KIND_OF_AXES = {2: "image", 3: "cube"}


def kind_of(data):
    """Tell whether data are an image or a cube, so that a detector can be chosen for them.

    Parameters
    ----------
    data : object
        A path to a FITS file, a FITS HDU or list of HDUs, an MPDAF Image or Cube, NDData, or opened data.

    Returns
    -------
    str or None
        'image' for two axes longer than 1, 'cube' for three; None where that cannot be told: whoever opens the data
        says what is wrong.
    """
    shape = _shape_in_file(data) if isinstance(data, str | os.PathLike) else _shape(data)
    return KIND_OF_AXES.get(sum(length > 1 for length in shape))


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

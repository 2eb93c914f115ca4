"""Pixels of an image as they are stored: in a FITS file, in an array, or in a window of another image."""

import numpy as np
from astropy.io import fits

from museml.data.cube_files import quiet

__all__ = ["ArrayPixels", "FilePixels", "WindowPixels"]


class FilePixels:
    """Pixels of a FITS file, read when they are asked for; nothing is kept in memory.

    Parameters
    ----------
    plain : `~museml.data.cube_files.PlainFile`
        The file.
    number : int
        Number of the extension.
    hdu : FITS image HDU
        The extension, of an open file; it is not kept.
    axes : tuple of int
        Which two axes are those of the image; the others have one pixel.
    """

    def __init__(self, plain, number, hdu, axes):
        self._plain, self._number = plain, number
        self._axes, self._dimensions = axes, len(hdu.shape)
        self.shape = tuple(hdu.shape[axis] for axis in axes)
        self._dtype = np.dtype(f">f{-hdu.header['BITPIX'] // 8}") if _is_plain(hdu) else None
        self._offset = hdu.fileinfo()["datLoc"] if self._dtype else None

    def __call__(self, rows, columns):
        """Return the numbers of a window, in the file's own byte order."""
        if self._dtype is not None:
            return np.memmap(self._plain.path, self._dtype, "r", self._offset, self.shape)[rows, columns]
        window = [0] * self._dimensions
        window[self._axes[0]], window[self._axes[1]] = rows, columns
        with quiet(), fits.open(self._plain.path) as hdus:
            return hdus[self._number].section[tuple(window)]


class ArrayPixels:
    """Pixels of an array in memory, called like `FilePixels`.

    Parameters
    ----------
    values : ndarray, shape (ny, nx)
        They are not changed.
    mask : ndarray of bool, same shape, or None
        What is not to be used.
    """

    def __init__(self, values, mask=None):
        self._values, self._mask, self.shape = values, mask, values.shape

    def __call__(self, rows, columns):
        """Return the numbers of a window; masked ones are NaN."""
        values = self._values[rows, columns]
        if self._mask is None:
            return values
        return np.where(self._mask[rows, columns], np.nan, values)


class WindowPixels:
    """Pixels in a window of other pixels, called like `FilePixels`."""

    def __init__(self, pixels, rows, columns):
        self._pixels = pixels
        self._ranges = tuple(
            range(length)[window] for length, window in zip(pixels.shape, (rows, columns), strict=True)
        )
        self.shape = tuple(map(len, self._ranges))

    def __call__(self, rows, columns):
        """Return the numbers of a window in the window."""
        inner = (part[window] for part, window in zip(self._ranges, (rows, columns), strict=True))
        return self._pixels(*(slice(part.start, part.stop, part.step) for part in inner))


def _is_plain(hdu):
    """Tell whether the numbers are floating-point ones that are stored as they are."""
    header = hdu.header
    scaled = header.get("BSCALE", 1) != 1 or header.get("BZERO", 0) != 0
    return not isinstance(hdu, fits.CompImageHDU) and header["BITPIX"] < 0 and not scaled

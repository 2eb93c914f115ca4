"""Wavelength planes of a cube as they are stored: in a FITS file or in an MPDAF Cube."""

import numpy as np
from astropy.io import fits

from museml.data.cube_files import quiet

__all__ = ["CubePlanes", "FilePlanes", "clean"]

WHOLE = slice(None)
TOGETHER = 2**17  # voxels that are worked on at once: they stay in the processor's cache
#: bits of MUSE's pixel table that leave a voxel usable: telluric absorption, corrected or not, and marks of objects;
#: all others are bad (Weilbacher et al. 2020, A&A 641, A28, table 1)
USABLE = np.uint32(1 << 0 | 1 << 1 | 1 << 25)


class FilePlanes:
    """Planes of a FITS file, read when they are asked for; nothing is kept in memory.

    Parameters
    ----------
    path : `~pathlib.Path`
        The file, not compressed as a whole.
    data, variance, quality : str or int
        Names or numbers of the extensions; ``quality`` may be None.
    """

    def __init__(self, path, data, variance, quality=None):
        self._path = path
        with quiet(), fits.open(path) as hdus:
            self._parts = [_part(hdus[name], name) for name in (data, variance)]
            self._quality = None if quality is None else _part(hdus[quality], quality)

    def __call__(self, planes, rows=WHOLE, columns=WHOLE):
        """Return data, variance and, or None, which voxels are masked; in the file's own byte order."""
        window = planes, rows, columns
        data, variance = (self._read(part, window) for part in self._parts)
        return data, variance, None if self._quality is None else is_bad(self._read(self._quality, window))

    def _read(self, part, window):
        name, dtype, offset, shape = part
        if dtype is not None:
            return np.memmap(self._path, dtype, "r", offset, shape)[window]
        with quiet(), fits.open(self._path) as hdus:
            return hdus[name].section[window]


class CubePlanes:
    """Planes of an MPDAF Cube in memory, called like `FilePlanes`."""

    def __init__(self, cube):
        self._cube = cube

    def __call__(self, planes, rows=WHOLE, columns=WHOLE):
        """Return data, variance and which voxels are masked; they are views."""
        data, window = self._cube.data, (planes, rows, columns)
        masked = None if data.mask is np.ma.nomask else data.mask[window]
        return data.data[window], self._cube.var.data[window], masked


def clean(data, variance, masked, scale=1.0):
    """Return float32 copies of data and variance in which all that is not usable is NaN.

    Parameters
    ----------
    data, variance : ndarray, shape (planes, y, x)
        Of any type and byte order; they are not changed.
    masked : ndarray of bool or None, same shape
        What is not to be used; so is what is not finite or has no positive variance.
    scale : float
        Factor of the data; its square is that of the variance.
    """
    copies = np.empty(data.shape, np.float32), np.empty(data.shape, np.float32)
    step = max(1, TOGETHER // max(1, data[0].size if len(data) else 1))
    for start in range(0, len(data), step):
        part = slice(start, start + step)
        ours = [copy[part] for copy in copies]
        for copy, values, factor in zip(ours, (data, variance), (scale, scale**2), strict=True):
            if factor == 1:
                np.copyto(copy, values[part], casting="same_kind")
            else:  # in double precision: variances in erg/s squared are too small for less
                np.multiply(values[part], np.float64(factor), out=copy, casting="same_kind")
        _blank(*ours, None if masked is None else masked[part])
    return copies


def _blank(data, variance, masked):
    """Set to NaN what is not usable."""
    good = np.isfinite(data)
    good &= variance > 0
    good &= variance < np.inf
    if masked is not None:
        good &= ~masked
    if not good.all():
        data[~good] = variance[~good] = np.nan


def is_bad(quality):
    """Tell which voxels a DQ extension marks as bad.

    Parameters
    ----------
    quality : ndarray of int
        MUSE's flags, of 32 bits; or, of 8 or 16 bits, a mask as MPDAF writes it: 0 is good, all else is bad.
    """
    if quality.dtype.itemsize < 4:
        return quality != 0
    return (quality.astype(np.int64) & np.int64(~USABLE)) != 0


def _part(hdu, name):
    """Return name, dtype, offset and shape of an extension's numbers; no dtype where they are not stored plainly."""
    plain = not isinstance(hdu, fits.CompImageHDU) and hdu.header.get("BSCALE", 1) == 1 and not hdu.header.get("BZERO")
    dtype = np.dtype(f">{'f' if hdu.header['BITPIX'] < 0 else 'i'}{abs(hdu.header['BITPIX']) // 8}")
    return name, dtype if plain else None, hdu.fileinfo()["datLoc"], hdu.shape

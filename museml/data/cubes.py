"""Data cubes: from a file or an MPDAF Cube to blocks of wavelength planes."""

import gzip
import hashlib
import os
import warnings
from contextlib import suppress
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.io import fits
from astropy.wcs import FITSFixedWarning
from mpdaf.obj import Cube

from museml.data.psf import read_psf
from museml.data.spectral import medium_of
from museml.errors import InputError, MusemlWarning

__all__ = ["FLUX_DENSITY", "CubeData", "cube_name", "open_cube"]

#: unit of all data inside museml
FLUX_DENSITY = u.Unit("1e-20 erg / (s cm2 Angstrom)")
CHUNK = 64  # wavelength planes read at once where all are needed in turn
PART = 2**18  # bytes of a compressed file read at once


def open_cube(data):
    """Open a cube and make sure that it can be used.

    Parameters
    ----------
    data : CubeData, `~mpdaf.obj.Cube`, or path
        The cube, with variances, a celestial WCS and a wavelength axis of known unit and medium.

    Returns
    -------
    CubeData

    Raises
    ------
    InputError
        If it is not a FITS cube or lacks any of these, or holds no valid voxel.
    """
    if isinstance(data, CubeData):
        return data
    if isinstance(data, Cube):
        return CubeData(data)
    if isinstance(data, (str, os.PathLike)):
        path = Path(data)
        return CubeData(_read(path), path)
    raise InputError(f"a cube must be an MPDAF Cube or a path to one, not {type(data).__name__}")


def cube_name(path):
    """Return the name of a cube: its file's, without ``.fits`` and ``.gz``."""
    return Path(path).name.removesuffix(".gz").removesuffix(".fits")


class CubeData:
    """A cube that hands out blocks of wavelength planes, so that memory stays bounded.

    Attributes
    ----------
    name : str
        Stem of the file, or 'cube'.
    path : `~pathlib.Path` or None
        The file, when blocks are read from one.
    shape : tuple
        (wavelengths, y, x).
    wave : ndarray, shape (wavelengths,)
        Wavelengths in Angstrom, in the cube's own medium.
    medium : str
        'air' or 'vacuum'.
    unit : `~astropy.units.Unit`
        Unit of the blocks: 1e-20 erg / (s cm2 Angstrom).
    wcs : `~mpdaf.obj.WCS`
        Celestial coordinates.
    pixel_scale : float
        Pixel size in arcsec.
    psf : `~museml.data.psf.PSF` or None
        None when the header does not tell it.
    """

    unit = FLUX_DENSITY

    def __init__(self, cube, path=None):
        self._cube = cube
        self.path = path
        self.name = cube_name(path or cube.filename or "cube")
        self.shape = cube.shape
        self._check_shape()
        self.medium, self.wave = _wavelengths(cube, self.name)
        self._scale = _scale(cube, self.name)
        self.wcs, self.pixel_scale = _sky(cube, self.name)
        self.psf = read_psf(cube.primary_header, self.pixel_scale)
        self._check_variance()
        self._check_values()

    def block(self, start, stop):
        """Return data and variance of the wavelength planes ``start`` to ``stop``.

        Returns
        -------
        data, var : ndarray, shape (stop - start, y, x), float32
            In ``unit`` and its square; NaN in both where a voxel is masked, not finite, or has no
            positive variance.
        """
        data, var, masked = self._read(slice(start, stop))
        with np.errstate(invalid="ignore"):
            bad = masked | ~np.isfinite(data) | ~(var > 0) | ~np.isfinite(var)
        data, var = data.astype(np.float32), var.astype(np.float32)
        data *= np.float32(self._scale)
        var *= np.float32(self._scale**2)
        data[bad] = var[bad] = np.nan
        return data, var

    def pixel_to_sky(self, x, y):
        """Return right ascension and declination (ICRS, deg) of pixel positions counted from 0."""
        sky = self.wcs.wcs.pixel_to_world(np.asarray(x, float), np.asarray(y, float)).icrs
        return sky.ra.deg, sky.dec.deg

    def sky_to_pixel(self, ra, dec):
        """Return x and y, counted from 0, of positions (ICRS, deg)."""
        from astropy.coordinates import SkyCoord

        return self.wcs.wcs.world_to_pixel(SkyCoord(ra, dec, unit="deg"))

    def to_mpdaf(self):
        """Return the `~mpdaf.obj.Cube`."""
        return self._cube

    def sha256(self):
        """Return the SHA-256 of the file; without one that of data, variance, wavelengths, coordinates and PSF."""
        digest = hashlib.sha256()
        if self.path:
            with open(self.path, "rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        frame = (self.medium, self.wave.tolist(), self.wcs.to_header().tostring(), self.psf)
        digest.update(repr(frame).encode())
        for start in range(0, self.shape[0], CHUNK):
            for values in self.block(start, min(start + CHUNK, self.shape[0])):
                digest.update(np.ascontiguousarray(values).data)
        return digest.hexdigest()

    def _read(self, planes):
        if not self.path:
            cube = self._cube
            masked = np.ma.getmaskarray(cube.data)[planes]
            return cube.data.data[planes], cube.var.data[planes], masked
        with _quiet(), fits.open(self.path) as hdus:
            data = hdus[self._cube._data_ext].section[planes]
            var = hdus[self._cube._var_ext].section[planes]
            masked = hdus[self._cube._dq_ext].section[planes] > 0 if self._cube._dq_ext else np.zeros(data.shape, bool)
        return data, var, masked

    def _check_shape(self):
        if len(self.shape) != 3 or min(self.shape) == 0 or self.shape[0] < 2 or self.shape[1] * self.shape[2] < 2:
            raise InputError(
                f"a cube must have at least 2 wavelengths and 2 spaxels; {self.name!r} has shape {self.shape}; "
                "give the whole cube"
            )

    def _check_variance(self):
        has_variance = self._cube._var_ext if self.path else self._cube.var is not None
        if not has_variance:
            raise InputError(
                f"a cube must have variances; {self.name!r} has none; give the file with its STAT extension"
            )

    def _check_values(self):
        """Look at all voxels once: none valid is an error, negative variances are worth a warning."""
        valid = negative = 0
        for start in range(0, self.shape[0], CHUNK):
            data, var, masked = self._read(slice(start, start + CHUNK))
            with np.errstate(invalid="ignore"):
                usable = ~masked & np.isfinite(data)
                negative += int(np.count_nonzero(usable & (var < 0)))
                valid += int(np.count_nonzero(usable & (var > 0) & np.isfinite(var)))
        if negative:
            warnings.warn(
                f"{negative} voxels of {self.name!r} have negative variances; they are masked",
                MusemlWarning,
                stacklevel=4,
            )
        if not valid:
            raise InputError(
                f"a cube must have valid voxels; {self.name!r} has none with finite data and positive variance; "
                "check the file"
            )


def _read(path):
    """Return the MPDAF Cube of a file; only its headers are read."""
    if not path.is_file():
        raise InputError(f"a cube must be an existing file; there is none at {str(path)!r}; check the path")
    try:
        with _quiet(), fits.open(path) as hdus:
            _check_size(path, hdus)
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


def _check_size(path, hdus):
    """Refuse a file that ends before its headers say so; reading it would fail halfway."""
    end = max(hdu.fileinfo()["datLoc"] + hdu.fileinfo()["datSpan"] for hdu in hdus)
    size = _size(path)
    if size < end:
        raise InputError(
            f"a FITS file must be whole; {str(path)!r} is truncated: it has {size} bytes of {end}; copy it again"
        )


def _size(path):
    """Return the size of a file in bytes, of a compressed one that of its content as far as it goes."""
    if path.suffix != ".gz":
        return path.stat().st_size
    size = 0
    with suppress(EOFError), gzip.open(path) as file:
        while part := file.read(PART):
            size += len(part)
    return size


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


def _wavelengths(cube, name):
    if cube.wave is None:
        raise InputError(f"a cube must have a wavelength axis; {name!r} has none; add CTYPE3, CUNIT3, CRVAL3 and CD3_3")
    ctype = cube.wave.get_ctype()
    medium = medium_of(ctype)
    if not medium:
        raise InputError(
            f"the wavelength axis must say its medium by CTYPE3 = 'AWAV' (air) or 'WAVE' (vacuum); "
            f"{name!r} has {ctype!r}; correct the header"
        )
    if not u.Unit(cube.wave.unit).is_equivalent(u.Angstrom):
        raise InputError(
            f"the wavelength axis must have a unit of length; {name!r} has {str(cube.wave.unit)!r}; "
            "set CUNIT3, for example to 'Angstrom'"
        )
    _check_linear(cube.wave, name)
    return medium, cube.wave.coord(np.arange(cube.shape[0]), unit=u.Angstrom)


def _check_linear(wave, name):
    """Refuse what is not linear in wavelength (Greisen et al. 2006: an ending such as '-LOG') or decreases."""
    ctype, step = wave.get_ctype(), wave.get_step(unit=u.Angstrom)
    if ctype[4:].strip() or not step > 0:
        raise InputError(
            f"the wavelength axis must increase in equal steps; {name!r} has CTYPE3 {ctype!r} and a step of "
            f"{step:g} Angstrom; resample it, for example with specutils.manipulation"
        )


def _scale(cube, name):
    try:
        return cube.unit.to(FLUX_DENSITY)
    except u.UnitConversionError:
        raise InputError(
            f"a cube must be in flux density, such as 1e-20 erg/(s cm2 Angstrom); {name!r} has "
            f"BUNIT {str(cube.unit)!r}; correct the header"
        ) from None


def _sky(cube, name):
    celestial = cube.wcs is not None and cube.wcs.wcs.has_celestial
    if not celestial:
        raise InputError(
            f"a cube must have celestial coordinates; {name!r} has no WCS; add CTYPE1, CTYPE2 and the rest"
        )
    return cube.wcs, float(np.mean(np.abs(cube.wcs.get_step(unit=u.arcsec))))


class _quiet(warnings.catch_warnings):  # noqa: N801 - used as a function
    """Silence what astropy says of headers that MPDAF reads well."""

    def __enter__(self):
        super().__enter__()
        warnings.simplefilter("ignore", u.UnitsWarning)
        warnings.simplefilter("ignore", FITSFixedWarning)
        warnings.filterwarnings("ignore", message="File may have been truncated")
        warnings.simplefilter("ignore", fits.verify.VerifyWarning)

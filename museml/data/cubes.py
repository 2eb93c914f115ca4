"""Data cubes: from a file or an MPDAF Cube to blocks of wavelength planes."""

import hashlib
import os
import warnings
from functools import cached_property
from pathlib import Path

import numpy as np
from astropy import units as u
from mpdaf.obj import Cube

from museml.data.bad_channels import bad_channels, runs, survey
from museml.data.cube_files import PlainFile, read_cube
from museml.data.exposures import exposure_map, find_exposures
from museml.data.planes import WHOLE, CubePlanes, FilePlanes, clean
from museml.data.psf import read_psf
from museml.data.spectral import medium_of
from museml.data.star_psf import star_psf
from museml.errors import InputError, MusemlWarning

__all__ = ["FLUX_DENSITY", "CubeData", "cube_name", "open_cube"]

#: unit of all data inside museml
FLUX_DENSITY = u.Unit("1e-20 erg / (s cm2 Angstrom)")
CHUNK = 64  # wavelength planes read at once where all are needed in turn
SHALLOW = 0.5  # part of the median number of exposures below which a place counts as shallow
LISTED = 3  # ranges of wavelength that a warning names


def open_cube(data, exposures=None):
    """Open a cube and make sure that it can be used.

    Parameters
    ----------
    data : CubeData, `~mpdaf.obj.Cube`, or path
        The cube, with variances, a celestial WCS and a wavelength axis of known unit and medium.
    exposures : path
        A file with its exposure map; by default an extension EXP, or a file beside the cube that has its name
        with ``_EXPMAP`` added.

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
        return CubeData(data, exposures=exposures)
    if isinstance(data, (str, os.PathLike)):
        path = Path(data)
        plain = PlainFile(path)
        return CubeData(read_cube(path, plain), path, plain, exposures or find_exposures(plain.path, path))
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
    bad_channels : ndarray of bool, shape (wavelengths,)
        Channels that hold nothing usable; blocks are NaN there. See `museml.data.bad_channels`.
    """

    unit = FLUX_DENSITY

    def __init__(self, cube, path=None, plain=None, exposures=None):
        self._cube, self._plain, self._exposures = cube, plain, exposures
        self.path = path
        self.name = cube_name(path or cube.filename or "cube")
        self.shape = cube.shape
        self._check_shape()
        self.medium, self.wave = _wavelengths(cube, self.name)
        self._scale = _scale(cube, self.name)
        self.wcs, self.pixel_scale = _sky(cube, self.name)
        self.psf = read_psf(cube.primary_header, self.pixel_scale)
        self._check_variance()
        self._planes = self._open_planes()
        self._check_values()

    def block(self, start, stop, rows=WHOLE, columns=WHOLE):
        """Return data and variance of the wavelength planes ``start`` to ``stop``.

        Parameters
        ----------
        start, stop : int
            First plane, and the one after the last.
        rows, columns : slice
            Part of the field; by default all of it.

        Returns
        -------
        data, var : ndarray, shape (stop - start, y, x), float32
            In ``unit`` and its square; NaN in both where a voxel is masked, not finite, has no
            positive variance, or lies in a bad channel.
        """
        data, var = clean(*self._planes(slice(start, stop), rows, columns), self._scale)
        bad = self.bad_channels[start:stop]
        if bad.any():
            data[bad] = var[bad] = np.nan
        return data, var

    @cached_property
    def exposures(self):
        """The number of exposures of each spaxel, shape (y, x), where there is an exposure map, else None."""
        return None if self._exposures is None else exposure_map(self._exposures, self.shape)

    def low_exposure(self, x, y):
        """Tell which places have less than half of the field's median number of exposures."""
        x, y = (np.rint(np.asarray(values, float)).astype(int) for values in (x, y))
        if self.exposures is None or not np.any(self.exposures > 0):
            return np.zeros(x.shape, bool)
        inside = np.clip(y, 0, self.shape[1] - 1), np.clip(x, 0, self.shape[2] - 1)
        return self.exposures[inside] < SHALLOW * np.median(self.exposures[self.exposures > 0])

    @cached_property
    def star(self):
        """The `~museml.data.star_psf.StarPSF` of a star of the field, or None; measured when it is first asked for."""
        return star_psf(self)

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

    def _open_planes(self):
        if self._plain is None:
            return CubePlanes(self._cube)
        return FilePlanes(self._plain.path, self._cube._data_ext, self._cube._var_ext, self._cube._dq_ext)

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
        """Look at a sample of the voxels: none valid is an error, and what is masked is worth a warning."""
        found = survey(self._planes, self.shape)
        if not found.valid.any():
            raise InputError(
                f"a cube must have valid voxels; {self.name!r} has none with finite data and positive variance; "
                "check the file"
            )
        constant, wrong, self.bad_channels = bad_channels(found)
        if negative := int(found.negative.sum() / found.part):
            about = "" if found.part == 1 else "about "
            _warn(f"{about}{negative} voxels of {self.name!r} have negative variances; they are masked")
        for which, what in ((constant, "are constant"), (wrong, "have variances wrong by a factor of 10 or more")):
            if which.any():
                _warn(f"{self._listed(which)} of {self.name!r} {what}; they are masked")

    def _listed(self, channels):
        """Return the number of channels and their wavelengths in words."""
        ranges = [f"{self.wave[start]:.0f}-{self.wave[stop - 1]:.0f}" for start, stop in runs(channels)]
        more = ", ..." if len(ranges) > LISTED else ""
        return f"{np.count_nonzero(channels)} channels ({', '.join(ranges[:LISTED])}{more} Angstrom)"


def _warn(message):
    warnings.warn(message, MusemlWarning, stacklevel=6)


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

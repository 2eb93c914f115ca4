"""Images with a beam: from a file, MPDAF Image, HDU or NDData to blocks of pixels in Jy/beam."""

from dataclasses import replace
from functools import cached_property

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.nddata.utils import NoOverlapError, overlap_slices
from astropy.wcs.utils import proj_plane_pixel_scales

from museml.data.beam import as_beam, read_beam
from museml.data.brightness import JY_PER_BEAM, read_unit, to_jy_per_beam
from museml.data.frequency import read_frequency
from museml.data.image_files import read_stored
from museml.data.pixels import WindowPixels
from museml.data.sky_angles import direction, is_mirrored
from museml.data.tiles import tiles
from museml.errors import InputError

__all__ = ["ImageData", "open_image"]

WHOLE = slice(None)
AT_ONCE = 2**22  # pixels that are read together where all are looked at
LARGEST = 500  # pixels in a beam; a larger one was written in arcsec
SQUARE = 0.05  # most by which the two sides of a pixel may differ
KEPT = ("OBJECT", "TELESCOP", "INSTRUME", "OBSERVER", "DATE-OBS", "RESTFRQ")  # of the header


def open_image(data, *, beam=None, unit=None):
    """Open an image and make sure that it can be used.

    Parameters
    ----------
    data : ImageData, path, FITS HDU or HDUList, `~mpdaf.obj.Image`, or `~astropy.nddata.NDData`
        The image, with celestial coordinates; axes of one pixel are dropped. Of a file with several images, the
        first one is taken.
    beam : Beam, float, sequence or str
        What `~museml.data.beam.as_beam` takes; by default what the header says.
    unit : str or `~astropy.units.Unit`
        Unit of the pixels; by default BUNIT, or that of the object.

    Returns
    -------
    ImageData

    Raises
    ------
    InputError
        If it is no image, or lacks a beam, a unit of brightness, coordinates, or any valid pixel.
    """
    if isinstance(data, ImageData):
        return _opened(data, beam, unit)
    stored = read_stored(data)
    if unit is not None:
        stored = replace(stored, unit=unit)
    image = ImageData(stored, _beam(stored, beam))
    image.check_values()
    return image


class ImageData:
    """An image that hands out blocks of pixels, so that memory stays bounded.

    Attributes
    ----------
    name : str
        Stem of the file, or the object's name, or 'image'.
    path : `~pathlib.Path` or None
        The file, when blocks are read from one.
    shape : tuple
        (y, x).
    unit : `~astropy.units.Unit`
        Unit of the blocks: Jy/beam.
    wcs : `~astropy.wcs.WCS`
        Celestial coordinates of the two axes.
    pixel_scale : float
        Pixel size in arcsec.
    beam : `~museml.data.beam.Beam`
        The beam.
    frequency : float or None
        In Hz, where the header tells it.
    """

    unit = JY_PER_BEAM

    def __init__(self, stored, beam):
        self._stored = stored
        self.name, self.path, self.wcs = stored.name, stored.path, stored.wcs
        self.shape = stored.pixels.shape
        self.beam, self.pixel_scale = beam, _pixel_scale(stored)
        self.frequency = read_frequency(stored.header)
        self._check_beam()
        unit = read_unit(stored.unit, self.name)
        self._factor = to_jy_per_beam(unit, beam, self.pixel_scale, self.frequency, self.name)

    def __repr__(self):
        pixels = f"{self.shape[1]} x {self.shape[0]} pixels of {self.pixel_scale:.3g} arcsec"
        return f"<ImageData {self.name!r}: {pixels}, beam {self.beam}>"

    def block(self, rows=WHOLE, columns=WHOLE):
        """Return a part of the image.

        Parameters
        ----------
        rows, columns : slice
            Which part; by default all of it.

        Returns
        -------
        ndarray of float32, shape (y, x)
            A copy in Jy/beam; NaN where a pixel is masked or not finite.
        """
        values = self._stored.pixels(rows, columns)
        with np.errstate(over="ignore", invalid="ignore"):
            block = np.array(values if self._factor == 1 else values * np.float64(self._factor), np.float32)
        block[~np.isfinite(block)] = np.nan
        return block

    def pixel_to_sky(self, x, y):
        """Return right ascension and declination (ICRS, deg) of pixel positions counted from 0."""
        sky = self.wcs.pixel_to_world(np.asarray(x, float), np.asarray(y, float)).icrs
        return sky.ra.deg, sky.dec.deg

    def sky_to_pixel(self, ra, dec):
        """Return x and y, counted from 0, of positions (ICRS, deg)."""
        x, y = self.wcs.world_to_pixel(SkyCoord(ra, dec, unit="deg"))
        return np.asarray(x, float), np.asarray(y, float)

    def position_angle(self, x, y):
        """Return the angle on the sky of the second pixel axis at pixel positions, in degrees east of north."""
        return direction(self.pixel_to_sky, x, y, 0, 1)

    def sky_angle(self, x, y, angle):
        """Return the position angle on the sky of a line in the image.

        Parameters
        ----------
        x, y : array_like
            Where it is, in pixels.
        angle : array_like
            Degrees from the second pixel axis (up) towards the first one reversed (left).

        Returns
        -------
        ndarray
            Degrees east of north, from 0 to 180.
        """
        sense = -1 if self._mirrored else 1
        return (self.position_angle(x, y) + sense * np.asarray(angle, float)) % 180

    def pixel_angle(self, x, y, pa):
        """Return the angle in the image, 0 to 180, of a position angle on the sky: the reverse of `sky_angle`."""
        sense = -1 if self._mirrored else 1
        return sense * (np.asarray(pa, float) - self.position_angle(x, y)) % 180

    @cached_property
    def beam_angle(self):
        """The angle in the image of the beam's major axis, 0 to 180: one number, for the beam is one in the pixel grid.

        BPA counts from north at the reference pixel; elsewhere in a wide field north is another direction.
        """
        angle = float(self.pixel_angle(*(self.wcs.wcs.crpix - 1), self.beam.pa))
        return angle if np.isfinite(angle) else self.beam.pa

    def cutout(self, ra, dec, size):
        """Return a part of the image around a position; nothing is read yet.

        Parameters
        ----------
        ra, dec : float
            Its centre (ICRS, deg).
        size : float, sequence of two, or `~astropy.units.Quantity`
            Side in arcsec, or height and width; what lies outside the image is left out.

        Returns
        -------
        ImageData
            Its coordinates are those of the whole pixels that were cut.

        Raises
        ------
        InputError
            If it does not overlap the image.
        """
        sides = np.rint(np.broadcast_to(u.Quantity(size, u.arcsec).value, 2) / self.pixel_scale).astype(int)
        x, y = self.sky_to_pixel(ra, dec)
        rows, columns = self._overlap((float(y), float(x)), np.maximum(sides, 1), f"{ra:.5f} {dec:+.5f}")
        pixels = WindowPixels(self._stored.pixels, rows, columns)
        return ImageData(replace(self._stored, pixels=pixels, wcs=self.wcs[rows, columns]), self.beam)

    def tiles(self, size, margin):
        """Divide the image into overlapping tiles, see `museml.data.tiles.tiles`."""
        return tiles(self.shape, size, margin)

    @property
    def meta(self):
        """What a list of detections should tell of the image: IMAGE, its beam in degrees, and FREQ in Hz if known."""
        told = {"IMAGE": self.name, "BMAJ": self.beam.major / 3600, "BMIN": self.beam.minor / 3600, "BPA": self.beam.pa}
        return told if self.frequency is None else told | {"FREQ": self.frequency}

    @property
    def header(self):
        """A FITS header with coordinates, unit and beam."""
        header = self.wcs.to_header(relax=True)
        header.update({key: self._stored.header[key] for key in KEPT if key in self._stored.header})
        header["BUNIT"] = "Jy/beam"
        header.update({key: self.meta[key] for key in ("BMAJ", "BMIN", "BPA")})
        return header

    def to_hdu(self):
        """Return the image in Jy/beam as a `~astropy.io.fits.PrimaryHDU`."""
        return fits.PrimaryHDU(self.block(), self.header)

    def check_values(self):
        """Raise `InputError` if no pixel holds a number; reading stops at the first that does."""
        step = max(1, AT_ONCE // self.shape[1])
        for start in range(0, self.shape[0], step):
            if np.isfinite(self.block(slice(start, start + step))).any():
                return
        raise InputError(f"an image must have valid pixels; {self.name!r} has none that is finite; check the file")

    @cached_property
    def _mirrored(self):
        return is_mirrored(self.pixel_to_sky, self.shape)

    def _overlap(self, centre, sides, where):
        try:
            return overlap_slices(self.shape, tuple(sides), centre, mode="trim")[0]
        except (NoOverlapError, ValueError):
            raise InputError(
                f"a cut-out must overlap its image; {self.name!r} does not reach {where}; choose another position"
            ) from None

    def _check_beam(self):
        """Refuse a beam that the pixels do not sample, and one of degrees where arcsec were meant."""
        if self.beam.minor < self.pixel_scale:
            raise InputError(
                f"a beam must be at least as large as a pixel ({self.pixel_scale:.3g} arcsec); that of {self.name!r} "
                f"is {self.beam}; check BMAJ and BMIN, in degrees, or give beam="
            )
        if self.beam.major > LARGEST * self.pixel_scale:
            raise InputError(
                f"a beam must be smaller than {LARGEST} pixels; that of {self.name!r} is {self.beam}, with pixels of "
                f"{self.pixel_scale:.3g} arcsec; BMAJ and BMIN are in degrees; correct them, or give beam="
            )


def _opened(image, beam, unit):
    if beam is not None or unit is not None:
        raise InputError(f"beam and unit are given when an image is opened; {image.name!r} is open; open it anew")
    return image


def _beam(stored, given):
    """Return the beam that is given, or else that of the header."""
    if given is not None:
        return as_beam(given)
    if (beam := read_beam(stored.header)) is not None:
        return beam
    if stored.header.get("CASAMBM"):
        raise InputError(
            f"an image must have one beam; {stored.name!r} has a table of beams, one for each plane (CASAMBM); "
            "smooth it to a common beam with CASA's imsmooth, or give beam="
        )
    raise InputError(
        f"an image must have a beam; {stored.name!r} has no BMAJ, BMIN and BPA, nor an AIPS card of HISTORY; give it "
        "as 'MAJOR MINOR PA' in arcsec and degrees, for example beam='6 6 0'"
    )


def _pixel_scale(stored):
    """Return the size of a pixel in arcsec; its sides must agree, so that one number does."""
    sides = 3600 * proj_plane_pixel_scales(stored.wcs)
    if not (np.all(np.isfinite(sides)) and sides.min() > 0 and sides.max() <= (1 + SQUARE) * sides.min()):
        raise InputError(
            f"the pixels of an image must be square; those of {stored.name!r} are {sides[0]:.4g} x {sides[1]:.4g} "
            "arcsec; correct CDELT1 and CDELT2, or resample it, for example with the package reproject"
        )
    return float(np.sqrt(sides[0] * sides[1]))

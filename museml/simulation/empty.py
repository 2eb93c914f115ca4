"""The grid and the noise of a simulated cube, in which nothing is yet."""

import numpy as np
from astropy import units as u
from astropy.io import fits
from mpdaf.obj import WCS, Cube, WaveCoord

from museml.data.cubes import FLUX_DENSITY, CubeData
from museml.data.psf import PSF
from museml.simulation.noise import noise_curve

__all__ = ["GOOD_SEEING", "EmptyCube"]

STEP = 1.25  # Angstrom
PIXEL = 0.2  # arcsec
CENTRE = (-27.79, 53.16)  # dec, ra in degrees: the Hubble Ultra Deep Field
#: the default PSF of simulations
GOOD_SEEING = PSF(0.7)


class EmptyCube(CubeData):
    """Coordinates, variances and PSF of a cube without data; it needs no memory.

    Parameters
    ----------
    shape : tuple
        (wavelengths, y, x); 1.25 Angstrom and 0.2 arcsec each.
    psf : PSF
        The PSF.
    exposure_hours : float
        Exposure time, see `~museml.simulation.noise.noise_curve`.
    start : float
        First wavelength in Angstrom, air.
    """

    def __init__(self, shape, psf=GOOD_SEEING, exposure_hours=0.25, start=4750.0):
        self.name, self.path, self.shape = "simulation", None, tuple(shape)
        self.medium, self.wave = "air", start + STEP * np.arange(shape[0])
        self.psf, self.pixel_scale, self._hours = psf, PIXEL, exposure_hours
        self.wcs, self._wave = _sky(shape), _spectral(shape, start)
        self.sigma = noise_curve(self.wave, exposure_hours)

    def block(self, start, stop):
        """Return data, which are 0, and variance of the wavelength planes ``start`` to ``stop``; both are read-only."""
        shape = (len(self.sigma[start:stop]), *self.shape[1:])
        variance = np.float32(self.sigma[start:stop] ** 2)[:, None, None]
        return np.broadcast_to(np.float32(0), shape), np.broadcast_to(variance, shape)

    def with_data(self, data):
        """Return the `~mpdaf.obj.Cube` that has the data, an array of the cube's shape; they are not copied."""
        about = {"unit": FLUX_DENSITY, "wave": self._wave, "wcs": self.wcs, "primary_header": self.primary_header()}
        variance = self.block(0, self.shape[0])[1].copy()
        return Cube(data=data, var=variance, mask=False, copy=False, convert_float64=False, **about)

    def primary_header(self):
        """Return the primary header, which tells the PSF by FSF keywords."""
        header, psf = fits.Header(), self.psf
        header["OBJECT"] = ("SIMULATION", "made by museml.simulation")
        header["EXPTIME"] = (3600 * self._hours, "[s] exposure time")
        if psf.beta is not None:
            header["FSFMODE"] = ("MOFFAT1", "FSF model: Moffat, FWHM linear in wavelength")
            header["FSF00BET"] = (psf.beta, "FSF Moffat beta")
            header["FSF00FWA"] = (psf.fwhm - psf.slope * psf.reference, "[arcsec] FSF FWHM at 0 Angstrom")
            header["FSF00FWB"] = (psf.slope, "[arcsec/Angstrom] FSF slope of the FWHM")
        return header

    def extension_header(self, name):
        """Return the header of the extension DATA or STAT, without data."""
        header = fits.Header([("XTENSION", "IMAGE"), ("BITPIX", -32), ("NAXIS", 3)])
        header.update({f"NAXIS{axis}": size for axis, size in enumerate(self.shape[::-1], 1)})
        header.update({"PCOUNT": 0, "GCOUNT": 1, "EXTNAME": name})
        header.update(self.wcs.to_cube_header(self._wave))
        header["BUNIT"] = (FLUX_DENSITY if name == "DATA" else FLUX_DENSITY**2).to_string("fits")
        return header


def _sky(shape):
    step, centre = PIXEL / 3600, ((shape[1] + 1) / 2, (shape[2] + 1) / 2)
    return WCS(crpix=centre, crval=CENTRE, cdelt=(step, -step), deg=True, shape=shape[1:])


def _spectral(shape, start):
    return WaveCoord(crpix=1.0, cdelt=STEP, crval=start, cunit=u.Angstrom, ctype="AWAV", shape=shape[0])

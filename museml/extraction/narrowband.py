"""Narrow-band images of lines, with the continuum subtracted."""

import numpy as np
from astropy import units as u

__all__ = ["NarrowBand", "band_name"]

BAND = 1.0  # half width of the band in units of the line's FWHM: 98 % of a Gaussian line
GAP = 2.0  # from the line to the continuum bands, in units of its FWHM
CONTINUUM = 30.0  # width of each continuum band in Angstrom
FLUX = u.Unit("1e-20 erg / (s cm2)")


class NarrowBand:
    """The flux of a line in each pixel, gathered block by block.

    The mean of a continuum band on either side, 30 Angstrom wide, is subtracted.

    Parameters
    ----------
    cube : `~museml.data.cubes.CubeData`
        The cube.
    wave, fwhm : float
        Of the line, in Angstrom.
    window : `~museml.extraction.windows.Window`
        The part of the field.
    """

    def __init__(self, cube, wave, fwhm, window):
        self._wcs, self._window = cube.wcs, window
        self._step, self._line, self._sides = _bands(cube.wave, wave, fwhm)
        shape = (3, *(part.stop - part.start for part in window.inside))
        self._in_line, self._beside = np.zeros(shape), np.zeros(shape)

    def add(self, start, data, var):
        """Add a block of wavelength planes, cut to the window; NaN where invalid."""
        planes = slice(start, start + len(data))
        for band, total in ((self._line[planes], self._in_line), (self._sides[planes], self._beside)):
            if band.any():
                total += _sums(data[band], var[band])

    def image(self):
        """Return the `~mpdaf.obj.Image`; pixels without data in the line are masked."""
        count, flux, var = self._in_line
        ratio = count / np.maximum(self._beside[0], 1)
        values = np.where(count > 0, self._step * (flux - ratio * self._beside[1]), np.nan)
        return self._window.image(self._wcs, values, self._step**2 * (var + ratio**2 * self._beside[2]), FLUX)


def band_name(wave):
    """Return the name of a line's narrow-band image."""
    return f"NB_{wave:.0f}"


def _bands(axis, wave, fwhm):
    """Return the step, and which planes are in the line and in the continuum bands beside it."""
    step = np.median(np.diff(axis))
    distance = np.abs(axis - wave)
    sides = (distance > GAP * fwhm) & (distance <= GAP * fwhm + CONTINUUM)
    return step, distance <= max(BAND * fwhm, step), sides


def _sums(data, var):
    """Return the number of valid planes, the sum of data and the sum of variances, pixel by pixel."""
    return np.stack([np.isfinite(data).sum(axis=0), np.nansum(data, axis=0), np.nansum(var, axis=0)])

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
        self._weights = _weights(cube.wave, wave, fwhm)
        shape = [part.stop - part.start for part in window.inside]
        self._sum, self._var, self._line_seen = np.zeros(shape), np.zeros(shape), np.zeros(shape)

    def add(self, start, data, var):
        """Add a block of wavelength planes, cut to the window; NaN where invalid."""
        weights = self._weights[start : start + len(data)]
        used = np.flatnonzero(weights)
        if used.size:
            weights, data, var = weights[used], data[used], var[used]
            self._sum += np.tensordot(weights, np.nan_to_num(data), 1)
            self._var += np.tensordot(weights**2, np.nan_to_num(var), 1)
            self._line_seen += np.isfinite(data[weights > 0]).sum(axis=0)

    def image(self):
        """Return the `~mpdaf.obj.Image`; pixels without data in the line are masked."""
        values = np.where(self._line_seen > 0, self._sum, np.nan)
        return self._window.image(self._wcs, values, self._var, FLUX)


def band_name(wave):
    """Return the name of a line's narrow-band image."""
    return f"NB_{wave:.0f}"


def _weights(axis, wave, fwhm):
    """Return the weight of each plane: the step in the line, minus the mean in the continuum bands."""
    step = np.median(np.diff(axis))
    distance = np.abs(axis - wave)
    line = distance <= max(BAND * fwhm, step)
    side = (distance > GAP * fwhm) & (distance <= GAP * fwhm + CONTINUUM)
    weights = np.where(line, step, 0.0)
    if side.any():
        weights[side] = -step * line.sum() / side.sum()
    return weights

"""The field as the extraction sees it: all its sources, their shapes, the PSF and the noise."""

from functools import cached_property

import numpy as np

from museml.data.psf import cube_psf
from museml.extraction.neighbours import Sources
from museml.extraction.noise import measure_noise
from museml.extraction.profiles import POINT, Profiles, fit_shape, share
from museml.extraction.windows import Window, white_image

__all__ = ["REACH", "Scene"]

REACH = 4.0  # FWHM: pixels up to here are used for a source
NEAR = 4.5  # FWHM: sources up to here are fitted with it
LEAST_HALF = 3.0  # arcsec: images show at least this much to each side


class Scene:
    """What all sources of a cube have in common.

    Parameters
    ----------
    cube : `~museml.data.cubes.CubeData`
        The cube.
    detections : `~museml.Detections`
        All that is known to be in it.
    white : ndarray, shape (y, x)
        The white-light image, if it is known already.
    psf : `~museml.data.psf.PSF` or float
        The PSF or its FWHM in arcsec; by default that of the cube.
    noise : `~museml.extraction.noise.Noise`
        Its noise, if it is known already.

    Attributes
    ----------
    sources : `~museml.extraction.neighbours.Sources`
    fwhm : float
        Of the PSF at the middle wavelength, in pixels.
    profiles : `~museml.extraction.profiles.Profiles`
    """

    def __init__(self, cube, detections, white=None, psf=None, noise=None):
        self.cube = cube
        self.psf, _ = cube_psf(cube, psf)
        self.fwhm = float(self.psf.fwhm_at(cube.wave.mean())) / cube.pixel_scale
        self.white = white_image(cube) if white is None else white
        self.noise = measure_noise(cube, detections, psf) if noise is None else noise
        self.sources = Sources(detections)
        self._shapes = {}

    @cached_property
    def profiles(self):
        """The profiles of light, up to the corners of a window and the neighbours beyond."""
        return Profiles(self.psf, self.cube.wave, self.cube.pixel_scale, 1.5 * self.half + NEAR * self.fwhm)

    @property
    def half(self):
        """Pixels from the middle of a window to its edge."""
        return int(np.ceil(max(REACH * self.fwhm, LEAST_HALF / self.cube.pixel_scale)))

    def window(self, row):
        """Return the `~museml.extraction.windows.Window` around a source."""
        return Window(*self.sources.places[row], self.half, self.cube.shape[1:])

    def around(self, row):
        """Return the `~museml.extraction.neighbours.Neighbourhood` of a source."""
        return self.sources.around(row, NEAR * self.fwhm, self.fwhm)

    def distances(self, rows, y, x):
        """Return the distances of pixels from sources, shape (sources, *y.shape)."""
        places = self.sources.places[rows].reshape(-1, 2, *(1,) * np.ndim(y))
        return np.hypot(x - places[:, 0], y - places[:, 1])

    def shape(self, row):
        """Return how wide a source is in white light, see `~museml.extraction.profiles.fit_shape`."""
        if row not in self._shapes:
            self._shapes[row] = self._shape(row)
        return self._shapes[row]

    def _shape(self, row):
        """Fit the shape of a source; one without continuum is a point."""
        if not self.sources.continuum[row]:
            return POINT
        inside, rows = self.window(row).inside, self.around(row).rows
        distances = self.distances(rows, *np.mgrid[inside])
        near = distances[0] <= REACH * self.fwhm
        profile = self.profiles.at(self.cube.wave.mean())
        return fit_shape(self.white[inside][near], distances[:, near], self.sources.continuum[rows], profile)

    def light(self, rows, distances, wave):
        """Return the share of each source's light in pixels at given distances, shape as the distances."""
        profiles = (self.profiles.shaped(self.shape(row), wave) for row in rows)
        return np.array([share(profile, distance) for profile, distance in zip(profiles, distances, strict=True)])

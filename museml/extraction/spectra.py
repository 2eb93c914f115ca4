"""Spectra of one source: by optimal weights, in an aperture, without the local sky, and without its neighbours."""

import numpy as np
from photutils.geometry import circular_overlap_grid

from museml.extraction.profiles import share
from museml.extraction.scene import REACH
from museml.extraction.sky import LEAST_RING, plane, without_neighbours
from museml.extraction.weighted_fit import Pixels, WeightedFit

__all__ = ["APERTURE", "SourceSpectra"]

#: radii in units of the FWHM
APERTURE = 1.0  # of the aperture spectrum
CORE = 1.5  # within which the optimal weights work: 92 % of a Moffat profile
RING = (2.5, REACH)  # of the local sky: 1 % of a Moffat profile's light falls in
SAME = 3.0  # up to here, one with a line at the same wavelength is a part of the same object
FREE = 1.5  # beyond this from all sources, pixels that do not fit are left out
LEAST_SEEN = 0.25  # part of the information on a flux that valid pixels must hold
OUTLIER = 5.0  # standard deviations from which a voxel between the sources is left out
FILLED = 0.1  # of the source's central brightness: a ring this bright is not sky
EXTENDED = 1.1  # an aperture flux above a point source's by this factor shows an extended source
EVERY = 8  # blocks for which the effect of correlated noise is taken as the same


class SourceSpectra:
    """The spectra of one source, gathered block by block.

    Attributes
    ----------
    values, variances : dict of ndarray
        By name: ``MUSE_PSF`` is weighted by PSF and variance (Horne 1986, PASP 98, 609, equation 8),
        ``MUSE_APER`` the sum over a circle of radius one FWHM; ``MUSE_SKY`` is the local sky per
        pixel, a plane through the ring from 2.5 to 4 FWHM, and the names with ``_SKYSUB`` have it subtracted.
        ``MUSE_DEBLEND``, of a source with neighbours, is fitted together with them and with a
        plane, the local sky. NaN where there are no data. Variances contain the correlation of the noise.
    neighbours, merged : int
        How many neighbours were fitted together with the source, and how many are too near for that.
    fills_its_ring : bool
        Whether the light in the ring is the source's own.
    separable : bool
        Whether there are neighbours, none of which within 3 FWHM has a line of the same wavelength: such a one is
        a part of the same object, whose shape is not known.
    """

    def __init__(self, scene, row, window):
        self._scene, around = scene, scene.around(row)
        self._rows, self.neighbours, self.merged = around.rows, len(around.rows) - 1, around.merged
        close = self._rows[1:][scene.distances(self._rows[1:], window.y, window.x) < SAME * scene.fwhm]
        self.separable = self.neighbours > 0 and not scene.sources.shares_a_line(row, close)
        self._shape = tuple(part.stop - part.start for part in window.inside)
        self._place(window)
        white = scene.white[window.inside][self._index]
        ring = (self._radius >= RING[0] * scene.fwhm) & (self._radius < RING[1] * scene.fwhm)
        self._ring = without_neighbours(ring, self._offsets, white)
        self._sky_fit = WeightedFit(self._plane, self._ring.astype(float))
        self._used = np.ones(len(white), bool)
        self.has_sky = bool(np.count_nonzero(self._ring) >= LEAST_RING)
        self.fills_its_ring = False
        self.fills_its_ring = self.has_sky and self._filled(white)
        self._used = self._expected(white)
        names = ["MUSE_PSF", "MUSE_APER"]
        names += ["MUSE_PSF_SKYSUB", "MUSE_APER_SKYSUB", "MUSE_SKY"] * self.has_sky
        names += ["MUSE_DEBLEND"] * (self.neighbours > 0)
        self.values = {name: np.full(scene.cube.shape[0], np.nan) for name in names}
        self.variances = {name: np.full(scene.cube.shape[0], np.nan) for name in names}
        self._blocks, self._inflation = 0, {}

    def _place(self, window):
        """Tell where the pixels are that are used."""
        fwhm, (y, x) = self._scene.fwhm, window.offsets()
        self._pixels = np.flatnonzero(np.hypot(y, x).ravel() <= REACH * fwhm)
        self._index = np.unravel_index(self._pixels, self._shape)
        rows, columns = (index + part.start for index, part in zip(self._index, window.inside, strict=True))
        self._in_field = rows * self._scene.cube.shape[2] + columns
        self._offsets = tuple(offset.ravel()[self._pixels] for offset in (y, x))
        self._radius = np.hypot(*self._offsets)
        self._core = self._radius <= max(CORE * fwhm, self._radius.min())
        self._circle = _circle((y, x), APERTURE * fwhm)[self._index].astype(np.float32)
        here = self._offsets[0] + window.y, self._offsets[1] + window.x
        self._distances = self._scene.distances(self._rows, *here)
        self._free = self._distances.min(axis=0) > FREE * fwhm
        self._plane = plane(self._offsets)

    def add(self, start, data, var):
        """Add a block of wavelength planes of the whole field.

        Parameters
        ----------
        start : int
            Number of the first plane.
        data, var : ndarray, shape (planes, y, x)
            NaN where invalid; the variance is that of a voxel, whatever its neighbours do.
        """
        planes = slice(start, start + len(data))
        flat = (values.reshape(len(values), -1) for values in (data, var))
        pixels = Pixels.of(*(np.take(values, self._in_field, axis=1) for values in flat))
        self._blocks += 1
        if not pixels.valid.any():
            return
        weight = pixels.weight()
        fits = self._fits(self._scene.cube.wave[planes].mean(), weight)
        sums = self._sums(pixels, fits)
        if (self._blocks - 1) % EVERY == 0 or not self._inflation:
            self._inflation = self._inflations(fits, weight, sums)
        for name, (flux, variance) in sums.items():
            self.values[name][planes] = flux
            self.variances[name][planes] = variance * self._inflation[name]

    def _fits(self, wave, weight):
        """Return the linear models for a wavelength."""
        point = self._point(wave)[None]
        fits = {"MUSE_PSF": WeightedFit(point, weight * self._core)}
        if self.has_sky:
            fits["MUSE_SKY"] = self._sky_fit
        if self.neighbours:
            light = self._scene.light(self._rows, self._distances, wave)
            sky = self._plane[: 3 * (self.has_sky and not self.fills_its_ring)]
            fits["MUSE_DEBLEND"] = WeightedFit(np.vstack([light, sky]), weight * self._used)
        return fits

    def _sums(self, pixels, fits):
        """Return values and variances of all spectra, the latter as if all voxels were independent."""
        flux, variance, seen = fits["MUSE_PSF"](pixels)
        area = fits["MUSE_PSF"].of_one(pixels)
        lost = np.where(seen > LEAST_SEEN, 0, np.nan)
        sums = {"MUSE_PSF": (flux[:, 0] + lost, variance + lost, area)}
        sums["MUSE_APER"] = _aperture(pixels, fits["MUSE_PSF"].columns[0], self._circle)
        spectra = {name: total[:2] for name, total in sums.items()}
        if self.has_sky:
            spectra |= _without_sky(sums, *self._sky(pixels, fits["MUSE_SKY"]))
        if self.neighbours:
            spectra["MUSE_DEBLEND"] = self._deblended(pixels, fits["MUSE_DEBLEND"])
        return spectra

    def _sky(self, pixels, fit):
        """Return the sky per pixel and its variance; NaN where half of the ring is invalid."""
        values, variance, seen = fit(pixels)
        lost = np.where(seen > 0.5, 0, np.nan)
        return values[:, 0] + lost, variance + lost

    def _deblended(self, pixels, fit):
        """Return flux and variance without the neighbours; voxels between the sources that are no sky are left out."""
        values, variance, seen = fit(pixels)
        off = (pixels.data - fit.model(values)) ** 2 > OUTLIER**2 * pixels.var
        off &= (pixels.valid > 0) & (self._free & self._used)
        again = np.flatnonzero(off.any(axis=1))
        if len(again):
            values[again], variance[again], _ = fit(pixels.planes(again).without(off[again]))
        lost = np.where(seen > LEAST_SEEN, 0, np.nan)
        return values[:, 0] + lost, variance + lost

    def _inflations(self, fits, weight, names):
        """Return by what factor the correlation of the noise raises the variance of each spectrum."""
        rows = {name: fit.weights() for name, fit in fits.items()}
        rows["MUSE_APER"] = self._circle
        for name in ("MUSE_PSF", "MUSE_APER"):
            if self.has_sky:
                rows[f"{name}_SKYSUB"] = rows[name] - rows[name].sum() * rows["MUSE_SKY"]
        images = np.zeros((len(names), np.prod(self._shape)))
        sigma = np.divide(1, np.sqrt(weight), out=np.zeros_like(weight), where=weight > 0)
        images[:, self._pixels] = [rows[name] * sigma for name in names]
        return dict(zip(names, self._scene.noise.inflation(images.reshape(-1, *self._shape)), strict=True))

    def _filled(self, white):
        """Say whether the light in the ring is the source's own, by the white-light image."""
        pixels = Pixels.of(white[None], np.where(np.isfinite(white), 1.0, np.nan)[None])
        fits = self._fits(self._scene.cube.wave.mean(), pixels.weight())
        sums = self._sums(pixels, fits)
        flux, aperture, sky = (sums[name][0][0] for name in ("MUSE_PSF_SKYSUB", "MUSE_APER_SKYSUB", "MUSE_SKY"))
        profile = fits["MUSE_PSF"].columns[0]
        expected = np.sum(self._circle * profile)
        return bool(sky > FILLED * flux * profile.max() and aperture > EXTENDED * expected * flux)

    def _expected(self, white):
        """Return the pixels whose white light the sources and a plane explain, or that are close to a source."""
        if not self.neighbours:
            return self._used
        pixels = Pixels.of(white[None], np.where(np.isfinite(white), 1.0, np.nan)[None])
        fit = self._fits(self._scene.cube.wave.mean(), pixels.weight())["MUSE_DEBLEND"]
        residual = white - fit.model(fit(pixels)[0])[0]
        return ~self._free | without_neighbours(self._free, self._offsets, residual)

    def _point(self, wave):
        """Return the share of a point source's light in each pixel."""
        return share(self._scene.profiles.point(wave), self._radius)


def _without_sky(sums, sky, sky_var):
    """Return the sky, and the sums with the sky of their area subtracted."""
    spectra = {"MUSE_SKY": (sky, sky_var)}
    for name, (flux, variance, area) in sums.items():
        spectra[f"{name}_SKYSUB"] = flux - area * sky, variance + area**2 * sky_var
    return spectra


def _circle(offsets, radius):
    """Return the share of each pixel that lies within a circle."""
    (y, x), shape = offsets, offsets[0].shape
    edges = (x[0, 0] - 0.5, x[0, -1] + 0.5, y[0, 0] - 0.5, y[-1, 0] + 0.5)
    return circular_overlap_grid(*edges, shape[1], shape[0], radius, 1, 1)


def _aperture(pixels, profile, circle):
    """Return flux, variance and area within the circle; lost pixels are made up for by the profile.

    A plane with less than half of the light in valid pixels is NaN.
    """
    expected = circle * profile
    seen = pixels.valid @ expected / expected.sum()
    factor = np.divide(1, seen, out=np.full(seen.shape, np.nan), where=seen > 0.5)
    variance = factor**2 * (pixels.var @ circle**2)
    return factor * (pixels.data @ circle), variance, factor * (pixels.valid @ circle)

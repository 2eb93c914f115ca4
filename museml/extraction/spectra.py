"""Spectra of one source: by optimal weights, in an aperture, without the local sky, and without its neighbours."""

import numpy as np

from museml.extraction.footprint import Footprint
from museml.extraction.profiles import share
from museml.extraction.sky import LEAST_RING, without_neighbours
from museml.extraction.weighted_fit import Pixels, WeightedFit

__all__ = ["SourceSpectra"]

LEAST_SEEN = 0.25  # part of the information on a flux that valid pixels must hold
OUTLIER = 5.0  # standard deviations from which a voxel between the sources is left out
FILLED = 0.1  # of the source's central brightness: a ring this bright is not sky
EXTENDED = 1.1  # an aperture flux above a point source's by this factor shows an extended source
KEPT = 0.4  # part of a line's flux that must be left when neighbours are taken away
BESIDE = 30.0  # Angstrom to each side of a line that tell the continuum
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
    place : `~museml.extraction.footprint.Footprint`
        The pixels.
    has_sky : bool
        Whether there are pixels enough for a local sky.
    fills_its_ring : bool
        Whether the light in the ring is the source's own.
    """

    def __init__(self, scene, row, window):
        self._scene, self.place = scene, Footprint(scene, row, window)
        self._white = scene.white[window.inside][self.place.index]
        self._ring = without_neighbours(self.place.ring(), self.place.offsets, self._white)
        self.has_sky = bool(np.count_nonzero(self._ring) >= LEAST_RING)
        self._sky_fit = WeightedFit(self.place.plane, self._ring.astype(float))
        self._used, self.fills_its_ring = np.ones(len(self._white), bool), False
        self.fills_its_ring = self.has_sky and self._filled()
        self._used = self._expected()
        names = ["MUSE_PSF", "MUSE_APER"]
        names += ["MUSE_PSF_SKYSUB", "MUSE_APER_SKYSUB", "MUSE_SKY"] * self.has_sky
        names += ["MUSE_DEBLEND"] * self.has_neighbours
        self.values, self.variances = ({name: np.full(scene.cube.shape[0], np.nan) for name in names} for _ in range(2))
        self._blocks, self._inflation = 0, {}

    @property
    def has_neighbours(self):
        """Whether there is light of neighbours to be told from the source's."""
        return self.place.neighbours > 0

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
        pixels = Pixels.of(self.place.take(data), self.place.take(var))
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

    def keeps_line(self, wave, fwhm):
        """Say whether a line is still there when the neighbours' light is gone; if not, it is a part of theirs."""
        distance = np.abs(self._scene.cube.wave - wave)
        names = "MUSE_DEBLEND", "MUSE_PSF_SKYSUB" if self.has_sky else "MUSE_PSF"
        spectra = np.array([self.values[name] for name in names])
        seen = np.isfinite(spectra).all(axis=0)
        line, beside = seen & (distance <= fwhm), seen & (distance > 2 * fwhm) & (distance <= 2 * fwhm + BESIDE)
        if not (line.any() and beside.any()):
            return True
        own, both = (spectra[:, line] - np.median(spectra[:, beside], axis=1)[:, None]).sum(axis=1)
        return bool(own > KEPT * both)

    def _fits(self, wave, weight):
        """Return the linear models for a wavelength."""
        place = self.place
        point = share(self._scene.profiles.point(wave), place.radius)[None]
        fits = {"MUSE_PSF": WeightedFit(point, weight * place.core())}
        if self.has_sky:
            fits["MUSE_SKY"] = self._sky_fit
        if self.has_neighbours:
            sky = place.plane if self.has_sky and not self.fills_its_ring else place.plane[:0]
            light = self._scene.light(place.rows, place.distances, wave)
            fits["MUSE_DEBLEND"] = WeightedFit(np.vstack([light, sky]), weight * self._used)
        return fits

    def _sums(self, pixels, fits):
        """Return values and variances of all spectra, the latter as if all voxels were independent."""
        flux, variance, seen = fits["MUSE_PSF"](pixels)
        area = fits["MUSE_PSF"].of_one(pixels)
        lost = np.where(seen > LEAST_SEEN, 0, np.nan)
        sums = {"MUSE_PSF": (flux[:, 0] + lost, variance + lost, area)}
        sums["MUSE_APER"] = _aperture(pixels, fits["MUSE_PSF"].columns[0], self.place.circle)
        spectra = {name: total[:2] for name, total in sums.items()}
        if self.has_sky:
            spectra |= _without_sky(sums, *self._sky(pixels, fits["MUSE_SKY"]))
        if self.has_neighbours:
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
        off &= (pixels.valid > 0) & (self.place.free & self._used)
        again = np.flatnonzero(off.any(axis=1))
        if len(again):
            values[again], variance[again], _ = fit(pixels.planes(again).without(off[again]))
        lost = np.where(seen > LEAST_SEEN, 0, np.nan)
        return values[:, 0] + lost, variance + lost

    def _inflations(self, fits, weight, names):
        """Return by what factor the correlation of the noise raises the variance of each spectrum."""
        rows = {name: fit.weights() for name, fit in fits.items()}
        rows["MUSE_APER"] = self.place.circle
        for name in ("MUSE_PSF", "MUSE_APER"):
            if self.has_sky:
                rows[f"{name}_SKYSUB"] = rows[name] - rows[name].sum() * rows["MUSE_SKY"]
        sigma = np.divide(1, np.sqrt(weight), out=np.zeros_like(weight), where=weight > 0)
        images = self.place.images([rows[name] * sigma for name in names])
        return dict(zip(names, self._scene.noise.inflation(images), strict=True))

    def _filled(self):
        """Say whether the light in the ring is the source's own, by the white-light image."""
        pixels, fits = self._in_white()
        sums = self._sums(pixels, fits)
        flux, aperture, sky = (sums[name][0][0] for name in ("MUSE_PSF_SKYSUB", "MUSE_APER_SKYSUB", "MUSE_SKY"))
        profile = fits["MUSE_PSF"].columns[0]
        expected = np.sum(self.place.circle * profile)
        return bool(sky > FILLED * flux * profile.max() and aperture > EXTENDED * expected * flux)

    def _expected(self):
        """Return the pixels whose white light the sources and a plane explain, or that are close to a source."""
        if not self.has_neighbours:
            return self._used
        pixels, fits = self._in_white()
        fit, free = fits["MUSE_DEBLEND"], self.place.free
        residual = self._white - fit.model(fit(pixels)[0])[0]
        return ~free | without_neighbours(free, self.place.offsets, residual)

    def _in_white(self):
        """Return the white-light image as if it were a plane of the cube, and its models."""
        pixels = Pixels.of(self._white[None], np.where(np.isfinite(self._white), 1.0, np.nan)[None])
        return pixels, self._fits(self._scene.cube.wave.mean(), pixels.weight())


def _without_sky(sums, sky, sky_var):
    """Return the sky, and the sums with the sky of their area subtracted."""
    spectra = {"MUSE_SKY": (sky, sky_var)}
    for name, (flux, variance, area) in sums.items():
        spectra[f"{name}_SKYSUB"] = flux - area * sky, variance + area**2 * sky_var
    return spectra


def _aperture(pixels, profile, circle):
    """Return flux, variance and area within the circle; lost pixels are made up for by the profile.

    A plane with less than half of the light in valid pixels is NaN.
    """
    expected = circle * profile
    seen = pixels.valid @ expected / expected.sum()
    factor = np.divide(1, seen, out=np.full(seen.shape, np.nan), where=seen > 0.5)
    variance = factor**2 * (pixels.var @ circle**2)
    return factor * (pixels.data @ circle), variance, factor * (pixels.valid @ circle)

"""What is measured of the lines that were found: flux, wavelength and width, neighbours told apart."""

import numpy as np
from astropy.stats import gaussian_fwhm_to_sigma
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from museml.detectors.line_fit import LINE
from museml.detectors.line_places import find_places, point_source
from museml.detectors.line_search import weights
from museml.detectors.object_lines import BESIDE, find_lines

__all__ = ["MEASURED", "measure_lines", "psf_spectra"]

#: a measured line, the peak and the object that it belongs to, its place, and whether voxels under it are masked
MEASURED = np.dtype([("peak", "i4"), ("object", "i4"), ("y", "f8"), ("x", "f8"), ("masked", "?"), *LINE.descr])
NEIGHBOURS = 2.5  # PSF FWHM within which objects are extracted together
ONE_OBJECT = 0.6  # PSF FWHM within which peaks are of one object
MOST = 8  # objects whose places are fitted together
SLACK = 1e-5  # keeps the extraction of objects at nearly one place possible
COARSE = 50.0  # Angstrom within which the PSF does not change
BRIGHT = 8.0  # S/N of lines that may turn out to be of two objects


def measure_lines(cube, matched, baseline, noise, peaks):
    """Measure lines in the spectra of the objects at the peaks.

    Parameters
    ----------
    cube, matched, baseline
        As for `~museml.detectors.line_search.search_lines`.
    noise : `~museml.detectors.noise_field.NoiseField`
        The noise that the search has found.
    peaks : ndarray of `~museml.detectors.peaks.PEAK`
        Positions are taken from there, and first guesses.

    Returns
    -------
    ndarray of `MEASURED`
        In the order of the peaks; a peak that is a blend has several rows. Lines of one object have the same
        number in ``object``.
    """
    found, objects = [np.zeros(0, MEASURED)], 0
    for group in _groups(peaks, matched):
        lines = _measure_group(cube, matched, baseline, noise, peaks, group)
        lines["object"] += objects
        objects = lines["object"].max(initial=objects - 1) + 1
        found.append(lines)
    lines = np.concatenate(found)
    return lines[np.argsort(lines["peak"], kind="stable")]


def _groups(peaks, matched):
    """Return lists of the numbers of peaks that may overlap."""
    pixels = NEIGHBOURS * _psf_pixels(matched, peaks["z"]).max(initial=0)
    return _linked(np.column_stack([peaks["z"] / (2 * matched.halo), peaks["y"] / pixels, peaks["x"] / pixels]))


def _linked(position):
    """Return lists of the numbers of positions linked by distances below 1."""
    pairs = KDTree(position).query_pairs(1.0, output_type="ndarray")
    links = coo_array((np.ones(len(pairs)), pairs.T), shape=2 * [len(position)])
    count, label = connected_components(links, directed=False)
    return np.split(np.argsort(label, kind="stable"), np.cumsum(np.bincount(label, minlength=count))[:-1])


def _psf_pixels(matched, z):
    wave = np.interp(z, *_axis(matched))
    return np.atleast_1d(matched.psf.fwhm_at(wave)) / matched.pixel_scale


def _measure_group(cube, matched, baseline, noise, peaks, group):
    """Return the lines of peaks that may overlap as rows of `MEASURED`."""
    window = _Window(cube, matched, baseline, noise, peaks[group])
    places, members = window.objects()
    flux, error = psf_spectra(window.data, window.weight, window.images(places))
    found = []
    for number, (numbers, place, *spectrum) in enumerate(zip(members, places, flux, error, strict=True)):
        spectrum = window.channels, spectrum[0], spectrum[1] * window.scatter, noise.autocorrelation
        belongs, measured = find_lines(matched, *spectrum, window.peaks[numbers])
        lines = np.zeros(len(measured), MEASURED)
        lines[list(LINE.names)] = measured
        lines["object"] = number
        lines["y"], lines["x"] = np.clip(place + window.origin[1:], 0, np.array(cube.shape[1:]) - 1)
        lines["masked"] = [window.is_masked(*place, z) for z in window.peaks["z"][numbers][belongs]]
        lines["peak"] = group[numbers][belongs]
        found.append(lines)
    return np.concatenate(found)


class _Window:
    """The part of a cube around some peaks."""

    def __init__(self, cube, matched, baseline, noise, peaks):
        self.peaks, self._matched, self._noise = peaks, matched, noise
        reach, z = matched.halo + BESIDE, peaks["z"]
        first, last = max(0, int(z.min()) - reach), min(cube.shape[0], int(z.max()) + reach + 2)
        self._source = point_source(matched.psf, self._wave(), matched.pixel_scale)
        rows, columns = (
            slice(max(0, int(peaks[c].min()) - self._source.half), min(n, int(peaks[c].max()) + self._source.half + 2))
            for c, n in zip("yx", cube.shape[1:], strict=True)
        )
        self.origin, self.channels = np.array([first, rows.start, columns.start]), np.arange(first, last)
        self.scatter = noise.scatter[first:last]
        self.data, var = cube.block(first, last, rows, columns)
        self.data -= baseline.at(first, last, rows, columns)
        self.weight, self._masked = weights(self.data, var, baseline.variance[first:last])

    def _wave(self):
        """Return the wavelength of the peaks, coarsely: the PSF changes slowly."""
        wave = np.interp(self.peaks["z"].mean(), *_axis(self._matched))
        return float(np.clip(np.round(wave / COARSE) * COARSE, *self._matched.wave[[0, -1]]))

    def objects(self):
        """Return the places (y, x) of the objects in the window, and for each the numbers of its peaks."""
        position = np.column_stack([self.peaks["y"], self.peaks["x"]]) - self.origin[1:]
        members = _linked(position / (ONE_OBJECT * self._source.fwhm))
        places = [np.average(position[k], axis=0, weights=self.peaks["snr"][k] ** 2) for k in members]
        if len(places) > MOST:
            return np.array(places), members
        image, error, scatter = self._image()
        found = find_places(image, error, self._source, places, scatter, more=self.peaks["snr"].max() > BRIGHT)
        for place in found[len(places) :]:
            members.append(members[np.argmin(np.hypot(*(found[: len(places)] - place).T))][:1])
        return found, members

    def _image(self):
        """Return the image of the lines at the peaks, its errors, and how much larger the noise seen through it is."""
        profile = np.max([self._profile(peak) for peak in self.peaks], axis=0)
        information = np.einsum("zyx,z->yx", self.weight, profile**2)
        signal = np.einsum("zyx,z->yx", self.weight * self.data, profile)
        error = np.where(information > 0, 1 / np.sqrt(np.maximum(information, 1e-30)), np.inf)
        brightest = self.peaks[np.argmax(self.peaks["snr"])]
        scatter = self._noise.filtered[brightest["width"], round(float(brightest["z"]))]
        return np.where(information > 0, signal / np.maximum(information, 1e-30), 0), error, scatter

    def _profile(self, peak):
        centre = np.interp(peak["z"], *_axis(self._matched))
        sigma = self._matched.fwhm(self._matched.widths[peak["width"]], centre) * gaussian_fwhm_to_sigma
        return np.exp(-(((self._matched.wave[self.channels] - centre) / sigma) ** 2) / 2)

    def images(self, places):
        """Return the images of point sources at places."""
        return np.array([self._source.at(place, self.data.shape[1:])[0] for place in places])

    def is_masked(self, y, x, z):
        """Return whether there are masked voxels within two of a place."""
        place = round(z) - self.origin[0], round(y), round(x)
        return bool(self._masked[tuple(slice(max(0, index - 2), index + 3) for index in place)].any())


def _axis(matched):
    return np.arange(len(matched.wave)), matched.wave


def psf_spectra(data, weight, images):
    """Extract the spectra of unresolved objects together, each free of the others' light.

    Parameters
    ----------
    data, weight : ndarray, shape (channels, y, x)
        Data without continuum and their inverse variance, both 0 at invalid voxels.
    images : ndarray, shape (objects, y, x)
        Where an object's light falls.

    Returns
    -------
    flux, error : ndarray, shape (objects, channels)
        Fit of all the images by least squares, channel by channel; the error is infinite where an
        object has no valid voxel.
    """
    count, length = len(images), len(data)
    data, weight = data.reshape(length, -1), weight.reshape(length, -1)
    images = images.reshape(count, -1).astype(np.float32)
    signal = ((weight * data) @ images.T).astype(float)
    pairs = (images[:, None] * images).reshape(count**2, -1)
    matrix = (weight @ pairs.T).astype(float).reshape(length, count, count)
    own = np.einsum("zkk->zk", matrix)
    unseen = own <= 1e-12 * own.max(initial=0)
    matrix = matrix + np.einsum("zk,kl->zkl", np.where(unseen, 1.0, SLACK * own), np.eye(count))
    inverse = np.linalg.inv(matrix)
    variance = np.einsum("zkk->zk", inverse)
    unseen |= ~(variance > 0)
    flux = np.where(unseen, 0, np.einsum("zkl,zl->zk", inverse, signal))
    return flux.T, np.where(unseen, np.inf, np.sqrt(np.where(unseen, 1, variance))).T

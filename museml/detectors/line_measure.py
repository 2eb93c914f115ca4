"""What is measured of the lines that were found: flux, wavelength and width, neighbours told apart."""

from functools import partial

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from museml.data.psf import lsf_fwhm
from museml.detectors.line_fit import LINE, LineSpectrum, fit_lines
from museml.detectors.line_search import weights

__all__ = ["MEASURED", "measure_lines", "psf_spectra"]

#: a measured line, the peak it belongs to, and whether voxels under it are masked
MEASURED = np.dtype([("peak", "i4"), ("masked", "?"), *LINE.descr])
NEIGHBOURS = 2.5  # PSF FWHM within which objects are extracted together
ONE_OBJECT = 0.6  # PSF FWHM within which peaks are of one object
BESIDE = 75  # channels to each side of a line that show the level it stands on
BRIGHT = 8.0  # S/N of lines that may turn out to be two
BETTER = 30.0  # by how much chi^2 must fall for that
APART = 1.2  # FWHM between the two, at least
FAINTEST = 4.0  # S/N of each, at least


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
        In the order of the peaks; a peak that is a blend of two lines has two rows.
    """
    lines = [_measure_group(cube, matched, baseline, noise, peaks, group) for group in _groups(peaks, matched)]
    lines = np.concatenate([np.zeros(0, MEASURED), *lines])
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
    members = peaks[group]
    position = np.column_stack([members["y"], members["x"]])
    objects = _linked(position / (ONE_OBJECT * _psf_pixels(matched, members["z"].mean())))
    places = np.array([np.average(position[k], axis=0, weights=members["snr"][k] ** 2) for k in objects])
    image = partial(matched.psf.image, np.interp(members["z"].mean(), *_axis(matched)), matched.pixel_scale)
    reach, z = matched.halo + BESIDE, members["z"]
    first, last = max(0, int(z.min()) - reach), min(cube.shape[0], int(z.max()) + reach + 2)
    rows, columns, images = _window(image, places, cube.shape[1:])
    data, var = cube.block(first, last, rows, columns)
    data -= baseline.at(first, last, rows, columns)
    weight, masked = weights(data, var, baseline.variance[first:last])
    flux, error = psf_spectra(data, weight, images)
    found = []
    for k, *spectrum in zip(objects, flux, error * noise.scatter[first:last], strict=True):
        lines = _Source(matched, np.arange(first, last), *spectrum, noise.autocorrelation).lines(members[k])
        origin = first, rows.start, columns.start
        lines["masked"] = [_is_beside(masked, members[k][n], origin) for n in lines["peak"]]
        lines["peak"] = group[k][lines["peak"]]
        found.append(lines)
    return np.concatenate(found)


def _axis(matched):
    return np.arange(len(matched.wave)), matched.wave


class _Source:
    """The spectrum of one object, and its lines."""

    def __init__(self, matched, channels, flux, error, correlation):
        self._matched, self._channels = matched, channels
        self._flux, self._error, self._correlation = flux, error, correlation

    def lines(self, peaks):
        """Return the lines at peaks as rows of `MEASURED`; column ``peak`` counts the peaks given."""
        centre = np.interp(peaks["z"], *_axis(self._matched))
        fwhm = self._matched.fwhm(np.take(self._matched.widths, peaks["width"]), centre)
        narrowest = float(lsf_fwhm(centre.mean()))
        spectrum = self._level(peaks["z"])
        lines, chi2 = fit_lines(spectrum, np.column_stack([centre, fwhm]), narrowest)
        numbers = np.arange(len(peaks))
        for k in np.flatnonzero(lines["fit"] & (lines["flux"] > BRIGHT * lines["flux_err"]))[::-1]:
            lines, chi2, split = _split(spectrum, lines, chi2, k, narrowest)
            numbers = np.insert(numbers, k, numbers[k]) if split else numbers
        rows = np.zeros(len(lines), MEASURED)
        rows["peak"] = numbers
        for name in LINE.names:
            rows[name] = lines[name]
        return rows

    def _level(self, z):
        """Subtract the median of the channels beside the lines: a bright line has raised the continuum's medians."""
        away = np.all(np.abs(self._channels - np.reshape(z, (-1, 1))) > self._matched.halo, axis=0)
        beside = away & np.isfinite(self._error)
        flux, count, level_error = self._flux, np.count_nonzero(beside), 0.0
        if count > self._matched.halo:
            flux = flux - np.median(flux[beside])
            correlated = 1 + 2 * np.sum(self._correlation[1:])
            level_error = np.sqrt(np.pi / 2 * np.mean(self._error[beside] ** 2) * max(correlated, 0.5) / count)
        wave = self._matched.wave[self._channels]
        return LineSpectrum(wave, flux, self._error, self._correlation, float(level_error))


def _split(spectrum, lines, chi2, k, narrowest):
    """Return lines and chi^2 with the k-th line as two, if that is much better; and whether it is."""
    wave, fwhm = lines["wave"][k], lines["fwhm"][k]
    guesses = np.column_stack([lines["wave"], lines["fwhm"]])
    pair = [(wave - 0.4 * fwhm, 0.6 * fwhm), (wave + 0.4 * fwhm, 0.6 * fwhm)]
    trial, other = fit_lines(spectrum, np.concatenate([guesses[:k], pair, guesses[k + 1 :]]), narrowest, guesses)
    two = trial[k : k + 2]
    apart = np.diff(two["wave"])[0] > APART * two["fwhm"].mean()
    seen = np.all(two["fit"] & (two["flux"] > FAINTEST * two["flux_err"]))
    if seen and apart and chi2 - other > BETTER:
        return trial, other, True
    return lines, chi2, False


def _is_beside(masked, peak, origin):
    """Return whether there are masked voxels within two of a peak."""
    place = [round(float(peak[name])) - start for name, start in zip("zyx", origin, strict=True)]
    return bool(masked[tuple(slice(max(0, index - 2), index + 3) for index in place)].any())


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
    matrix = matrix + np.einsum("zk,kl->zkl", np.where(unseen, 1.0, 1e-9 * own), np.eye(count))
    inverse = np.linalg.inv(matrix)
    flux = np.where(unseen, 0, np.einsum("zkl,zl->zk", inverse, signal))
    error = np.sqrt(np.maximum(np.einsum("zkk->zk", inverse), 0))
    return flux.T, np.where(unseen, np.inf, error).T


def _window(image, places, shape):
    """Return the part of the field that holds some objects, as slices, and the PSF of each on it."""
    pixels = np.rint(places).astype(int)
    images = [image(offset=tuple(offset)) for offset in places - pixels]
    half = len(images[0]) // 2
    low, high = pixels.min(axis=0) - half, pixels.max(axis=0) + half + 1
    full = np.zeros((len(images), *(high - low)))
    for one, psf, (y, x) in zip(full, images, pixels - half - low, strict=True):
        one[y : y + len(psf), x : x + len(psf)] = psf
    inside = [slice(max(0, a), min(b, n)) for a, b, n in zip(low, high, shape, strict=True)]
    cut = [slice(s.start - a, s.stop - a) for s, a in zip(inside, low, strict=True)]
    return *inside, full[:, *cut]

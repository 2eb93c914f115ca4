"""The lines in the spectrum of one object: the level they stand on, their fit, and blends of two."""

import numpy as np
from astropy.stats import gaussian_fwhm_to_sigma
from scipy.ndimage import gaussian_filter1d

from museml.data.psf import lsf_fwhm
from museml.detectors.line_fit import LineSpectrum, fit_lines, line_and_slopes

__all__ = ["BESIDE", "find_lines"]

BESIDE = 75  # channels to each side of a line that show the level it stands on
BRIGHT = 8.0  # S/N of lines that may turn out to be two
AROUND = 3.0  # FWHM to each side where the other may be
LEFT = 3.0  # S/N of what is left over, at least
BETTER = 30.0  # by how much chi^2 must fall for that
UNSURE = 0.15  # of a line's S/N: what an asymmetry may look like
APART = 1.2  # FWHM between the two, at least
FAINTEST = 4.0  # S/N of each, at least


def find_lines(matched, channels, flux, error, correlation, peaks):
    """Fit the lines at peaks, and those that are blended with them.

    Parameters
    ----------
    matched : `~museml.detectors.matched_filter.MatchedFilter`
        The filter that has found the peaks.
    channels, flux, error : ndarray
        The spectrum of the object at some channels of the cube.
    correlation : sequence of float
        Of the noise, see `~museml.detectors.line_fit.LineSpectrum`.
    peaks : ndarray of `~museml.detectors.peaks.PEAK`
        The object's peaks in this part of the spectrum.

    Returns
    -------
    numbers : ndarray of int
        For each line, which peak it belongs to.
    lines : ndarray of `~museml.detectors.line_fit.LINE`
        At least one for each peak.
    """
    centre = np.interp(peaks["z"], np.arange(len(matched.wave)), matched.wave)
    guesses = np.column_stack([centre, matched.fwhm(np.take(matched.widths, peaks["width"]), centre)])
    narrowest = float(lsf_fwhm(centre.mean()))
    away = np.all(np.abs(channels - np.reshape(peaks["z"], (-1, 1))) > matched.halo, axis=0)
    flux, level_error = _without_level(flux, error, correlation, away & np.isfinite(error), matched.halo)
    spectrum = LineSpectrum(matched.wave[channels], flux, error, correlation, level_error)
    lines, _ = fit_lines(spectrum, guesses, narrowest)
    numbers = np.arange(len(peaks))
    for k in np.flatnonzero(lines["fit"] & (lines["flux"] > BRIGHT * lines["flux_err"]))[::-1]:
        pair = _split(spectrum, lines, k, narrowest)
        if pair is not None:
            lines, numbers = pair, np.insert(numbers, k, numbers[k])
    return numbers, lines


def _without_level(flux, error, correlation, beside, least):
    """Subtract the median of the channels beside the lines: a bright line has raised the continuum's medians.

    Return the flux and the standard error of what was subtracted.
    """
    count = np.count_nonzero(beside)
    if count <= least:
        return flux, 0.0
    correlated = max(1 + 2 * np.sum(correlation[1:]), 0.5)
    level_error = np.sqrt(np.pi / 2 * np.mean(error[beside] ** 2) * correlated / count)
    return flux - np.median(flux[beside]), float(level_error)


def _split(spectrum, lines, k, narrowest):
    """Return the lines with two instead of the k-th, or None if that is not much better."""
    one, guesses = lines[k], np.column_stack([lines["wave"], lines["fwhm"]])
    needed = BETTER + (UNSURE * one["flux"] / one["flux_err"]) ** 2
    best, gain = None, needed
    for pair in _pairs(spectrum, lines, one, narrowest):
        around = np.concatenate([guesses, pair])
        before = fit_lines(spectrum, guesses, narrowest, around)[1]
        trial, after = fit_lines(spectrum, np.concatenate([guesses[:k], pair, guesses[k + 1 :]]), narrowest, around)
        two = trial[k : k + 2]
        apart = abs(np.diff(two["wave"])[0]) > APART * two["fwhm"].mean()
        seen = np.all(two["fit"] & (two["flux"] > FAINTEST * two["flux_err"]))
        if seen and apart and before - after > gain:
            best, gain = trial, before - after
    return best


def _pairs(spectrum, lines, one, narrowest):
    """Return guesses of wavelength and FWHM of two lines: one line cut in two, and one more where most is left over."""
    wave, fwhm = one["wave"], one["fwhm"]
    models = [line_and_slopes(spectrum.wave, line["flux"], line["wave"], line["fwhm"])[0] for line in lines]
    sigma = narrowest * gaussian_fwhm_to_sigma / (spectrum.wave[1] - spectrum.wave[0])
    weight = 1 / spectrum.error**2
    left = gaussian_filter1d((spectrum.flux - np.sum(models, axis=0)) * weight, sigma)
    information = gaussian_filter1d(weight, sigma / np.sqrt(2)) / (2 * np.sqrt(np.pi) * sigma)
    significance = left / np.sqrt(np.maximum(information, 1e-30))
    distance = np.abs(spectrum.wave - wave)
    significance = np.where(distance < AROUND * fwhm, significance, -np.inf)
    if significance.max() < LEFT:
        return []
    other = spectrum.wave[np.argmax(significance)]
    return [(wave - 0.4 * fwhm, 0.6 * fwhm), (wave + 0.4 * fwhm, 0.6 * fwhm)], [(wave, fwhm), (other, narrowest)]

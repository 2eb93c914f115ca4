"""The PSF measured on a star of the field, for cubes whose header does not tell it."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from astropy.stats import sigma_clipped_stats
from scipy.ndimage import gaussian_filter
from scipy.optimize import curve_fit
from skimage.feature import peak_local_max

from museml.data.psf import PSF

__all__ = ["StarPSF", "star_psf"]

BANDS = 4
PLANES = 64  # wavelength planes in memory at once
HALF = 1.6  # half of the side of the square that is fitted, arcsec
CLEAR = 2.6  # radius within which there is no other source, arcsec
OTHER = 0.05  # of the star's height: what counts as another source
PEAK = 15.0  # least height of a candidate's peak over the noise of the white image
CANDIDATES = 12  # the brightest are looked at
POSSIBLE = (0.3, 1.4)  # FWHM of a point source, arcsec
SHAPES = (1.8, 4.5)  # exponent of the Moffat profile; it is higher or lower for galaxies
USUAL = (2.6, 0.4)  # exponent that is usual for MUSE, and its scatter
ROUND = 0.12  # highest ellipticity
MISFIT = 0.04  # highest deviation from the profile, relative to its height
PRECISE = 0.04  # highest relative error of the FWHM
SEEING = -0.2  # exponent of the FWHM's change with wavelength
ALIKE = 1.12  # stars are not wider than the narrowest of the candidates times this


@dataclass(frozen=True)
class StarPSF:
    """A star, and the PSF that it shows.

    Attributes
    ----------
    psf : `~museml.data.psf.PSF`
        Moffat profile whose FWHM is linear in wavelength.
    x, y : float
        The star, in pixels from 0.
    fwhm_err : float
        Standard error of the FWHM at the reference wavelength, in arcsec.
    waves, fwhms, errors : ndarray, shape (bands,)
        What was measured in each band, in Angstrom and arcsec.
    """

    psf: PSF
    x: float
    y: float
    fwhm_err: float
    waves: np.ndarray
    fwhms: np.ndarray
    errors: np.ndarray


def star_psf(cube):
    """Measure the PSF on the brightest isolated point source of a cube.

    Candidates are peaks of the white-light image with nothing brighter than 5 % of them around. One is a star if
    a round Moffat profile fits it, and none of the other candidates is much narrower.

    Parameters
    ----------
    cube : `~museml.data.cubes.CubeData`
        The cube; it is read once.

    Returns
    -------
    StarPSF or None
        None if there is no such source, or it is too faint to measure a FWHM to 4 %.
    """
    if min(cube.shape[1:]) < 2 * _half(cube.pixel_scale) + 1:
        return None
    waves, images, errors = _bands(cube)
    white, error = np.mean(images, axis=0), np.sqrt(np.mean(errors**2, axis=0) / len(errors))
    fits = [(place, _profile(white, error, place, cube.pixel_scale)) for place in _candidates(white, cube.pixel_scale)]
    stars = [(place, fit) for place, fit in fits if fit is not None]
    if not stars:
        return None
    narrowest = min(fit["fwhm"] for _, fit in stars)
    place, fit = next((place, fit) for place, fit in stars if fit["fwhm"] < ALIKE * narrowest)
    return _measured(cube, (waves, images, errors), place, fit)


def _bands(cube):
    """Return mean wavelengths, images and errors of bands of equal width."""
    edges = np.linspace(0, cube.shape[0], min(BANDS, cube.shape[0]) + 1).astype(int)
    signal, weight = np.zeros((2, len(edges) - 1, *cube.shape[1:]))
    for band, (first, last) in enumerate(pairwise(edges)):
        for start in range(first, last, PLANES):
            data, var = cube.block(start, min(start + PLANES, last))
            signal[band] += np.nansum(data / var, axis=0)
            weight[band] += np.nansum(1 / var, axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        images, errors = signal / weight, weight**-0.5
    waves = np.array([cube.wave[first:last].mean() for first, last in pairwise(edges)])
    seen = (weight > 0).any(axis=(1, 2))
    return waves[seen], images[seen], errors[seen]


def _half(scale):
    return int(np.ceil(HALF / scale))


def _candidates(white, scale):
    """Return y and x of the brightest isolated peaks, whose surroundings are in the field and valid."""
    half, clear = _half(scale), CLEAR / scale
    if not np.isfinite(white).any():
        return []
    _, middle, noise = sigma_clipped_stats(white[np.isfinite(white)])
    smooth = gaussian_filter(np.nan_to_num(white - middle), 1.0)
    peaks = peak_local_max(smooth, min_distance=2, threshold_abs=PEAK * noise / 3, exclude_border=half)
    every = peak_local_max(smooth, min_distance=2, threshold_abs=noise, exclude_border=False)
    found = []
    for y, x in peaks[: 5 * CANDIDATES]:
        distance = np.hypot(*(every - (y, x)).T)
        others = every[(distance > 0) & (distance < clear)]
        whole = np.isfinite(white[y - half : y + half + 1, x - half : x + half + 1]).all()
        if whole and not np.any(smooth[tuple(others.T)] > OTHER * smooth[y, x]):
            found.append((int(y), int(x)))
    return found[:CANDIDATES]


def _measured(cube, bands, place, white):
    """Return the `StarPSF`: a FWHM in each band, and a line through them."""
    waves, images, errors = bands
    exponent = _weighted((white["beta"], white["beta_err"]), USUAL)
    fits = [_fit(*pair, place, cube.pixel_scale, exponent) for pair in zip(images, errors, strict=True)]
    known = [fit is not None for fit in fits]
    if not any(known):
        return None
    fwhms, fwhm_errors = np.array([(fit["fwhm"], fit["fwhm_err"]) for fit in fits if fit is not None]).T
    waves, reference = waves[known], float(np.mean(cube.wave))
    line, covariance = _line(waves - reference, fwhms, fwhm_errors, reference)
    error = float(np.hypot(np.sqrt(covariance[0, 0]), white["fwhm_err"]))
    if error > PRECISE * line[0]:
        return None
    psf = PSF(float(line[0]), float(line[1]), exponent, reference)
    return StarPSF(psf, float(white["x"]), float(white["y"]), error, waves, fwhms, fwhm_errors)


def _weighted(*values):
    """Return the mean of (value, error) pairs."""
    values, errors = np.transpose(values)
    return float(np.average(values, weights=errors**-2.0))


def _line(offsets, values, errors, reference):
    """Return constant and slope of a line through FWHM, and their covariance.

    Where the data do not tell the slope, it is that of turbulence, FWHM proportional to wavelength to the power of
    -0.2 (Roddier 1981, Progress in Optics 19, 281), within 1.5 times as much.
    """
    terms = np.stack([np.ones(len(offsets)), offsets], axis=1) / errors[:, None]
    slope = SEEING * np.average(values, weights=errors**-2.0) / reference
    power = terms.T @ terms + np.diag([0, (1.5 * slope) ** -2])
    covariance = np.linalg.inv(power)
    return covariance @ (terms.T @ (values / errors) + [0, slope / (1.5 * slope) ** 2]), covariance


def _profile(image, errors, place, scale):
    """Return the fit of a Moffat profile with a free exponent, or None if the source is no point source."""
    fit = _fit(image, errors, place, scale)
    if fit is None or not POSSIBLE[0] < fit["fwhm"] < POSSIBLE[1] or not SHAPES[0] < fit["beta"] < SHAPES[1]:
        return None
    return fit if fit["misfit"] < MISFIT and fit["ellipticity"] < ROUND + fit["flux_err"] / fit["flux"] else None


def _fit(image, errors, place, scale, beta=None):
    """Fit a Moffat profile, averaged over pixels, and a constant; return what was found, or None."""
    half = _half(scale)
    part = tuple(slice(max(centre - half, 0), centre + half + 1) for centre in place)
    y, x = (index - centre for index, centre in zip(np.mgrid[part], place, strict=True))
    values, sigma = image[part], errors[part].ravel()

    def model(_, flux, dx, dy, fwhm, constant, exponent=beta):
        return (flux * PSF(fwhm, beta=exponent).share(y - dy, x - dx, 7000.0, scale) + constant).ravel()

    height = values.max() - np.median(values)
    start = [height * 12, 0, 0, 0.8, np.median(values), *([] if beta else [2.8])]
    low = [0, -1.5, -1.5, 0.1, -np.inf, *([] if beta else [1.1])]
    high = [np.inf, 1.5, 1.5, 4.0, np.inf, *([] if beta else [20.0])]
    try:
        best, covariance = curve_fit(model, None, values.ravel(), start, sigma, bounds=(low, high))
    except (RuntimeError, ValueError):
        return None
    rest = (values - model(None, *best).reshape(values.shape)) ** 2 - errors[part] ** 2
    shape = (values - best[4]) / height
    misfit = np.sqrt(max(np.mean(rest[shape > 0.2]), 0)) / height
    return {
        "flux": best[0], "flux_err": np.sqrt(covariance[0, 0]), "x": place[1] + best[1], "y": place[0] + best[2],
        "fwhm": best[3], "fwhm_err": np.sqrt(covariance[3, 3]),
        "beta": best[-1], "beta_err": np.sqrt(covariance[-1, -1]), "misfit": misfit,
        "ellipticity": _ellipticity(shape * (shape > 0.2), y - best[2], x - best[1]),
    }  # fmt: skip


def _ellipticity(shape, y, x):
    """Return (a - b) / (a + b) of the axes a and b of an image's second moments."""
    xx, yy, xy = (np.sum(shape * product) / max(np.sum(shape), 1e-30) for product in (x * x, y * y, x * y))
    return np.hypot(xx - yy, 2 * xy) / max(xx + yy, 1e-30) / 2

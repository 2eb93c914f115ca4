"""Other ways to find sources in a cube, for bench_cubes.py; each as its authors or users run it."""

import importlib.util
import os
import shutil
import tempfile
from contextlib import redirect_stdout
from functools import partial
from io import StringIO
from pathlib import Path

import numpy as np
from astropy.stats import mad_std
from astropy.table import Table, vstack
from cubes_finders import found
from scipy.ndimage import convolve, maximum_filter, median_filter
from scipy.signal import fftconvolve
from scipy.sparse import diags_array
from scipy.spatial import cKDTree

from museml.data.cubes import open_cube
from museml.data.line_profiles import C_KMS
from museml.data.psf import DEFAULT_PSF
from museml.detectors.collapse import collapse

__all__ = ["RIVALS", "available"]

MEDIAN = 151  # channels of the running median, as LSDCat's users take it
VELOCITY = 300.0  # km/s, FWHM of the line that LSDCat looks for
WEIGHTS = (0.26, 0.7, 1.0, 0.7, 0.26)  # of the channels of a narrow-band image: those of MUSELET
BESIDE = 20  # channels on each side for its continuum: MUSELET's
LEAST = 3.5  # S/N from which peaks are listed
SAME = (2.0, 6.0)  # pixels and Angstrom within which detections in neighbouring channels are one
AREA, SIGMA = 5, 1.5  # continuum sources: number of pixels above so many standard errors
SMALL = np.outer([1, 2, 1], [1, 2, 1]) / 16  # the usual filter of SExtractor


def matched_filter(path):
    """Find lines by the method of LSDCat 2 (Herenz 2023, AN 344, e606), written anew with scipy.

    Running median as continuum, a Gaussian line of constant width in velocity, the PSF, weights 1 / variance, local
    maxima of S/N.
    """
    cube = open_cube(path)
    data, variance = cube.block(0, cube.shape[0])
    data = data - median_filter(data, (MEDIAN, 1, 1))
    image = (cube.psf or DEFAULT_PSF).image(cube.wave.mean(), cube.pixel_scale)
    line, power = _lines(cube.wave), _lines(cube.wave, 2)
    signal = _along(line, _each(fftconvolve, data / variance, image))
    noise = _along(power, _each(fftconvolve, 1 / variance, image**2))
    snr = signal / np.sqrt(noise)
    peaks = np.argwhere((snr == maximum_filter(snr, (9, 5, 5))) & (snr > LEAST))
    return _of_peaks(cube, peaks, snr)


def _lines(wave, power=1):
    """Return the Gaussian line at each channel as a sparse matrix."""
    sigma = VELOCITY / C_KMS * wave / 2.355 / (wave[1] - wave[0])
    reach = int(np.ceil(4 * sigma.max()))
    steps, n = range(-reach, reach + 1), len(wave)
    diagonals = [np.exp(-power * k**2 / (2 * sigma**2))[max(-k, 0) : n - max(k, 0)] for k in steps]
    return diags_array(diagonals, offsets=steps, shape=(n, n)).tocsr().astype(np.float32)


def _along(matrix, values):
    return (matrix @ values.reshape(len(values), -1)).reshape(values.shape)


def _each(function, planes, kernel):
    return np.array([function(plane, kernel, "same") for plane in planes], np.float32)


def _of_peaks(cube, peaks, snr):
    z, y, x = peaks.T
    height = snr[z, y, x]
    return found(x=x, y=y, wave=cube.wave[z], score=height, snr=height)


def narrow_bands(path, find):
    """Find lines in narrow-band images, one around each channel, and put neighbouring channels together.

    Parameters
    ----------
    path : path
        The cube.
    find : callable
        Takes image, error and FWHM in pixels; returns x, y, S/N.
    """
    cube = open_cube(path)
    data, variance = cube.block(0, cube.shape[0])
    fwhm = float((cube.psf or DEFAULT_PSF).fwhm_at(cube.wave.mean())) / cube.pixel_scale
    rows = []
    for channel in range(len(cube.wave)):
        image, error = _narrow_band(data, variance, channel)
        x, y, snr = find(image, error, fwhm)
        rows += [(cube.wave[channel], *row) for row in zip(x, y, snr, strict=True)]
    wave, x, y, snr = np.array(rows, float).reshape(-1, 4).T
    kept = _best(x, y, wave, snr)
    return found(x=x[kept], y=y[kept], wave=wave[kept], score=snr[kept], snr=snr[kept])


def _narrow_band(data, variance, channel):
    """Return the weighted mean of five channels less the median of those beside, and its error."""
    part = slice(max(channel - 2, 0), channel + 3)
    weight = np.array(WEIGHTS, np.float32)[max(2 - channel, 0) :][: len(data[part]), None, None] / variance[part]
    left, right = data[max(channel - 2 - BESIDE, 0) : max(channel - 2, 0)], data[channel + 3 : channel + 3 + BESIDE]
    total = weight.sum(axis=0)
    image = (weight * data[part]).sum(axis=0) / total - np.median(np.concatenate([left, right]), axis=0)
    return image, np.sqrt((weight**2 * variance[part]).sum(axis=0)) / total


def _best(x, y, wave, snr):
    """Return the detections that no better one has within `SAME`, the best first."""
    points = np.column_stack([x / SAME[0], y / SAME[0], wave / SAME[1]])
    order, taken, kept = np.argsort(-snr), np.zeros(len(snr), bool), []
    tree = cKDTree(points) if len(points) else None
    for row in order:
        if not taken[row]:
            kept.append(row)
            taken[tree.query_ball_point(points[row], 1)] = True
    return np.array(kept, int)


def sep_narrow(image, error, fwhm):
    """Find sources with SEP: peaks of S/N above 2.5 in the image filtered with the PSF's Gaussian."""
    from sep import extract

    kernel = _gaussian(fwhm)
    rows = extract(np.ascontiguousarray(image), 2.5, err=error, minarea=3, filter_kernel=kernel)
    return (
        rows["xcpeak"],
        rows["ycpeak"],
        rows["cpeak"] / (np.median(error) * np.sqrt((kernel**2).sum()) / kernel.sum()),
    )


def photutils_narrow(image, error, fwhm):
    """Find peaks with photutils in the image convolved with the PSF's Gaussian, in units of its scatter."""
    from photutils.detection import find_peaks

    snr = convolve(image, _gaussian(fwhm))
    rows = find_peaks(snr / mad_std(snr), LEAST, box_size=5)
    return ((), (), ()) if rows is None else (rows["x_peak"], rows["y_peak"], rows["peak_value"])


def _gaussian(fwhm):
    axis = np.arange(-int(fwhm), int(fwhm) + 1)
    return np.exp(-np.add.outer(axis**2, axis**2) / (2 * (fwhm / 2.355) ** 2))


def muselet(path, threshold=None):
    """Find lines and continuum sources with MUSELET of MPDAF; SExtractor must be installed.

    With a threshold SExtractor's are lowered to it in the narrow-band images, and the cut at 5 sigma is left out.
    """
    from mpdaf.obj import Cube
    from mpdaf.sdetect.muselet import clean_raw_catalog, load_raw_catalog, step1, step2

    config = {} if threshold is None else {"detect_thresh": threshold, "analysis_thresh": threshold}
    with tempfile.TemporaryDirectory() as folder, redirect_stdout(StringIO()):
        work, cube = Path(folder), Cube(str(path))
        _name_sextractor(work)
        step1(path, dir_=work)
        step2(path, sex_config={}, sex_config_nb=config, dir_=work)
        rows = load_raw_catalog(work, cube, ((5573.5, 5578.8), (6297.0, 6300.5)))
        if threshold is None:
            rows = clean_raw_catalog(rows, work, 0.5)
        continuum = Table.read(work / "cat_bgr.dat", format="ascii.fixed_width_two_line")
    snr = np.nan_to_num(np.ma.filled(np.ma.asarray(rows["FLUX"] / rows["FLUX_ERR"], float), 0.0))
    x, y, wave = (np.array(rows[name], float) for name in ("I_X", "I_Y", "WAVE"))
    kept = _best(x, y, wave, snr)
    lines = found(x=x[kept], y=y[kept], wave=wave[kept], score=snr[kept], snr=snr[kept])
    brightness = -np.array(continuum["MAG_APER_G"], float)
    return vstack([lines, found("continuum", x=continuum["I_X"], y=continuum["I_Y"], score=brightness)])


def _name_sextractor(folder):
    """Give SExtractor the name under which MUSELET looks for it; Debian's is another."""
    if not shutil.which("sex"):
        (folder / "sex").symlink_to(shutil.which("source-extractor"))
        os.environ["PATH"] = f"{folder}{os.pathsep}{os.environ['PATH']}"


def white(path, find, kernel):
    """Find continuum sources in the white-light image."""
    from photutils.background import SExtractorBackground

    cube = open_cube(path)
    image, weight = collapse(cube).white()
    kernel = cube.psf.image(cube.wave.mean(), cube.pixel_scale) if kernel is None else kernel
    x, y, flux = find(image - np.float32(SExtractorBackground()(image)), weight**-0.5, kernel)
    return found("continuum", x=x, y=y, score=flux)


def photutils_white(image, error, kernel):
    """Find and deblend sources with photutils' default settings."""
    from photutils.segmentation import SourceCatalog, SourceFinder

    convolved, noise = convolve(image, kernel), np.sqrt(convolve(error**2, kernel**2))
    segments = SourceFinder(n_pixels=AREA, progress_bar=False)(convolved, SIGMA * noise)
    if segments is None:
        return (), (), ()
    catalog = SourceCatalog(image, segments)
    return catalog.x_centroid, catalog.y_centroid, catalog.segment_flux


def sep_white(image, error, kernel):
    """Find and deblend sources with the default settings of SEP, the library of SExtractor."""
    from sep import extract

    rows = extract(image, SIGMA, err=error, minarea=AREA, filter_kernel=kernel)
    return rows["x"], rows["y"], rows["flux"]


def available():
    """Return the names of the rivals that can be run here."""
    missing = {"SEP": importlib.util.find_spec("sep") is None}
    missing["MUSELET"] = not (shutil.which("sex") or shutil.which("source-extractor"))
    return [name for name in RIVALS if not missing.get(name.split(",")[0], False)]


#: name -> function of the path of a cube
RIVALS = {
    "matched filter": matched_filter,
    "SEP, narrow bands": partial(narrow_bands, find=sep_narrow),
    "photutils, narrow bands": partial(narrow_bands, find=photutils_narrow),
    "MUSELET": muselet,
    "MUSELET, low threshold": partial(muselet, threshold=1.2),
    "photutils, white": partial(white, find=photutils_white, kernel=np.ones((1, 1))),
    "photutils, white, 3 x 3": partial(white, find=photutils_white, kernel=SMALL),
    "photutils, white, PSF": partial(white, find=photutils_white, kernel=None),
    "SEP, white": partial(white, find=sep_white, kernel=np.ones((1, 1))),
    "SEP, white, 3 x 3": partial(white, find=sep_white, kernel=SMALL),
    "SEP, white, PSF": partial(white, find=sep_white, kernel=None),
}

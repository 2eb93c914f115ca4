"""White-light and band images of a cube, and their signal-to-noise ratio for point sources."""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from astropy.stats import SigmaClip, gaussian_fwhm_to_sigma, mad_std
from photutils.background import Background2D, SExtractorBackground
from scipy.ndimage import gaussian_filter
from scipy.signal import fftconvolve
from skimage.feature import peak_local_max

from museml.detectors.false_alarms import expected_maxima

__all__ = ["BandImage", "background", "band_images", "matched_filter", "sharpened"]

MESH = 40  # least side of the background's meshes in pixels; a field of less than two has one background
NEGATIVE = 3.0  # depth of the negative peaks that are counted
WITHIN = 0.5  # part of a PSF on valid pixels from which a source may be at a pixel without data
COVERED = 0.9  # part of a sharpened PSF on valid pixels, without which it would see the background
SMOOTH = 0.99  # highest correlation of neighbouring pixels that is believed
TINY = 1e-6  # least scatter of a signal-to-noise ratio
CLIP = SigmaClip(sigma=3.0)


@dataclass(frozen=True)
class BandImage:
    """One image of the cube, through one filter.

    Attributes
    ----------
    name : str
        'white', or the band's range as 'first-last' in Angstrom.
    sharp : bool
        Whether the filter is the sharpened PSF.
    data, weight : ndarray, shape (y, x)
        Mean flux density, and its inverse variance (0 where there are no data).
    kernel : ndarray
        The filter.
    scale : float
        Scatter of the filtered signal-to-noise ratio in images of the noise alone; 1 if the variances are
        right and neighbouring pixels independent.
    correlations : tuple of float
        Correlation of the noise of neighbouring pixels of ``snr`` along y and x.
    snr : ndarray, shape (y, x)
        Signal-to-noise ratio of a point source at each pixel, divided by ``scale``.
    excess : float
        Negative peaks found, relative to those expected of the noise; 1 or more.
    """

    name: str
    sharp: bool
    data: np.ndarray
    weight: np.ndarray
    kernel: np.ndarray
    scale: float
    correlations: tuple
    snr: np.ndarray = None
    excess: float = 1.0

    def without_background(self, sources):
        """Return the image less its background, which is measured outside the sources, and filtered."""
        valid = self.weight > 0
        data = np.where(valid, self.data - background(self.data, valid, sources), 0)
        snr = matched_filter(data, self.weight, self.kernel) / self.scale
        if self.sharp:
            snr[~covered(valid, self.kernel)] = 0
        found = len(peak_local_max(-snr, threshold_abs=NEGATIVE, exclude_border=False))
        expected = self._expected(NEGATIVE)
        return replace(self, data=data, snr=snr, excess=max(1.0, found / max(expected, 1.0)))

    def n_false(self, snr):
        """Return the expected number of false peaks at least as high as ``snr``."""
        return self.excess * self._expected(snr)

    def _expected(self, snr):
        return expected_maxima(snr, np.count_nonzero(self.weight), self.correlations)


def band_images(collapsed, psf, pixel_scale, sharp=False):
    """Return the white-light image and, if there are several, those of the bands, not yet filtered.

    Parameters
    ----------
    collapsed : `~museml.detectors.collapse.Collapsed`
    psf : `~museml.data.psf.PSF`
    pixel_scale : float
        Pixel size in arcsec.
    sharp : bool
        Whether to filter with the sharpened PSF.

    Returns
    -------
    list of BandImage
    """
    edges = collapsed.edges
    kernels = [_kernel(psf, wave, pixel_scale, sharp) for wave in (edges[:-1] + edges[1:]) / 2]
    noise = _alike([_noise(collapsed, band, kernel) for band, kernel in enumerate(kernels)])
    white = _image("white", sharp, collapsed.white(), _mean_kernel(collapsed, kernels), np.median(noise, axis=0))
    if len(kernels) == 1:
        return [white]
    names = [f"{first:.0f}-{last:.0f}" for first, last in pairwise(edges)]
    rows = zip(names, map(collapsed.band, range(len(names))), kernels, noise, strict=True)
    return [white, *(_image(name, sharp, *row) for name, *row in rows)]


def matched_filter(image, weight, kernel):
    """Return the signal-to-noise ratio of a source shaped like the kernel at each pixel.

    Parameters
    ----------
    image, weight : ndarray, shape (y, x)
        Values and inverse variances; weight 0 where there are no data.
    kernel : ndarray
        Shape of the source; symmetric.

    Returns
    -------
    ndarray, shape (y, x)
        0 at pixels without data of their own when less than half of the kernel lies on data.
    """
    signal = fftconvolve(image * weight, kernel, "same")
    power = fftconvolve(weight, kernel**2, "same")
    snr = np.zeros_like(signal)
    enough = (power > 1e-4 * power.max()) & ((weight > 0) | covered(weight > 0, kernel, WITHIN))
    snr[enough] = signal[enough] / np.sqrt(power[enough])
    return snr


def covered(valid, kernel, part=COVERED):
    """Return where more than a part of the kernel, by default nearly all of it, lies on valid pixels."""
    kernel = np.abs(kernel) / np.abs(kernel).sum()
    return fftconvolve(valid, kernel, "same") > part


def sharpened(kernel, fwhm):
    """Return the kernel less its blurred self: it separates neighbours and does not see a smooth background.

    Parameters
    ----------
    kernel : ndarray
        The PSF.
    fwhm : float
        Its FWHM in pixels; the blur has the same. A point source keeps 3/4 of its signal-to-noise ratio.
    """
    kernel = np.pad(kernel, int(np.ceil(fwhm)))
    return kernel - gaussian_filter(kernel, fwhm * gaussian_fwhm_to_sigma)


def background(image, valid, sources):
    """Return the background of the valid pixels outside the sources: a number, or an image if the field is large."""
    if min(image.shape) < 2 * MESH:
        return SExtractorBackground(sigma_clip=CLIP)(image[valid & ~sources])
    tilt = _plane(image, valid & ~sources)
    sides = [int(np.ceil(n / (n // MESH))) for n in image.shape]
    masks = {"mask": sources & valid, "coverage_mask": ~valid}
    return tilt + Background2D(image - tilt, sides, **masks, exclude_percentile=80, sigma_clip=CLIP).background


def _plane(image, empty):
    """Return the plane through the empty pixels; meshes alone would be flat at the field's edges."""
    y, x = np.indices(image.shape) / max(image.shape)
    terms = np.stack([np.ones(image.shape), x, y], axis=-1)
    kept = empty.copy()
    kept[empty] = ~CLIP(image[empty]).mask
    return terms @ np.linalg.lstsq(terms[kept], image[kept])[0]


def _image(name, sharp, pair, kernel, noise):
    scale, *correlations = noise
    return BandImage(name, sharp, *pair, kernel, scale, tuple(correlations))


def _kernel(psf, wave, pixel_scale, sharp):
    kernel = psf.image(wave, pixel_scale)
    return sharpened(kernel, float(psf.fwhm_at(wave)) / pixel_scale) if sharp else kernel


def _mean_kernel(collapsed, kernels):
    """Return the PSF in white light: the mean of those of the bands, with the weights of the bands."""
    side = max(len(kernel) for kernel in kernels)
    padded = [np.pad(kernel, (side - len(kernel)) // 2) for kernel in kernels]
    weights = [collapsed.band(band)[1].mean() for band in range(len(kernels))]
    return np.average(padded, axis=0, weights=weights if np.any(weights) else None)


def _noise(collapsed, band, kernel):
    """Return scatter and two correlations of the S/N in noise alone, in each of a band's slices."""
    filtered = [(matched_filter(image, weight, kernel), weight > 0) for image, weight in collapsed.noise(band)]
    measured = [_scatter(snr, valid) for snr, valid in filtered if np.ptp(snr) > 0]
    return np.array(measured or [(1.0, SMOOTH, SMOOTH)])


def _alike(noise):
    """Return the medians over each band's slices; scatters that differ by no more than chance become the same."""
    medians = np.array([np.median(slices, axis=0) for slices in noise])
    scale = np.log(medians[:, 0])
    chance = np.mean([np.var(np.log(slices[:, 0])) * np.pi / 2 / max(len(slices) - 1, 1) for slices in noise])
    spread = np.var(scale) * len(scale) / max(len(scale) - 1, 1)
    share = max(0.0, 1 - chance / spread) if spread > 0 else 1.0
    medians[:, 0] = np.exp(scale.mean() + share * (scale - scale.mean()))
    return medians


def _scatter(snr, valid):
    scale = max(mad_std(snr[valid]), TINY)
    return scale, _correlation(snr.T, valid.T, scale), _correlation(snr, valid, scale)


def _correlation(snr, valid, scale):
    """Return the correlation of neighbours along the second axis."""
    step = np.diff(snr)[valid[:, 1:] & valid[:, :-1]]
    return np.clip(1 - (mad_std(step) / scale) ** 2 / 2, 1 - SMOOTH, SMOOTH) if step.size else SMOOTH

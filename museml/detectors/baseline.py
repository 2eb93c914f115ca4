"""The continuum under the lines: medians of wavelength blocks, interpolated between."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.ndimage import binary_dilation, maximum_filter, percentile_filter
from scipy.signal import savgol_filter

from museml.data.threads import in_threads
from museml.detectors.matched_filter import filter_image
from museml.detectors.robust import median, spread

__all__ = ["Baseline", "measure_baseline"]

SKY_EXCESS = 2.25  # variance over that of the surroundings: noise 1.5 times higher
SURROUNDINGS = 151  # channels
SMOOTH = 5  # blocks, odd
SIGNIFICANT = 3.0  # standard errors by which a block must differ from its smooth surroundings
SPARSE = 2  # pixels between those whose variances are looked at
SKY_WINGS = 3  # channels beside a sky line that a line found there still touches


@dataclass(frozen=True)
class Baseline:
    """What a cube has besides lines.

    Attributes
    ----------
    centres : ndarray, shape (n,)
        Middle channel of each block.
    nodes : ndarray, shape (n, y, x), float32
        Median of the data in each block.
    variance : ndarray, shape (wavelengths,)
        Median over the field of the variance; NaN where no voxel is valid.
    """

    centres: np.ndarray
    nodes: np.ndarray
    variance: np.ndarray

    def at(self, first, last, rows=slice(None), columns=slice(None)):
        """Return the continuum of the channels ``first`` to ``last``, in a part of the field: (channels, y, x)."""
        nodes = self.nodes[:, rows, columns]
        if len(self.centres) == 1:
            return np.repeat(nodes, last - first, axis=0)
        channels = np.arange(first, last)
        left = np.clip(np.searchsorted(self.centres, channels) - 1, 0, len(self.centres) - 2)
        part = (channels - self.centres[left]) / (self.centres[left + 1] - self.centres[left])
        weights = np.zeros((len(channels), len(self.centres)), np.float32)
        weights[np.arange(len(channels)), left] = 1 - part
        weights[np.arange(len(channels)), left + 1] += part
        return np.tensordot(weights, nodes, axes=1)

    def sky(self):
        """Return, per channel, whether it is at a strong night-sky line: the noise is far above the surroundings'."""
        variance = np.where(np.isfinite(self.variance), self.variance, np.nanmedian(self.variance))
        strong = variance > SKY_EXCESS * percentile_filter(variance, 25, SURROUNDINGS, mode="nearest")
        return binary_dilation(strong, iterations=SKY_WINGS)


def measure_baseline(cube, block=150, psf=None):
    """Measure the continuum of each spaxel.

    The medians of the blocks of most spaxels hold nothing but noise, and a share of any line. So
    they are replaced by a straight line through `SMOOTH` blocks, except where they differ from it
    significantly.

    Parameters
    ----------
    cube : `~museml.data.cubes.CubeData`
        The cube.
    block : int
        Channels in one block; a line must fill less than half of it.
    psf : `~museml.data.psf.PSF`
        The PSF of objects whose continuum may be significant; without one every block counts.

    Returns
    -------
    Baseline
    """
    count = max(1, round(cube.shape[0] / block))
    edges = np.linspace(0, cube.shape[0], count + 1).astype(int)
    nodes, variance = zip(*in_threads(_medians, (cube.block(*limits) for limits in pairwise(edges))), strict=True)
    nodes, centres = np.stack(nodes), (edges[1:] + edges[:-1] - 1) / 2
    if psf is not None and count >= SMOOTH:
        middle = cube.wave[len(cube.wave) // 2]
        nodes = _where_significant(nodes, psf.image(middle, cube.pixel_scale), psf.fwhm_at(middle) / cube.pixel_scale)
    return Baseline(centres, nodes, np.concatenate(variance))


def _medians(block):
    """Return the median of a block's data in each spaxel, and of its variances in each channel."""
    data, var = block
    return np.nan_to_num(median(np.moveaxis(data, 0, -1))), median(var[:, ::SPARSE, ::SPARSE].reshape(len(var), -1))


def _where_significant(nodes, image, fwhm):
    """Return smooth nodes, except near objects whose own differ significantly from them."""
    smooth = savgol_filter(nodes, SMOOTH, 1, axis=0).astype(np.float32)
    detail = nodes - smooth
    common = median(detail.reshape(len(detail), -1))[:, None, None].astype(np.float32)  # residuals of the sky
    detail -= common
    seen = filter_image(detail, image)
    scatter = spread(seen.reshape(len(seen), -1))[:, None, None]
    near = maximum_filter(np.abs(seen) > SIGNIFICANT * scatter, (1, *2 * [2 * int(np.ceil(fwhm)) + 1]))
    return smooth + common + np.where(near, detail, 0)

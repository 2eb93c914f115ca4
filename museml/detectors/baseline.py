"""The continuum under the lines: medians of wavelength blocks, interpolated between."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.ndimage import binary_dilation, percentile_filter

from museml.detectors.robust import median

__all__ = ["Baseline", "measure_baseline"]

SKY_EXCESS = 2.25  # variance over that of the surroundings: noise 1.5 times higher
SURROUNDINGS = 151  # channels
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


def measure_baseline(cube, block=150):
    """Measure the continuum of each spaxel.

    Parameters
    ----------
    cube : `~museml.data.cubes.CubeData`
        The cube.
    block : int
        Channels in one block; a line must fill less than half of it.

    Returns
    -------
    Baseline
    """
    count = max(1, round(cube.shape[0] / block))
    edges = np.linspace(0, cube.shape[0], count + 1).astype(int)
    nodes, variance = np.empty((count, *cube.shape[1:]), np.float32), []
    for k, (first, last) in enumerate(pairwise(edges)):
        data, var = cube.block(first, last)
        nodes[k] = np.nan_to_num(median(np.moveaxis(data, 0, -1)))
        variance.append(median(var.reshape(last - first, -1)))
    return Baseline((edges[1:] + edges[:-1] - 1) / 2, nodes, np.concatenate(variance))

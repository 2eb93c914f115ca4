"""The noise of a filtered cube as it is: its scatter, region by region, and its smoothness."""

import numpy as np
from scipy.ndimage import uniform_filter1d

from museml.detectors.robust import ONE_SIGMA, median, quantile, spread

__all__ = ["NoiseField", "channel_noise"]

LEAST = 0.5  # scatter: variances are not thought to be more than four times too large
CHANNELS = 5  # averaged where the scatter of single channels is looked at
BLOCKS = 5  # averaged where the scatter of single spaxels is looked at
OFFSET = 3.0  # standard errors by which the offset of a channel must stand out
SIGNIFICANT = 4.0  # standard errors by which a channel or spaxel must stand out
CLIP = 3.0  # S/N beyond this does not count for the smoothness


def channel_noise(snr, sky, area):
    """Measure offset and scatter of S/N channel by channel.

    Parameters
    ----------
    snr : ndarray, shape (channels, y, x)
        NaN where there is none.
    sky : ndarray of bool, shape (channels,)
        Channels on strong sky lines.
    area : float
        Pixels that share one independent value.

    Returns
    -------
    offset, scatter : ndarray, shape (channels,)
        The offset is what the whole field has in common, 0 where it is not significant: residuals of
        the sky. The scatter is that of the whole block, and more where a channel stands out. Both are
        taken from the lower half of the values, since extended objects may fill most of the field.
    """
    flat = snr.reshape(len(snr), -1)
    usual = spread(flat[::2].reshape(1, -1))[0]
    usual = max(usual, LEAST) if usual > 0 else 1.0
    error = 1.5 / np.sqrt(max(flat.shape[1] / area, 1))
    middle, low = np.nan_to_num(median(flat)) / usual, np.nan_to_num(quantile(flat, ONE_SIGMA), nan=-usual) / usual
    offset = np.where(sky | (middle < 0), middle, np.clip(low + 1, 0, np.maximum(middle, 0)))
    offset = np.where(np.abs(offset) > OFFSET * error, offset, 0)
    return usual * offset, usual * _outstanding(offset - low, sky, error)


def _outstanding(scatter, sky, error):
    """Return the scatter where it is significantly above 1, or the channel is on a sky line; else 1."""
    local = uniform_filter1d(scatter, CHANNELS, mode="nearest")
    local = np.where(sky, np.maximum(local, scatter), local)
    return np.where((local > 1 + SIGNIFICANT * error) | sky, np.maximum(local, 1), 1)


class NoiseField:
    """What a search learns of the noise on its way through a cube."""

    def __init__(self):
        self.voxels = 0
        self._power, self._products, self._spreads, self._starts = 0.0, np.zeros(3), [], []

    def add(self, snr, start):
        """Look at a block of S/N already divided by its channels' scatter; ``start`` is its first channel."""
        clipped = np.nan_to_num(np.clip(snr, -CLIP, CLIP))
        self.voxels += int(np.count_nonzero(np.isfinite(snr)))
        self._power += float(np.vdot(clipped, clipped))
        for axis in range(3):
            values = np.moveaxis(clipped, axis, 0)
            self._products[axis] += float(np.vdot(values[1:], values[:-1])) * len(values) / max(len(values) - 1, 1)
        self._spreads.append(spread(np.moveaxis(snr[::2], 0, -1)))
        self._starts.append(start)

    @property
    def correlations(self):
        """Correlation of neighbouring values along each axis."""
        return np.clip(self._products / max(self._power, 1e-30), 0.01, 0.99)

    def spaxel_scatter(self, independent):
        """Return a function of (z, y, x) that gives how far the scatter of a spaxel stands out there, at least 1.

        Parameters
        ----------
        independent : float
            Independent values that one spaxel has in one block.
        """
        scatter = uniform_filter1d(np.nan_to_num(self._spreads, nan=1.0), BLOCKS, axis=0, mode="nearest")
        error = 1.3 / np.sqrt(max(independent, 1) * min(BLOCKS, len(scatter)))
        scatter = np.where(scatter > 1 + SIGNIFICANT * error, scatter, 1)

        def at(z, y, x):
            block = np.clip(np.searchsorted(self._starts, z, side="right") - 1, 0, None)
            return scatter[block, np.rint(y).astype(int), np.rint(x).astype(int)]

        return at

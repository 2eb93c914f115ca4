"""The noise of a filtered cube as it is: its scatter, region by region, and its smoothness."""

import numpy as np
from scipy.ndimage import uniform_filter1d

from museml.detectors.robust import ONE_SIGMA, median, quantile, spread

__all__ = ["NoiseField", "channel_scatter"]

CHANNELS = 5  # averaged where the scatter of single channels is looked at
BLOCKS = 5  # averaged where the scatter of single spaxels is looked at
SIGNIFICANT = 4.0  # standard errors by which a channel or spaxel must stand out
CLIP = 3.0  # S/N beyond this does not count for the smoothness


def channel_scatter(snr, sky, area):
    """Measure the scatter of S/N channel by channel.

    Parameters
    ----------
    snr : ndarray, shape (channels, y, x)
        NaN where there is none.
    sky : ndarray of bool, shape (channels,)
        Channels on strong sky lines; there an offset of the whole field counts as scatter, too.
    area : float
        Pixels that share one independent value.

    Returns
    -------
    ndarray, shape (channels,)
        That of the whole block, and more where a channel stands out. Only values below zero are
        looked at, since lines of extended objects may fill the field.
    """
    flat = snr.reshape(len(snr), -1)
    usual = spread(flat[::2].reshape(1, -1))[0]
    usual = usual if usual > 0 else 1.0
    single = np.where(sky, np.hypot(spread(flat), median(flat)), -quantile(flat, ONE_SIGMA)) / usual
    local = uniform_filter1d(np.nan_to_num(single, nan=1.0), CHANNELS, mode="nearest")
    error = 1.5 / np.sqrt(max(flat.shape[1] / area, 1))
    local = np.where(sky, np.maximum(local, single), local)
    return usual * np.where((local > 1 + SIGNIFICANT * error) | sky, np.maximum(local, 1), 1)


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

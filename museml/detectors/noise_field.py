"""The noise of a filtered cube as it is: its scatter, region by region, and its smoothness."""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import uniform_filter1d

from museml.detectors.robust import ONE_SIGMA, quantiles, spread

__all__ = ["BlockNoise", "NoiseField", "block_noise", "channel_noise"]

LEAST = 0.5  # scatter: variances are not thought to be more than four times too large
CHANNELS = 5  # averaged where the scatter of single channels is looked at
BLOCKS = 5  # averaged where the scatter of single spaxels is looked at
OFFSET = 3.0  # standard errors by which the offset of a channel must stand out
SIGNIFICANT = 4.0  # standard errors by which a channel or spaxel must stand out
LAGS = 9  # channels over which the correlation of planes is looked at
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
    middle, low = quantiles(flat, (0.5, ONE_SIGMA))
    middle, low = np.nan_to_num(middle) / usual, np.nan_to_num(low, nan=-usual) / usual
    offset = np.where(sky | (middle < 0), middle, np.clip(low + 1, 0, np.maximum(middle, 0)))
    offset = np.where(np.abs(offset) > OFFSET * error, offset, 0)
    return usual * offset, usual * _outstanding(offset - low, sky, error)


def _outstanding(scatter, sky, error):
    """Return the scatter where it is significantly above 1, or the channel is on a sky line; else 1."""
    local = uniform_filter1d(scatter, CHANNELS, mode="nearest")
    local = np.where(sky, np.maximum(local, scatter), local)
    return np.where((local > 1 + SIGNIFICANT * error) | sky, np.maximum(local, 1), 1)


@dataclass(frozen=True)
class BlockNoise:
    """What one block tells of the noise.

    Attributes
    ----------
    start : int
        The block's first channel.
    voxels : int
        Number of valid voxels.
    power : float
        Sum of the squared S/N.
    products : ndarray, shape (3,)
        Sums of the products of neighbouring S/N along each axis.
    spread : ndarray, shape (y, x)
        Scatter of the S/N of each spaxel.
    scatter : ndarray, shape (channels,)
        Of the planes filtered with the PSF alone, in units of what the variances say.
    filtered : ndarray, shape (widths, channels)
        Scatter of the S/N of lines that it was divided by.
    lags : ndarray, shape (lags,)
        Sums of the products of these planes at distances of 0, 1, 2... channels.
    """

    start: int
    voxels: int
    power: float
    products: np.ndarray
    spread: np.ndarray
    scatter: np.ndarray
    filtered: np.ndarray
    lags: np.ndarray


def block_noise(snr, masked, start, planes, filtered):
    """Look at a block of S/N already divided by its channels' scatter.

    Parameters
    ----------
    snr, masked : ndarray, shape (channels, y, x)
        S/N, 0 where it is masked.
    start : int
        The block's first channel.
    planes : ndarray, shape (more channels, spaxels)
        S/N of the planes filtered with the PSF alone, in some spaxels.
    filtered : ndarray, shape (widths, channels)
        The scatter that S/N was divided by; ``snr`` is that of the first width.

    Returns
    -------
    BlockNoise
    """
    clipped, products = np.clip(snr, -CLIP, CLIP), np.zeros(3)
    for axis in range(3):
        values = np.moveaxis(clipped, axis, 0)
        products[axis] = float(np.vdot(values[1:], values[:-1])) * len(values) / max(len(values) - 1, 1)
    spaxels = spread(np.moveaxis(np.where(masked[::2], np.float32(np.nan), snr[::2]), 0, -1)).astype(np.float32)
    usual, lags = _plane_noise(planes)
    voxels, power = int(np.count_nonzero(~masked)), float(np.vdot(clipped, clipped))
    scatter = usual * filtered[0] / filtered[0].min()
    return BlockNoise(start, voxels, power, products, spaxels, scatter, filtered, lags)


def _plane_noise(planes):
    """Return the scatter of planes and the sums of their products at distances of 0 to `LAGS` - 1 channels."""
    scatter = spread(planes.reshape(1, -1))[0]
    scatter = float(max(scatter, LEAST)) if scatter > 0 else 1.0
    clipped = np.nan_to_num(np.clip(planes, -CLIP * scatter, CLIP * scatter) / scatter)
    return scatter, np.array(
        [np.vdot(clipped[k:], clipped[: len(clipped) - k]) if k < len(clipped) else 0.0 for k in range(LAGS)]
    )


class NoiseField:
    """What a search learns of the noise on its way through a cube, from a list of `BlockNoise`."""

    def __init__(self, blocks):
        self.voxels = sum(block.voxels for block in blocks)
        self._power, self._products = sum(block.power for block in blocks), sum(block.products for block in blocks)
        self._spreads, self._starts = [block.spread for block in blocks], [block.start for block in blocks]
        #: scatter of the planes filtered with the PSF alone, channel by channel, in units of what the variances say
        self.scatter = np.concatenate([block.scatter for block in blocks])
        #: scatter of the S/N of lines, width by width and channel by channel
        self.filtered = np.concatenate([block.filtered for block in blocks], axis=1)
        lags = sum(block.lags for block in blocks)
        #: correlation of these planes at distances of 0, 1, 2... channels
        self.autocorrelation = lags / lags[0] if lags[0] > 0 else np.eye(LAGS)[0]

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

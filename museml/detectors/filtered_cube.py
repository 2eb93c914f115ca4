"""A cube filtered with the PSF, kept small, for detectors that look at all wavelengths of a position together."""

import os
import tempfile

import numpy as np

from museml.detectors.noise_field import channel_noise
from museml.detectors.robust import median, quantiles
from museml.errors import OutputError

__all__ = ["FilteredCube"]

IN_MEMORY = 2**27  # voxels above which a temporary file holds the cube: 256 MB
INDEPENDENT = 28.0  # pixels that share one independent value of the filtered field
LEAST = 0.03  # information over the usual: less is the wing of the PSF reaching into a field without data
HIGH = 0.99  # quantile of the information that stands for what is there where there are data


class FilteredCube:
    """Signal-to-noise ratio of a point source at each voxel, in half precision.

    Parameters
    ----------
    shape : tuple
        (channels, y, x).

    Attributes
    ----------
    shape : tuple
        As given.
    root : ndarray, shape (channels,)
        1 / (standard error of the flux density of a point source), at the usual pixel; 0 without data.
    """

    def __init__(self, shape):
        self.shape = shape
        self.root = np.zeros(shape[0])
        self._depth = np.zeros((2, *shape[1:]))
        self._snr = _room(shape)

    def add(self, first, signal, information):
        """Take a block of channels.

        Parameters
        ----------
        first : int
            Its first channel.
        signal, information : ndarray, shape (channels, y, x)
            sum(d w p) and sum(w p^2) of data d, inverse variance w and PSF p; both 0 where there are no data.
        """
        usual = _usual(information)
        known = information > LEAST * usual[:, None, None]
        with np.errstate(divide="ignore", invalid="ignore"):
            snr = np.where(known, signal / np.sqrt(information), np.nan)
        offset, scatter = channel_noise(snr, np.zeros(len(snr), bool), INDEPENDENT)
        snr = (snr - offset[:, None, None]) / scatter[:, None, None]
        here = slice(first, first + len(snr))
        self._snr[here] = np.nan_to_num(snr)
        self.root[here] = np.sqrt(usual) / scatter
        seen = usual > 0
        self._depth[0] += np.sum(known[seen] * information[seen] / usual[seen, None, None], axis=0)
        self._depth[1] += np.count_nonzero(seen)

    @property
    def depth(self):
        """1 / (standard error) at each pixel relative to the usual one, shape (y, x)."""
        return np.sqrt(self._depth[0] / np.maximum(self._depth[1], 1))

    def part(self, rows, columns):
        """Return the signal-to-noise ratio of a part of the field: shape (channels, rows, columns), float32."""
        return self._snr[:, rows, columns].astype(np.float32)


def _room(shape):
    """Return an array of zeros, in memory or in a temporary file; one without room would end the process later."""
    size = int(np.prod(shape))
    if size <= IN_MEMORY:
        return np.zeros(shape, np.float16)
    try:
        with tempfile.TemporaryFile() as file:  # the map keeps it until it goes itself
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, 2 * size)
            return np.memmap(file, np.float16, "w+", shape=shape)
    except OSError as error:
        raise OutputError(
            f"a large cube needs a temporary file of {2 * size / 1e9:.1f} GB; {tempfile.gettempdir()!r} has no room: "
            f"{error.strerror}; set TMPDIR to a folder with more"
        ) from error


def _usual(information):
    """Return the median information of each channel where there are data, 0 where there are none."""
    flat = information.reshape(len(information), -1)
    high = np.nan_to_num(quantiles(np.where(flat > 0, flat, np.nan), (HIGH,))[0])
    return np.nan_to_num(median(np.where(flat > LEAST * high[:, None], flat, np.nan)))

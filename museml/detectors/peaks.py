"""Local maxima of a filtered cube: where they are, to a fraction of a voxel, and which stand for themselves."""

from itertools import product

import numpy as np
from scipy.spatial import KDTree

__all__ = ["PEAK", "find_peaks", "keep_separate"]

#: a local maximum: position in voxels (wavelength, y, x), its value, and the template that is best there
PEAK = np.dtype([("z", "f8"), ("y", "f8"), ("x", "f8"), ("snr", "f8"), ("width", "i4")])


def find_peaks(snr, floor, first=0, core=slice(None)):
    """Find the local maxima of the best of several templates.

    Parameters
    ----------
    snr : ndarray, shape (templates, channels, y, x)
        The S/N for each template.
    floor : float
        Maxima must be above it.
    first : int
        Number of the first channel.
    core : slice
        Channels in which maxima are wanted; the others are looked at as neighbours only.

    Returns
    -------
    ndarray of `PEAK`
    """
    field = snr.max(axis=0)
    padded = np.pad(field, 1, constant_values=-np.inf)
    wanted = np.zeros(len(field), bool)
    wanted[core] = True
    z, y, x = (index + 1 for index in np.nonzero((field > floor) & wanted[:, None, None]))
    for number, (dz, dy, dx) in enumerate(product((-1, 0, 1), repeat=3)):
        if number == 13:
            continue
        here, there = padded[z, y, x], padded[z + dz, y + dy, x + dx]
        higher = here > there if number < 13 else here >= there  # of two equal neighbours the first counts
        z, y, x = z[higher], y[higher], x[higher]
    peaks = _refined(padded, z, y, x)
    peaks["width"] = snr[:, z - 1, y - 1, x - 1].argmax(axis=0)
    peaks["z"] += first
    return peaks


def _refined(padded, z, y, x):
    """Place the peaks by a parabola through three voxels along each axis."""
    peaks = np.zeros(len(z), PEAK)
    centre = padded[z, y, x]
    peaks["snr"] = centre
    for name, index, (dz, dy, dx) in zip("zyx", (z, y, x), np.eye(3, dtype=int), strict=True):
        low, high = padded[z - dz, y - dy, x - dx], padded[z + dz, y + dy, x + dx]
        low, high = (np.where(np.isfinite(low) & np.isfinite(high), side, centre) for side in (low, high))
        curvature = 2 * centre - low - high
        shift = (high - low) / np.where(curvature > 0, 2 * curvature, 1)
        peaks[name] = index - 1 + np.clip(shift, -0.5, 0.5)
        peaks["snr"] += (high - low) * shift / 4
    return peaks


def keep_separate(peaks, correlation, reach, threshold):
    """Drop the peaks that are only the wings of stronger ones.

    Parameters
    ----------
    peaks : ndarray of `PEAK`
        Local maxima.
    correlation : callable
        Correlation of the noise-free filtered signal at offsets (dz, dy, dx): 1 at no offset.
    reach : (float, float)
        Beyond so many channels, or pixels, peaks do not matter to each other.
    threshold : float
        What must remain of a peak's S/N without the part that a stronger one has in it.

    Returns
    -------
    ndarray of `PEAK`
        The strongest first.
    """
    peaks = peaks[np.argsort(-peaks["snr"], kind="stable")]
    if len(peaks) < 2:
        return peaks
    position = np.column_stack([peaks[name] for name in "zyx"])
    pairs = KDTree(position / (reach[0], reach[1], reach[1])).query_pairs(1.0, p=np.inf, output_type="ndarray")
    pairs = np.sort(pairs, axis=1)
    pairs = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
    share = np.clip(correlation(*(position[pairs[:, 1]] - position[pairs[:, 0]]).T), 0, 0.999)
    rest = (peaks["snr"][pairs[:, 1]] - share * peaks["snr"][pairs[:, 0]]) / np.sqrt(1 - share**2)
    kept = np.ones(len(peaks), bool)
    for (strong, weak), value in zip(pairs, rest, strict=True):
        if kept[strong] and value < threshold:
            kept[weak] = False
    return peaks[kept]

"""How much to doubt a peak near a bright source, from what the image shows beside it."""

import numpy as np
from scipy.spatial import cKDTree

from museml.detectors.leaf_pixels import read_places
from museml.detectors.rms_map import beam_pixels
from museml.detectors.robust import median

__all__ = ["doubt"]

BRIGHT = 50.0  # peak, in units of the wider noise, from which a source may have artefacts that matter
FAINTER = 0.4  # highest peak of an artefact, relative to that of its source
FAR = 60.0  # distance in beams up to which they are looked for
FADE = 10.0  # distance in beams in which their brightness is supposed to fall by a factor of e
ALONG, ASIDE = 8.0, 0.5  # how far the line of samples reaches, and how wide it is, in beams
OWN, CORE = 1.3, 1.5  # distance in beams within which the peak itself, and the bright source, are left out
FEW = 8  # samples below which nothing is said
USUAL = 1.2  # ratio of the samples to noise up to which they are taken for noise
RAISED = 4.0  # ratio of the rms to its wider surroundings up to which it adds to the doubt
MIDDLE = 0.6745  # median of the absolute values of a normal distribution
AT_A_TIME = 20_000


def doubt(image, maps, x, y, snr, strips):
    """Return by how much to divide the signal-to-noise ratio of peaks, 1 or more, since they may be artefacts.

    Artefacts of calibration lie on lines from the bright source: spokes along them, and rings that repeat themselves
    along them. So the median of the absolute values on such a line, on both sides of the peak, tells how strong they
    are there, where it exceeds that of noise. And where the local rms is above that of its wider surroundings, the
    noise is no longer Gaussian, and high peaks are more frequent: the signal-to-noise ratio is divided by the square
    root of this excess.

    Parameters
    ----------
    image : `~museml.data.images.ImageData`
    maps : `~museml.detectors.rms_map.NoiseMaps`
    x, y : ndarray of int
        Pixels of the peaks, sorted by y.
    snr : ndarray
        Their signal-to-noise ratios.
    strips : list of slice
        Rows that are read together.
    """
    raised = maps.raised(x, y)
    peak, bright = _brightest(x, y, snr * raised, beam_pixels(image))
    loud = np.ones(len(x))
    for some in np.array_split(np.arange(len(peak)), max(1, len(peak) // AT_A_TIME)):
        samples = _samples(image, maps, x[peak[some]], y[peak[some]], x[bright[some]], y[bright[some]], strips)
        loud[peak[some]] = np.maximum(samples / USUAL, 1)
    near = np.isin(np.arange(len(x)), peak)
    return np.where(near, loud * np.sqrt(np.clip(raised, 1, RAISED)), 1.0)


def _brightest(x, y, peak, beam):
    """Return the peaks near bright sources, and which of these is likely to matter most to each."""
    places, bright = np.column_stack([x, y]), np.flatnonzero(peak > BRIGHT)
    lists = cKDTree(places).query_ball_point(places[bright], FAR * beam)
    source = np.repeat(bright, [len(members) for members in lists]).astype(int)
    near = np.concatenate([np.zeros(0, int), *lists]).astype(int)
    below = peak[near] < FAINTER * peak[source]
    near, source = near[below], source[below]
    distance = np.hypot(*(places[near] - places[source]).T)
    order = np.lexsort([-peak[source] * np.exp(-distance / (FADE * beam)), near])
    first = np.unique(near[order], return_index=True)[1]
    return near[order][first], source[order][first]


def _samples(image, maps, x, y, from_x, from_y, strips):
    """Return the median of the absolute signal-to-noise ratio along lines, relative to that of noise."""
    beam = beam_pixels(image)
    distance = np.hypot(x - from_x, y - from_y)[:, None]
    cos, sin = (x - from_x)[:, None] / distance, (y - from_y)[:, None] / distance
    along, aside = (s.ravel() for s in np.meshgrid(np.arange(-ALONG, ALONG + 0.1, 0.5), (-ASIDE, 0, ASIDE)))
    along, aside = along * beam, aside * beam
    row = np.rint(y[:, None] + along * sin + aside * cos).astype(int)
    column = np.rint(x[:, None] + along * cos - aside * sin).astype(int)
    used = (np.abs(along) > OWN * beam) & (distance + along > CORE * beam)
    used &= (row >= 0) & (column >= 0) & (row < image.shape[0]) & (column < image.shape[1])
    snr = np.full(used.shape, np.nan)
    place = row[used] * image.shape[1] + column[used]
    snr[used] = read_places(image, maps, place, strips) / maps.at(column[used], row[used])[1]
    enough = np.isfinite(snr).sum(axis=1) > FEW
    return np.where(enough, median(np.abs(snr)) / MIDDLE, 1.0)

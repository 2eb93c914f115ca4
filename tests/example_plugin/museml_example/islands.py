"""Components of a radio image as islands of bright pixels."""

import numpy as np
from scipy import ndimage
from scipy.stats import median_abs_deviation, norm

from museml import Detector, ImageDetections


class IslandDetector(Detector):
    """Find islands of pixels above a threshold; each is a component with the shape of the beam.

    Parameters
    ----------
    threshold : float
        Lowest pixel of an island over the noise of the whole image.
    size : int
        Side of the tiles in pixels, so that an image may be larger than memory.
    """

    name = "islands"
    accepts = ("image",)
    answers = ImageDetections

    def __init__(self, *, threshold=5.0, size=2000):
        self.threshold = threshold
        self.size = size

    def find(self, data):
        """Return the `~museml.ImageDetections` in a `~museml.data.images.ImageData`."""
        rms = median_abs_deviation(data.block(), axis=None, scale="normal", nan_policy="omit")
        if not rms > 0:
            return ImageDetections.empty()
        margin = int(4 * data.beam.major / data.pixel_scale)
        places = [self._places(data, tile, rms) for tile in data.tiles(self.size, margin)]
        return self._table(data, *np.concatenate(places, axis=1), rms)

    def _places(self, data, tile, rms):
        """Return x, y and peak of the islands in a tile that belong to it and to no other."""
        values = np.nan_to_num(data.block(tile.rows, tile.columns))
        islands, number = ndimage.label(values > self.threshold * rms)
        peaks = ndimage.maximum_position(values, islands, range(1, number + 1))
        y, x = np.reshape(peaks, (number, 2)).astype(int).T
        mine = tile.owns(x + tile.offset[0], y + tile.offset[1])
        return (np.array([x + tile.offset[0], y + tile.offset[1], values[y, x]]))[:, mine]

    def _table(self, data, x, y, peak, rms):
        (ra, dec), number, ones = data.pixel_to_sky(x, y), np.arange(1, len(x) + 1), np.ones(len(x))
        beams = np.prod(data.shape) / data.beam.area(data.pixel_scale)
        columns = {
            "id": number, "source": number, "ra": ra, "dec": dec, "x": x, "y": y,
            "peak": peak, "peak_err": rms * ones, "flux": peak, "flux_err": rms * ones,  # of a point source
            "major": data.beam.major * ones, "minor": data.beam.minor * ones, "pa": data.beam.pa * ones,
            "rms": rms * ones, "snr": peak / rms, "score": peak / rms, "n_false": norm.sf(peak / rms) * beams,
        }  # fmt: skip
        return ImageDetections.from_columns(columns)

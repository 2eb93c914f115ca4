"""Continuum sources as peaks of the white-light image."""

import numpy as np
from scipy.ndimage import maximum_filter
from scipy.stats import median_abs_deviation, norm

from museml import Detections, Detector


class PeakDetector(Detector):
    """Find peaks of the white-light image.

    Parameters
    ----------
    threshold : float
        Lowest signal-to-noise ratio of a peak.
    size : int
        Side, in pixels, of the square in which a peak must be the highest.
    """

    name = "peaks"
    accepts = ("cube",)

    def __init__(self, *, threshold=5.0, size=5):
        self.threshold = threshold
        self.size = size

    def find(self, data):
        """Return the `~museml.Detections` in a `~museml.data.cubes.CubeData`."""
        flux, error = self._white(data)
        snr = flux / error
        scatter = median_abs_deviation(snr, axis=None, scale="normal", nan_policy="omit")
        if not scatter > 0:
            return Detections.empty()
        snr = np.nan_to_num((snr - np.nanmedian(snr)) / scatter)
        y, x = np.nonzero((snr == maximum_filter(snr, self.size)) & (snr > self.threshold))
        return self._table(data, x, y, snr[y, x], flux[y, x], error[y, x])

    def _white(self, data):
        """Return sum of the cube over wavelength, and its standard error; NaN where there are no data."""
        flux, var, valid = (np.zeros(data.shape[1:]) for _ in range(3))
        for start in range(0, data.shape[0], 100):
            values, variances = data.block(start, min(start + 100, data.shape[0]))
            flux += np.nansum(values, axis=0)
            var += np.nansum(variances, axis=0)
            valid += np.isfinite(values).sum(axis=0)
        step = np.mean(np.diff(data.wave))
        none = np.where(valid > 0, 1.0, np.nan)
        return flux * step * none, np.sqrt(var) * step * none

    def _table(self, data, x, y, snr, flux, error):
        ra, dec = data.pixel_to_sky(x, y)
        number = np.arange(1, len(x) + 1)
        columns = {
            "id": number, "source": number, "kind": np.full(len(x), "continuum"),
            "ra": ra, "dec": dec, "x": x, "y": y, "snr": snr, "score": snr,
            "flux": flux, "flux_err": error,  # of the peak's pixel alone
            "n_false": norm.sf(snr) * np.prod(data.shape[1:]),
        }  # fmt: skip
        return Detections.from_columns(columns)

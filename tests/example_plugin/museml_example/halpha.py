"""Redshift from the brightest line, taken for Halpha."""

import numpy as np
from astropy import units as u
from scipy.ndimage import median_filter

from museml import Classifier, Redshifts
from museml.data.spectral import to_vacuum

HALPHA = 6564.61  # vacuum, Angstrom


class HalphaClassifier(Classifier):
    """Take the brightest emission line for Halpha.

    Parameters
    ----------
    threshold : float
        Lowest signal-to-noise ratio, in one pixel, of a line.
    prior : float
        How often the brightest line is Halpha.
    """

    name = "halpha"
    accepts = ("spectrum",)
    predictions = Redshifts

    def __init__(self, *, threshold=5.0, prior=0.3):
        self.threshold = threshold
        self.prior = prior

    def predict(self, batch):
        """Return the `~museml.Redshifts` of a `~museml.Batch`."""
        wave = to_vacuum(batch.axis.to_value(u.Angstrom), batch.medium)
        z = wave / HALPHA - 1
        snr = np.where(z > 0, self._snr(batch), 0)
        best = snr.argmax(axis=1)
        sure = snr[np.arange(len(batch)), best] > self.threshold
        columns = {
            "id": list(batch.ids),
            "class": np.where(sure, "galaxy", "unknown"),
            "z": np.ma.array(z[best], mask=~sure),
            "z_err": np.ma.array(np.gradient(z)[best] / 2, mask=~sure),
            "p": np.ma.array(np.full(len(batch), self.prior), mask=~sure),
            "flags": batch.flags,
        }
        return Redshifts.from_columns(columns)

    def _snr(self, batch):
        """Return the signal-to-noise ratio of each pixel above the running median; 0 where masked."""
        line = batch.values - median_filter(batch.values, (1, 101), mode="nearest")
        errors = np.where(batch.mask | (batch.errors <= 0), np.inf, batch.errors)
        return line / errors

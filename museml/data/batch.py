"""Batch: what a classifier sees."""

from dataclasses import dataclass, replace

import numpy as np
from astropy import units as u

__all__ = ["Batch"]


@dataclass(frozen=True)
class Batch:
    """Things of one kind and one shape, stacked.

    Attributes
    ----------
    ids : tuple of str
        One name per row.
    values : ndarray, shape (n, ...), float32
        Values; 0 where masked.
    errors : ndarray, same shape, float32
        Standard errors; 0 where masked.
    mask : ndarray of bool, same shape
        True where there are no valid data.
    axis : `~astropy.units.Quantity`, or None
        The wavelength (or time, frequency) axis, common to all rows.
    medium : str
        'air' or 'vacuum' for a wavelength axis, else ''.
    unit : `~astropy.units.Unit`, or None
        Unit of values and errors.
    flags : ndarray, shape (n,), int32
        Bits of `~museml.errors.PredictionFlag` that are known before classification.
    lines : tuple of (`~astropy.table.Table` or None)
        Lines that were detected in each row, with at least the columns of MPDAF's LINES table
        LBDA_OBS (Angstrom, medium of the axis), FLUX and FLUX_ERR.
    """

    ids: tuple
    values: np.ndarray
    errors: np.ndarray
    mask: np.ndarray
    axis: u.Quantity = None
    medium: str = ""
    unit: u.Unit = None
    flags: np.ndarray = None
    lines: tuple = None

    def __post_init__(self):
        if self.flags is None:
            object.__setattr__(self, "flags", np.zeros(len(self.ids), np.int32))
        if self.lines is None:
            object.__setattr__(self, "lines", (None,) * len(self.ids))

    def __len__(self):
        return len(self.ids)

    def rows(self, start, stop):
        """Return the rows ``start`` to ``stop`` as a Batch of their own."""
        names = ("ids", "values", "errors", "mask", "flags", "lines")
        return replace(self, **{name: getattr(self, name)[start:stop] for name in names})

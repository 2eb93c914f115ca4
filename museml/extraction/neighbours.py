"""Sources whose light mixes: who is near whom, and who is too near to be told apart."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from museml.extraction.positions import source_position

__all__ = ["Neighbourhood", "Sources"]

MERGED = 0.5  # in FWHM of the PSF: sources nearer to each other than this are fitted as one
MOST = 24  # neighbours of one source


@dataclass(frozen=True)
class Neighbourhood:
    """A source and those that shine into its pixels.

    Attributes
    ----------
    rows : ndarray of int
        Rows in `Sources`: the source, then its neighbours, the nearest first, without the merged ones.
    merged : int
        How many are too near to the source to be told apart from it.
    """

    rows: np.ndarray
    merged: int


class Sources:
    """All sources of a cube and their positions.

    Attributes
    ----------
    numbers : ndarray of int, shape (sources,)
        Values of the column ``source``.
    places : ndarray, shape (sources, 2)
        x and y, in pixels.
    continuum : ndarray of bool, shape (sources,)
        Whether a source was seen in the continuum.
    """

    def __init__(self, detections):
        order = np.argsort(np.asarray(detections["source"]), kind="stable")
        self._ordered = detections[order]
        self._columns = {name: np.asarray(self._ordered[name]) for name in ("kind", "x", "y", "snr", "wave", "fwhm")}
        self.numbers, starts = np.unique(np.asarray(self._ordered["source"]), return_index=True)
        self._parts = [slice(*ends) for ends in zip(starts, [*starts[1:], len(order)], strict=True)]
        columns = [self._part(row) for row in range(len(self._parts))]
        self.places = np.array([source_position(part) for part in columns]).reshape(-1, 2)
        self.continuum = np.array(["continuum" in part["kind"] for part in columns], bool)
        finite = np.where(np.isfinite(self.places), self.places, -1e6)
        self._tree = cKDTree(finite) if len(finite) else None

    def detections(self, row):
        """Return the detections of a source."""
        return self._ordered[self._parts[row]]

    def _part(self, row):
        """Return columns of a source's detections as arrays, which is much faster than a table."""
        return {name: values[self._parts[row]] for name, values in self._columns.items()}

    def row(self, number):
        """Return the row of a source."""
        return int(np.searchsorted(self.numbers, number))

    def around(self, row, reach, fwhm):
        """Return the `Neighbourhood` of a source.

        Parameters
        ----------
        row : int
            The source.
        reach : float
            Distance up to which a source is a neighbour, in pixels.
        fwhm : float
            Of the PSF, in pixels.
        """
        here = self.places[row]
        near = np.array(self._tree.query_ball_point(here, reach), int) if np.isfinite(here).all() else np.array([row])
        distance = np.hypot(*(self.places[near] - here).T)
        near = near[np.lexsort((near, distance))]
        near = np.concatenate([[row], near[near != row]])
        kept, merged = [row], 0
        for other in near[1:]:
            gaps = np.hypot(*(self.places[kept] - self.places[other]).T)
            merged += int(gaps[0] < MERGED * fwhm)
            if gaps.min() >= MERGED * fwhm and len(kept) <= MOST:
                kept.append(other)
        return Neighbourhood(np.array(kept, int), merged)

    def shares_a_line(self, row, others):
        """Say whether a source and any of some others have a line at one wavelength: then they are one object's parts.

        Parameters
        ----------
        row : int
            The source.
        others : sequence of int
            The others.
        """
        wave, fwhm = self._lines(row)
        return any(
            np.any(np.abs(wave[:, None] - there) < np.maximum(fwhm[:, None], width))
            for there, width in map(self._lines, others)
        )

    def _lines(self, row):
        """Return wavelengths and widths of a source's lines."""
        part = self._part(row)
        lines = part["kind"] == "line"
        return part["wave"][lines].astype(float), part["fwhm"][lines].astype(float)

"""Where a source is, from its detections."""

import numpy as np

__all__ = ["source_position"]


def source_position(rows):
    """Return x and y of a source: of its best continuum detection, else the mean over the lines, weighted by S/N^2.

    Parameters
    ----------
    rows : `~museml.Detections` or dict of ndarray
        The source's, the best first: the columns kind, x, y and snr.
    """
    continuum = np.flatnonzero(np.asarray(rows["kind"]) == "continuum")
    if len(continuum):
        return float(rows["x"][continuum[0]]), float(rows["y"][continuum[0]])
    weights = np.maximum(np.asarray(rows["snr"], float), 1e-3) ** 2
    return tuple(float(np.average(rows[axis], weights=weights)) for axis in ("x", "y"))

"""Where a source is, from its detections."""

import numpy as np

__all__ = ["source_position"]


def source_position(rows):
    """Return x and y of a source: of its best continuum detection, else the mean over the lines, weighted by S/N^2."""
    continuum = rows[rows["kind"] == "continuum"]
    if len(continuum):
        return float(continuum["x"][0]), float(continuum["y"][0])
    weights = np.maximum(np.asarray(rows["snr"], float), 1e-3) ** 2
    return tuple(float(np.average(rows[axis], weights=weights)) for axis in ("x", "y"))

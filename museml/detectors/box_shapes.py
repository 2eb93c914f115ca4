"""Gaussians fitted to what is around boxes: the shapes and fluxes of the components that a network found."""

import numpy as np

from museml.detectors.leaf_pixels import leaf_pixels
from museml.detectors.leaf_shapes import fit_shapes
from museml.detectors.leaf_table import beams_at
from museml.detectors.rms_map import beam_pixels, strips

__all__ = ["ellipse_pixels", "fit_boxes"]

REACH = 0.5  # distance in beams up to which the pixels beside the half maximum of a box are used
LONGEST = 15.0  # axes in beams above which a box is cut off


def fit_boxes(image, maps, boxes):
    """Fit Gaussians to boxes, each with its neighbours taken out.

    Parameters
    ----------
    image : `~museml.data.images.ImageData`
    maps : `~museml.detectors.rms_map.NoiseMaps`
    boxes : `~museml.detectors.patch_boxes.Boxes`

    Returns
    -------
    shapes : `~museml.detectors.leaf_shapes.LeafShapes`
    missing : ndarray of int
        Pixels of each that hold no data.
    """
    size, parts = beam_pixels(image), strips(image.shape, 1)
    index, number = ellipse_pixels(boxes, image.shape, size)
    pixels = leaf_pixels(image, maps, index, number, len(boxes), REACH * size, parts)
    x, y = np.clip(boxes.x, 0, image.shape[1] - 1), np.clip(boxes.y, 0, image.shape[0] - 1)
    peak, rms = boxes.flux * size**2 / (boxes.major * boxes.minor), maps.at(x, y)[1]
    return fit_shapes(pixels, x, y, peak, rms, beams_at(image, x, y), size), pixels.missing


def ellipse_pixels(boxes, shape, size):
    """Return the pixels inside the half maximum of boxes, at least of one as large as the beam.

    Parameters
    ----------
    boxes : `~museml.detectors.patch_boxes.Boxes`
    shape : tuple of int
        Of the image, (y, x).
    size : float
        FWHM of the beam in pixels.

    Returns
    -------
    index : ndarray of int64
        Places in the flat image, ascending.
    number : ndarray of int
        The box of each.
    """
    major, minor = (np.clip(axis, size, LONGEST * size) / 2 for axis in (boxes.major, boxes.minor))
    rows, columns, owner = _squares(boxes, np.ceil(major).astype(int), shape)
    dx, dy, angle = columns - boxes.x[owner], rows - boxes.y[owner], np.radians(boxes.angle[owner])
    along, across = dy * np.cos(angle) - dx * np.sin(angle), dx * np.cos(angle) + dy * np.sin(angle)
    inside = (along / major[owner]) ** 2 + (across / minor[owner]) ** 2 <= 1
    index, owner = (rows * shape[1] + columns)[inside], owner[inside]
    order = np.argsort(index, kind="stable")
    return index[order], owner[order]


def _squares(boxes, half, shape):
    """Return rows, columns and box of all pixels in squares around boxes, those outside of the image left out."""
    parts = [np.zeros((3, 0), np.int64)]
    for size in np.unique(half):
        own = np.flatnonzero(half == size)
        dy, dx = np.mgrid[-size : size + 1, -size : size + 1].reshape(2, -1)
        rows, columns = (np.rint(place[own]).astype(np.int64)[:, None] for place in (boxes.y, boxes.x))
        parts.append(np.stack(np.broadcast_arrays(rows + dy, columns + dx, own[:, None])).reshape(3, -1))
    rows, columns, owner = np.concatenate(parts, axis=1)
    inside = (rows >= 0) & (rows < shape[0]) & (columns >= 0) & (columns < shape[1])
    return rows[inside], columns[inside], owner[inside]

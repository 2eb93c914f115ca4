"""Windows of an image as a network for patches sees them: in units of the local noise, in the pixels of its beam."""

from dataclasses import dataclass

import numpy as np

from museml.data.beam_frame import BeamFrame, beam_frame
from museml.data.tiles import Tile

__all__ = ["Window", "patch_windows"]

SIZE = 960  # side of the cores of windows, in pixels that the network expects
MARGIN = 64  # around them


@dataclass(frozen=True)
class Window:
    """A part of an image.

    Attributes
    ----------
    tile : `~museml.data.tiles.Tile`
        Which part.
    values : ndarray, shape (y, x), float32
        Image less background over noise, NaN where there are no data.
    frame : `~museml.data.beam_frame.BeamFrame`
        The way from pixels of the image to those of ``values``.
    """

    tile: Tile
    values: np.ndarray
    frame: BeamFrame


def patch_windows(image, maps, size=SIZE, margin=MARGIN):
    """Yield the `Window` of each tile of an image that has any data.

    Parameters
    ----------
    image : `~museml.data.images.ImageData`
    maps : `~museml.detectors.rms_map.NoiseMaps`
        Its background and noise.
    size : int or (int, int)
        Of the tiles, (y, x) if the sides differ, in pixels that the network expects.
    margin : int
        Around them.
    """
    frame = beam_frame(image)
    scale = np.linalg.det(frame.inverse) ** 0.5
    for tile in image.tiles(np.rint(np.multiply(size, scale)).astype(int), round(margin * scale)):
        background, rms = maps.block(tile.rows, tile.columns)
        with np.errstate(invalid="ignore", divide="ignore"):
            values = (image.block(tile.rows, tile.columns) - background) / rms
        if np.isfinite(values).any():
            yield Window(tile, *frame.window(np.where(np.isfinite(values), values, np.nan), tile.offset))

"""The pixels that a network expects: those in which the beam is round and four of them wide."""

import numpy as np
from scipy.ndimage import affine_transform

from museml.data.ellipses import moments
from museml.data.patches import BEAM
from museml.errors import InputError

__all__ = ["BeamFrame", "beam_frame"]

#: widths of the beam in pixels that can be worked with
WIDTHS = (1.8, 40.0)
#: the pixels are used as they are where the beam is as wide as wanted to this part
ALIKE = 0.05


def beam_frame(image):
    """Return the `BeamFrame` of an image.

    Parameters
    ----------
    image : `~museml.data.images.ImageData`

    Raises
    ------
    InputError
        If the beam is narrower than 1.8 pixels or wider than 40.
    """
    major, minor = (axis / image.pixel_scale for axis in (image.beam.major, image.beam.minor))
    if not (WIDTHS[0] <= minor and major <= WIDTHS[1]):
        raise InputError(
            f"a network finds components where the beam is {WIDTHS[0]:g} to {WIDTHS[1]:g} pixels wide, not "
            f"{minor:.2f} to {major:.2f}; use the detector 'dendrogram', or an image with other pixels"
        )
    if max(abs(np.log(np.array([major, minor]) / BEAM))) <= ALIKE:
        return BeamFrame(np.eye(2))
    middle = (np.array(image.shape[::-1]) - 1) / 2
    angle = float(image.pixel_angle(*middle, image.beam.pa))
    values, axes = np.linalg.eigh(moments(major, minor, angle))
    return BeamFrame(BEAM * axes @ np.diag(values**-0.5) @ axes.T)


class BeamFrame:
    """A linear map from the pixels of an image to those that a network expects, and back.

    Parameters
    ----------
    matrix : ndarray, shape (2, 2)
        Of x and y.
    origin : tuple of float
        x and y in the image of the first pixel in the frame.
    """

    def __init__(self, matrix, origin=(0.0, 0.0)):
        self.matrix, self.origin = np.asarray(matrix, float), np.asarray(origin, float)
        self.inverse = np.linalg.inv(self.matrix)

    @property
    def same(self):
        """Whether the pixels are those of the image."""
        return np.array_equal(self.matrix, np.eye(2))

    def into(self, x, y, major, minor, angle):
        """Return places and ellipses of the image in the frame.

        Parameters
        ----------
        x, y : array_like
            In pixels from 0.
        major, minor : array_like
            FWHM in pixels.
        angle : array_like
            Of the major axis in degrees, counter-clockwise from +y.
        """
        offset = np.stack([np.asarray(x, float) - self.origin[0], np.asarray(y, float) - self.origin[1]])
        return (*np.tensordot(self.matrix, offset, 1), *_turned(self.matrix, major, minor, angle))

    def back(self, x, y, major, minor, angle):
        """Return places and ellipses of the frame in the image; see `into`."""
        place = np.tensordot(self.inverse, np.stack([np.asarray(x, float), np.asarray(y, float)]), 1)
        return (*(place + self.origin.reshape(2, *[1] * (place.ndim - 1))), *_turned(self.inverse, major, minor, angle))

    def window(self, values, corner):
        """Bring a window of the image into the frame.

        Parameters
        ----------
        values : ndarray, shape (y, x)
            NaN where there are no data.
        corner : (int, int)
            x and y of its first pixel.

        Returns
        -------
        ndarray, shape (y, x), float32
            NaN outside of the window, too.
        BeamFrame
            In which its pixels are counted from 0.
        """
        if self.same:
            return np.asarray(values, np.float32), BeamFrame(self.matrix, corner)
        height, width = values.shape
        ends = self.matrix @ np.array([[0, width - 1, 0, width - 1], [0, 0, height - 1, height - 1]])
        low, size = ends.min(axis=1), np.ceil(np.ptp(ends, axis=1)).astype(int) + 1
        inverse, offset = self.inverse[::-1, ::-1], (self.inverse @ low)[::-1]
        options = {"offset": offset, "output_shape": tuple(size[::-1])}
        known = np.isfinite(values)
        signal = affine_transform(np.where(known, values, 0).astype(np.float32), inverse, mode="mirror", **options)
        known = affine_transform(known.astype(np.float32), inverse, order=1, mode="constant", cval=0.0, **options)
        return np.where(known > 0.99, signal, np.nan).astype(np.float32), BeamFrame(
            self.matrix, np.add(corner, self.inverse @ low)
        )


def _turned(matrix, major, minor, angle):
    """Return axes and angle of ellipses after a linear map."""
    values, axes = np.linalg.eigh(matrix @ moments(major, minor, angle) @ matrix.T)
    minor, major = np.moveaxis(np.sqrt(np.maximum(values, 0)), -1, 0)
    return major, minor, np.degrees(np.arctan2(-axes[..., 0, 1], axes[..., 1, 1])) % 180

"""What a network finds in an image: boxes with parameters, each component once."""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit

from museml.catalogs.overlap import boxes_around, non_maximum_suppression
from museml.data.ellipses import moments
from museml.data.patches import patch_batch, unpack
from museml.detectors.patch_windows import patch_windows

__all__ = ["Boxes", "boxes_of", "find_boxes"]

OVERLAP = -0.2  # DIoU of boxes above which the worse one is the same component: as of two beams one width apart
INSIDE = 1.1  # cells from the middle of its cell that a component may be


@dataclass(frozen=True)
class Boxes:
    """Components of an image or a patch; lengths and places in its pixels.

    Attributes
    ----------
    logit : ndarray, shape (n,)
        Logarithm of the odds that it is real, calibrated.
    x, y : ndarray
        Places from 0.
    flux : ndarray
        Jy, or noise times beam.
    major, minor, angle : ndarray
        FWHM of the axes; degrees from +y, counter-clockwise.
    """

    logit: np.ndarray
    x: np.ndarray
    y: np.ndarray
    flux: np.ndarray
    major: np.ndarray
    minor: np.ndarray
    angle: np.ndarray

    def __len__(self):
        return len(self.logit)

    @property
    def p_real(self):
        """Probability that it is real."""
        return expit(self.logit)

    @property
    def corners(self):
        """Boxes around the ellipses, shape (n, 4), see `museml.catalogs.overlap`."""
        widths = np.sqrt(np.diagonal(moments(self.major, self.minor, self.angle), axis1=-2, axis2=-1))
        return boxes_around(self.x, self.y, *widths.T)

    def rows(self, chosen):
        """Return some of them."""
        return Boxes(*(getattr(self, name)[chosen] for name in self.__dataclass_fields__))

    def best(self, overlap=OVERLAP):
        """Return those that are not a worse box around a component that has a better one, the best first."""
        return self.rows(non_maximum_suppression(self.corners, self.logit, overlap, measure="diou"))


def find_boxes(image, maps, model, least=0.05, overlap=OVERLAP):
    """Find components in an image.

    Parameters
    ----------
    image : `~museml.data.images.ImageData`
    maps : `~museml.detectors.rms_map.NoiseMaps`
        Its background and noise.
    model : `~museml.Model`
        With the reading 'boxes'.
    least : float
        Least probability of being real.
    overlap : float
        DIoU above which the worse of two boxes goes.

    Returns
    -------
    Boxes
        The best first.
    """
    parts = [_in_window(window, maps, model, least, overlap) for window in patch_windows(image, maps)]
    parts = parts or [Boxes(*np.zeros((7, 0)))]
    every = Boxes(*(np.concatenate([getattr(part, name) for part in parts]) for name in Boxes.__dataclass_fields__))
    return every.best(overlap)


def boxes_of(values, model, least=0.05, overlap=OVERLAP):
    """Find components in one patch.

    Parameters
    ----------
    values : ndarray, shape (y, x)
        In units of the noise, in the pixels that the network expects.
    model, least, overlap
        As for `find_boxes`.

    Returns
    -------
    Boxes
        In pixels of the patch; fluxes in units of noise times beam.
    """
    answer = model.outputs(patch_batch(values[None]), rows=(1,))[0]
    said = unpack(answer)
    odds = said.pop("logit") * model.calibration["scale"] + model.calibration["offset"][0]
    inside = (said["x"] < values.shape[1] - 0.5) & (said["y"] < values.shape[0] - 0.5)
    chosen = inside & (odds >= logit(least)) & (np.abs(answer[..., 1:3]).max(axis=-1) <= INSIDE)
    return Boxes(odds[chosen], **{name: part[chosen] for name, part in said.items()}).best(overlap)


def _in_window(window, maps, model, least, overlap):
    """Return the boxes that the core of a window owns, in pixels of the image and Jy."""
    found = boxes_of(window.values, model, least, overlap)
    x, y, *ellipse = window.frame.back(found.x, found.y, found.major, found.minor, found.angle)
    flux = found.flux * maps.at(x, y)[1]
    return Boxes(found.logit, x, y, flux, *ellipse).rows(window.tile.owns(x, y) & np.isfinite(flux))

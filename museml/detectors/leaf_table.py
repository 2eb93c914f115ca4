"""What is measured of the components of an image, as a table."""

import numpy as np

from museml.data.beam import Beam
from museml.data.ellipses import deconvolve
from museml.detection import ImageDetections
from museml.detectors.leaf_shapes import axes, form
from museml.detectors.rms_map import beam_pixels
from museml.errors import DetectionFlag

__all__ = ["beams_at", "measured", "near_edge"]


def beams_at(image, x, y):
    """Return the form of the beam in the pixels at each place: everywhere the same, also where north turns."""
    beam, scale = image.beam, image.pixel_scale
    return np.tile(form(beam.major / scale, beam.minor / scale, image.beam_angle), (len(x), 1))


def near_edge(image, x, y):
    """Whether places are within a beam of the image's edge."""
    height, width = image.shape
    margin = beam_pixels(image)
    return (x < margin) | (y < margin) | (x > width - 1 - margin) | (y > height - 1 - margin)


def measured(image, maps, shapes, trunk, missing, **scores):
    """Return fitted components as `~museml.ImageDetections`.

    Parameters
    ----------
    image : `~museml.data.images.ImageData`
    maps : `~museml.detectors.rms_map.NoiseMaps`
    shapes : `~museml.detectors.leaf_shapes.LeafShapes`
        The fits.
    trunk : ndarray of int
        Number of the source of each, in any numbering.
    missing : ndarray of int
        Pixels of each that hold no data.
    **scores
        The columns ``score``, ``n_false`` and, if it is known, ``p_real``.
    """
    peak, x, y = shapes.models.T[:3]
    major, minor, angle = axes(shapes.models)
    pa = image.sky_angle(x, y, angle)
    scale, errors = image.pixel_scale, shapes.errors
    ratio = major * minor / beam_pixels(image) ** 2
    rms = maps.at(x, y)[1]
    ra, dec = image.pixel_to_sky(x, y)
    beam = Beam(image.beam.major, image.beam.minor, image.beam_angle)
    dc_major, dc_minor, dc_angle = deconvolve(major * scale, minor * scale, angle, beam)
    dc_pa = image.sky_angle(x, y, dc_angle)
    north, east = np.cos(np.radians(pa)), np.sin(np.radians(pa))
    sized = np.ma.masked_array
    columns = {
        "id": np.arange(len(x)) + 1, "source": np.unique(trunk, return_inverse=True)[1] + 1,
        "ra": ra, "dec": dec, "x": x, "y": y, "peak": peak, "peak_err": errors.peak * peak,
        "ra_err": scale * np.hypot(errors.along * east, errors.across * north),
        "dec_err": scale * np.hypot(errors.along * north, errors.across * east),
        "flux": peak * ratio, "flux_err": errors.flux * peak * ratio,
        "major": major * scale, "minor": minor * scale, "pa": pa,
        "major_err": sized(errors.major * major * scale, ~shapes.resolved),
        "minor_err": sized(errors.minor * minor * scale, ~shapes.resolved),
        "pa_err": sized(np.degrees(errors.angle), ~shapes.resolved),
        "dc_major": np.where(shapes.resolved, dc_major, 0), "dc_minor": np.where(shapes.resolved, dc_minor, 0),
        "dc_pa": np.where(shapes.resolved & (dc_major > 0), dc_pa, 0), "rms": rms, "snr": peak / rms, **scores,
        "flags": _flags(image, shapes, trunk, missing),
    }  # fmt: skip
    return ImageDetections.from_columns(columns)


def _flags(image, shapes, trunk, missing):
    _, x, y = shapes.models.T[:3]
    edge = near_edge(image, x, y)
    blend = np.bincount(trunk)[trunk] > 1
    flags = DetectionFlag.EDGE * edge + DetectionFlag.MASKED * (missing > 0) + DetectionFlag.BLEND * blend
    return flags + DetectionFlag.FIT_FAILED * shapes.failed

"""Directions in an image as position angles on the sky."""

import numpy as np

__all__ = ["direction", "is_mirrored"]

STEP = 0.5  # pixels on either side of a place


def direction(pixel_to_sky, x, y, along_x, along_y):
    """Return the position angle of a direction in an image.

    Parameters
    ----------
    pixel_to_sky : callable
        ``pixel_to_sky(x, y)`` returns right ascension and declination in degrees.
    x, y : array_like
        Where, in pixels.
    along_x, along_y : float
        The direction in pixels.

    Returns
    -------
    ndarray
        Degrees east of north, from 0 to 360. It is right at the poles, too, where it belongs to the right
        ascension that ``pixel_to_sky`` gives.
    """
    x, y = np.asarray(x, float), np.asarray(y, float)
    here, before, behind = (
        _vectors(*pixel_to_sky(x + part * STEP * along_x, y + part * STEP * along_y)) for part in (0, -1, 1)
    )
    across = np.stack([-here[1], here[0], np.zeros_like(here[0])])  # towards east, and the length of north
    north = np.stack([-here[2] * here[0], -here[2] * here[1], here[0] ** 2 + here[1] ** 2])
    step = behind - before
    return np.degrees(np.arctan2(np.sum(step * across, axis=0), np.sum(step * north, axis=0))) % 360


def is_mirrored(pixel_to_sky, shape):
    """Tell whether east is clockwise of north in an image of the given shape, unlike on the sky seen from inside."""
    x, y = (shape[1] - 1) / 2, (shape[0] - 1) / 2
    turn = direction(pixel_to_sky, x, y, 1, 0) - direction(pixel_to_sky, x, y, 0, 1)
    return bool(np.sin(np.radians(turn)) > 0)


def _vectors(ra, dec):
    """Return unit vectors, the three components first."""
    ra, dec = np.radians(ra), np.radians(dec)
    return np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)])

"""Gaussian ellipses on the sky: what the beam does to them, and how it is undone."""

import numpy as np

__all__ = ["convolve", "deconvolve", "moments"]


def convolve(major, minor, pa, beam):
    """Return the Gaussian that the beam makes of a Gaussian.

    Parameters
    ----------
    major, minor : array_like
        FWHM in arcsec; 0 for a point.
    pa : array_like
        Position angle of the major axis in degrees, east of north.
    beam : `~museml.data.beam.Beam`
        The beam.

    Returns
    -------
    major, minor, pa : ndarray
        As above; position angles from 0 to 180.
    """
    moments = np.add(_moments(major, minor, pa).T, _moments(beam.major, beam.minor, beam.pa)).T
    return _axes(moments)


def deconvolve(major, minor, pa, beam):
    """Return the Gaussian that the beam made the given one of.

    Parameters and results are those of `convolve`. The second moments subtract (Wild 1970, AuJPh 23, 113); an axis
    that is no longer than the beam's in its direction is 0, and so is the position angle of what has no axis.
    """
    moments = np.subtract(_moments(major, minor, pa).T, _moments(beam.major, beam.minor, beam.pa)).T
    return _axes(moments)


def moments(major, minor, angle):
    """Return the matrices of Gaussian ellipses in the pixel grid.

    Parameters
    ----------
    major, minor : array_like
        Widths along the axes.
    angle : array_like
        Angle of the major axis in degrees, from +y towards -x.

    Returns
    -------
    ndarray, shape (..., 2, 2)
        Second moments along x and y, in the square of the unit of the widths.
    """
    major, minor, angle = np.broadcast_arrays(*(np.asarray(v, float) for v in (major, minor, np.radians(angle))))
    along, across = np.stack([-np.sin(angle), np.cos(angle)], -1), np.stack([np.cos(angle), np.sin(angle)], -1)
    pairs = ((major, along), (minor, across))
    return sum((size**2)[..., None, None] * axis[..., :, None] * axis[..., None, :] for size, axis in pairs)


def _moments(major, minor, pa):
    """Return the second moments along north and east, and the mixed one, in units of FWHM squared."""
    major, minor, pa = np.broadcast_arrays(*(np.asarray(value, float) for value in (major, minor, np.radians(pa))))
    north, east = np.cos(pa), np.sin(pa)
    return np.array(
        [
            (major * north) ** 2 + (minor * east) ** 2,
            (major * east) ** 2 + (minor * north) ** 2,
            (major**2 - minor**2) * north * east,
        ]
    )


def _axes(moments):
    """Return axes and position angle of moments; negative ones make axes of length 0."""
    north, east, mixed = moments
    mean, difference = (north + east) / 2, np.hypot((north - east) / 2, mixed)
    major, minor = (np.sqrt(np.maximum(mean + sign * difference, 0)) for sign in (1, -1))
    pa = np.degrees(np.arctan2(2 * mixed, north - east)) / 2 % 180
    return major, minor, np.where(major > 0, pa, 0.0)

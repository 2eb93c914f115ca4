"""The tables that tell what is in a simulated field: a row for each component, and one for each source."""

import numpy as np
from astropy import units as u
from astropy.table import Table

from museml.simulation.fields.components import intrinsic
from museml.simulation.fields.ellipses import axes_of, covariance

__all__ = ["TRUTH", "component_table", "observed", "source_table"]

#: column of a truth table -> (unit, description)
TRUTH = {
    "id": (None, "number of the row, from 1"),
    "source": (None, "number of the source, from 1"),
    "ra": ("deg", "right ascension"),
    "dec": ("deg", "declination"),
    "x": ("pix", "position along the first image axis, from 0"),
    "y": ("pix", "position along the second image axis, from 0"),
    "flux": ("Jy", "integrated flux density"),
    "peak": ("Jy/beam", "peak brightness, of a source that of its brightest component"),
    "major": ("arcsec", "FWHM of the major axis as observed"),
    "minor": ("arcsec", "FWHM of the minor axis as observed"),
    "pa": ("deg", "position angle as observed, east of north"),
    "dc_major": ("arcsec", "FWHM of the major axis before the beam"),
    "dc_minor": ("arcsec", "FWHM of the minor axis before the beam"),
    "dc_pa": ("deg", "position angle before the beam, east of north"),
    "rms": ("Jy/beam", "standard deviation of the noise there, artefacts not counted"),
    "snr": (None, "peak over rms"),
}


def observed(components, beam, pixel_scale):
    """Return covariance matrices of components after the beam, in pixels, and their peaks in Jy/beam."""
    blur = covariance(*beam)
    matrices = intrinsic(components, pixel_scale) + blur
    return matrices, components["flux"] * np.sqrt(np.linalg.det(blur) / np.linalg.det(matrices))


def component_table(components, beam, pixel_scale, rms, wcs):
    """Return the truth of all components.

    Parameters
    ----------
    components : dict
        See `museml.simulation.fields.components.draw_components`.
    beam : (float, float, float)
        FWHM in pixels and angle from +y.
    pixel_scale : float
        In arcsec.
    rms : RmsField
        The noise.
    wcs : `~astropy.wcs.WCS`
        Of the field.
    """
    matrices, peak = observed(components, beam, pixel_scale)
    before = intrinsic(components, pixel_scale)
    columns = {"source": components["source"] + 1, "flux": components["flux"], "peak": peak}
    return _table(columns, components["x"], components["y"], (matrices, before), pixel_scale, rms, wcs)


def source_table(components, beam, pixel_scale, rms, wcs):
    """Return the truth of all sources: centroid and second moments of the flux of their components."""
    _, peaks = observed(components, beam, pixel_scale)
    ids, rows = np.unique(components["source"], return_inverse=True)
    flux, number = np.bincount(rows, components["flux"]), np.bincount(rows)
    share = components["flux"] / flux[rows]
    x, y = (np.bincount(rows, share * components[name]) for name in "xy")
    offset = np.stack([components["x"] - x[rows], components["y"] - y[rows]], axis=-1)
    moments = np.zeros((len(ids), 2, 2))
    terms = intrinsic(components, pixel_scale) + offset[:, :, None] * offset[:, None, :]
    np.add.at(moments, rows, share[:, None, None] * terms)
    peak = np.zeros(len(ids))
    np.maximum.at(peak, rows, peaks)
    columns = {"source": ids + 1, "flux": flux, "peak": peak, "n_components": number}
    return _table(columns, x, y, (moments + covariance(*beam), moments), pixel_scale, rms, wcs)


def _table(columns, x, y, matrices, pixel_scale, rms, wcs):
    """Return a table of what is within the field, with positions and shapes on the sky."""
    columns = dict(columns, x=x, y=y, rms=rms.at(x, y))
    columns["snr"] = columns["peak"] / columns["rms"]
    columns["ra"], columns["dec"] = wcs.all_pix2world(x, y, 0) if len(x) else (x, y)
    north = _north(wcs, columns["ra"], columns["dec"], x, y)
    for prefix, shapes in zip(("", "dc_"), matrices, strict=True):
        major, minor, angle = axes_of(shapes)
        columns |= {f"{prefix}major": major * pixel_scale, f"{prefix}minor": minor * pixel_scale}
        columns[f"{prefix}pa"] = (angle - north) % 180
    inside = np.flatnonzero(_inside(x, y, wcs.pixel_shape))
    table = Table({name: columns[name][inside] for name in [*TRUTH, *columns] if name in columns})
    table.add_column(np.arange(1, len(table) + 1), name="id", index=0)
    for name, (unit, text) in TRUTH.items():
        table[name].unit, table[name].description = u.Unit(unit) if unit else None, text
    return table


def _inside(x, y, size):
    return (x >= -0.5) & (x < size[0] - 0.5) & (y >= -0.5) & (y < size[1] - 0.5)


def _north(wcs, ra, dec, x, y):
    """Return the angle of north from +y towards -x, in degrees."""
    if not len(x):
        return np.zeros(0)
    step = np.where(dec > 0, -1.0, 1.0) / 3600  # away from the nearer pole
    dx, dy = np.array(wcs.all_world2pix(ra, dec + step, 0)) - [x, y]
    return np.rad2deg(np.arctan2(-dx * np.sign(step), dy * np.sign(step)))

"""The Gaussian components of radio sources: points, single extended sources, doubles of two lobes and a core."""

import numpy as np

from museml.simulation.fields.counts import SLOPE, draw_fluxes, sources_per_deg2
from museml.simulation.fields.ellipses import covariance

__all__ = ["COLUMNS", "FLUXES", "draw_components", "intrinsic"]

#: what is known of a component before it is observed; lengths in arcsec, positions in pixels, angles from +y to -x
COLUMNS = ("source", "x", "y", "flux", "dc_major", "dc_minor", "dc_pa")
FLUXES = (1e-4, 1.0)  # Jy
COMPACT = (1.2, 0.25, 3.0)  # FWHM of unresolved sources: median in arcsec, scatter in dex, limit (half a beam of LoTSS)
EXTENDED = (6.0, 0.2, 20.0)  # the same for resolved single sources
EXTENT = (22.0, 0.22, 90.0)  # from lobe to lobe of a double
LEAST_EXTENT = 9.0  # arcsec
DOUBLES = 0.5  # part of the resolved sources of 1 mJy that are doubles; it rises with the flux
CORES = 0.6  # part of the doubles with a core that is seen


def draw_components(shape, pixel_scale, rng, *, density=1.0, counts=SLOPE, flux_range=FLUXES, resolved=0.08):
    """Draw the sources of a field.

    Parameters
    ----------
    shape : (int, int)
        Rows and columns.
    pixel_scale : float
        In arcsec.
    rng : `~numpy.random.Generator`
        Source of randomness.
    density : float
        Number of sources relative to that of the sky.
    counts : float or 'measured'
        Slope of a power law, or the counts of the LoTSS Deep Fields; see `museml.simulation.fields.counts`.
    flux_range : (float, float)
        Flux densities of sources, Jy.
    resolved : float
        Part of the sources that are clearly larger than a beam of 6 arcsec.

    Returns
    -------
    dict of ndarray
        The `COLUMNS`; components of one source follow each other.
    """
    area = np.prod(shape, dtype=float) * (pixel_scale / 3600) ** 2
    number = rng.poisson(density * area * sources_per_deg2(flux_range, counts))
    flux = draw_fluxes(number, flux_range, rng, counts)
    x, y = rng.uniform(-0.5, shape[1] - 0.5, number), rng.uniform(-0.5, shape[0] - 0.5, number)
    kind = _kinds(flux, resolved, rng)
    points = _singles(flux, COMPACT, rng)
    extended = _singles(flux, EXTENDED, rng)
    singles = {name: np.where(kind == 1, extended[name], points[name]) for name in points}
    single = {"source": np.arange(number), "x": x, "y": y, "flux": flux} | singles
    parts = [{name: values[kind < 2] for name, values in single.items()}]
    for row in np.flatnonzero(kind == 2):
        parts.append(_double(row, x[row], y[row], flux[row], pixel_scale, rng))
    table = {name: np.concatenate([part[name] for part in parts]) for name in COLUMNS}
    order = np.argsort(table["source"], kind="stable")
    return {name: values[order] for name, values in table.items()}


def _kinds(flux, resolved, rng):
    """Return 0 for an unresolved source, 1 for an extended one, 2 for a double."""
    double = np.minimum(DOUBLES * resolved * (flux / 1e-3) ** 0.3, 0.5)
    extended = np.maximum(resolved - DOUBLES * resolved, 0)
    chance = rng.uniform(size=len(flux))
    return np.where(chance < double, 2, np.where(chance < double + extended, 1, 0))


def _singles(flux, sizes, rng):
    number = len(flux)
    major = _draw_sizes(number, sizes, rng)
    return {
        "dc_major": major,
        "dc_minor": major * rng.uniform(0.4, 1.0, number),
        "dc_pa": rng.uniform(0, 180, number),
    }


def _draw_sizes(number, sizes, rng):
    median, scatter, limit = sizes
    return np.minimum(median * 10 ** rng.normal(0, scatter, number), limit)


def _double(source, x, y, flux, pixel_scale, rng):
    """Return two lobes along an axis that is slightly bent, and mostly a core between them."""
    extent = max(_draw_sizes(1, EXTENT, rng)[0], LEAST_EXTENT)
    angle, has_core = rng.uniform(0, 180), rng.uniform() < CORES
    core, share = has_core * rng.uniform(0.05, 0.3), rng.uniform(0.3, 0.7)
    arms = extent * np.array([rng.uniform(0.4, 0.6), 0.0])
    arms[1] = arms[0] - extent
    bend = np.deg2rad(angle + np.array([0.0, rng.normal(0, 8)]))
    length = extent * rng.uniform(0.15, 0.35, 2)
    parts = {
        "x": x - arms * np.sin(bend) / pixel_scale,
        "y": y + arms * np.cos(bend) / pixel_scale,
        "flux": flux * (1 - core) * np.array([share, 1 - share]),
        "dc_major": length,
        "dc_minor": length * rng.uniform(0.4, 0.9, 2),
        "dc_pa": (np.rad2deg(bend) + rng.normal(0, 15, 2)) % 180,
    }
    if has_core:
        middle = {"x": x, "y": y, "flux": flux * core, "dc_major": 1.0, "dc_minor": 0.5, "dc_pa": angle}
        parts = {name: np.append(values, middle[name]) for name, values in parts.items()}
    return {"source": np.full(len(parts["x"]), source)} | parts


def intrinsic(components, pixel_scale):
    """Return the covariance matrices of components before the beam, in pixels."""
    sizes = (components[name] / pixel_scale for name in ("dc_major", "dc_minor"))
    return covariance(*sizes, components["dc_pa"])

"""Flux, magnitude and colour of continuum sources, each without its neighbours."""

import numpy as np

from museml.data.magnitudes import ab_magnitude
from museml.detectors.point_fit import fit_points, light_inside

__all__ = ["photometry"]

WIDE = 0.5  # by how much, relatively, a segment's sum exceeds the PSF's flux when a source is wider than the PSF
WIDE_SNR = 5.0  # the same in standard errors


def photometry(segments):
    """Return flux, magnitude and colour of sources.

    The PSF is fitted to all sources at once, in each band. What a source that is wider than the PSF has is the sum
    over its segment, from which the fits of the others are taken out.

    Parameters
    ----------
    segments : `~museml.detectors.segments.Segments`
        The sources.

    Returns
    -------
    dict of ndarray
        The columns flux, flux_err, mag, mag_err, color and color_err; NaN in those of magnitudes where there is no
        positive flux, and in those of colours if there is but one band.
    """
    flux, error = _densities(segments)
    edges = segments.edges
    total, total_error = _summed(flux, error, np.diff(edges))
    columns = {"flux": total, "flux_err": total_error}
    columns["mag"], columns["mag_err"] = _magnitude(flux, error, edges)
    half = len(flux) // 2
    blue = _magnitude(flux[:half], error[:half], edges[: half + 1]) if half else (np.full(len(total), np.nan),) * 2
    red = _magnitude(flux[-half:], error[-half:], edges[-half - 1 :]) if half else blue
    return columns | {"color": blue[0] - red[0], "color_err": np.hypot(blue[1], red[1])}


def _magnitude(flux, error, edges):
    """Return magnitude and error through several bands together, as photons are counted."""
    weights = np.diff(edges**2) / (edges[-1] ** 2 - edges[0] ** 2)
    return ab_magnitude(*_summed(flux, error, weights), edges[0], edges[-1])


def _summed(flux, error, weights):
    """Return the weighted sums over the bands; bands without data, whose error is infinite, are as the others."""
    known = np.isfinite(error)
    share = weights[:, None] * known
    share *= weights.sum() / np.maximum(share.sum(axis=0), np.finfo(float).tiny)
    return np.sum(share * flux, axis=0), np.sqrt(np.sum((share * np.where(known, error, 0)) ** 2, axis=0))


def _densities(segments):
    """Return the mean flux density of each source in each band, and its error; shape (bands, sources)."""
    rows = [_measured(image, segments) for image in segments.bands]
    flux, error, total, total_error = np.transpose(rows, (1, 0, 2))
    widths = np.diff(segments.edges)
    point, whole = _summed(flux, error, widths)[0], _summed(total, total_error, widths)
    more = whole[0] - point
    wide = (more > np.maximum(WIDE_SNR * whole[1], WIDE * point)) | (segments.wide & (more > 0))
    return np.where(wide, total, flux), np.where(wide & np.isfinite(error), total_error, error)


def _measured(image, segments):
    """Return flux and error of the PSF, and sum and error of the segment without the other sources."""
    fit = fit_points(image.data, image.weight, image.kernel, segments.positions[:, :2])
    labels, number = segments.segmentation.data, len(segments.positions) + 1
    variance = np.divide(1, image.weight, out=np.zeros(labels.shape), where=image.weight > 0)
    rest = np.where(image.weight > 0, image.data - fit.image, 0)
    rest_sum, error = (np.bincount(labels.ravel(), v.ravel(), number)[1:] for v in (rest, variance))
    own = fit.flux * light_inside(image.kernel, segments.positions[:, :2], labels)
    return fit.flux, image.scale * fit.error, rest_sum + own, image.scale * np.sqrt(error)

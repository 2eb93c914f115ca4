"""Clean spectra moved to their rest frames, for learning templates."""

import numpy as np

from museml.classifiers.nmf_grid import REST, STEP
from museml.training.factorisation import Part

__all__ = ["SIZE", "extend", "first_guess", "rest_parts"]

#: number of pixels of a template
SIZE = REST[1] - REST[0] + 1
#: rows that are kept together; they are sorted by redshift
ROWS = 200


def rest_parts(flux, z, instrument, snr, tolerance):
    """Return spectra in their rest frames, in parts of similar redshift.

    Parameters
    ----------
    flux : ndarray, shape (n, channels)
        Clean spectra of significance 1.
    z : ndarray, shape (n,)
        Redshifts.
    instrument : `~museml.simulation.spectra.Instrument`
        Gives the channels.
    snr : float
        Weights are those of white noise for this significance ...
    tolerance : float
        ... and of templates that fit to this part of the flux, so that bright lines are not all that counts.

    Returns
    -------
    list of `~museml.training.factorisation.Part`
    """
    order = np.argsort(z, kind="stable")
    edges = np.log(instrument.edges) / STEP + 0.5
    parts = []
    for start in range(0, len(order), ROWS):
        rows = order[start : start + ROWS]
        parts.append(_part(flux[rows], edges - np.log1p(z[rows])[:, None] / STEP, snr, tolerance))
    return parts


def _part(flux, edges, snr, tolerance):
    """Rebin spectra whose channels have these borders, in pixels, one row each."""
    first, last = max(int(edges.min()), REST[0]), min(int(np.ceil(edges.max())), REST[1] + 1)
    borders = np.arange(first, last + 1)
    total = np.pad(np.cumsum(flux * np.diff(edges, axis=1), axis=1), ((0, 0), (1, 0)))
    rebinned = [np.diff(np.interp(borders, *row)) for row in zip(edges, total, strict=True)]
    covered = (borders[:-1] >= edges[:, :1]) & (borders[1:] <= edges[:, -1:])
    values = np.where(covered, rebinned, 0).astype(np.float32)
    weights = covered / (1 + (snr * tolerance * values) ** 2)
    return Part(first - REST[0], values, weights.astype(np.float32))


def first_guess(parts, number, rng):
    """Return random templates about the mean of the spectra, shape (number, `SIZE`)."""
    total, weight = np.zeros(SIZE), np.zeros(SIZE)
    for part in parts:
        total[part.place] += np.sum(part.values * part.weights, axis=0)
        weight[part.place] += part.weights.sum(axis=0)
    mean = total / np.where(weight > 0, weight, np.inf)
    return mean * rng.uniform(0.2, 1.8, (number, 1)) * rng.uniform(0.5, 1.5, (number, SIZE))


def extend(templates, parts):
    """Continue templates with a constant redward of what any spectrum covers."""
    last = max(part.place.stop for part in parts) - 1
    extended = templates.copy()
    extended[:, last:] = templates[:, last - 20 : last].mean(axis=1, keepdims=True)
    return extended

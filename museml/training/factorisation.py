"""Non-negative factors of spectra that each cover a part of a common axis only."""

from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from museml.classifiers.nonnegative import solve_nonnegative

__all__ = ["Part", "factorise"]

#: sweeps of the solver in each round; it starts where the last round ended
SWEEPS = 3


@dataclass(frozen=True, eq=False)
class Part:
    """Some rows that cover nearly the same pixels.

    Attributes
    ----------
    first : int
        The pixel of the common axis that their first is.
    values, weights : ndarray, shape (rows, pixels), float32
        Values and their inverse variances, 0 where not covered.
    """

    first: int
    values: np.ndarray
    weights: np.ndarray

    @property
    def place(self):
        """Which pixels of the common axis they cover."""
        return slice(self.first, self.first + self.values.shape[1])


def factorise(parts, start, rounds=60, desc="factors"):
    """Find non-negative templates of which all rows are non-negative sums: weighted NMF with gaps.

    Weights of templates in rows, and of rows in pixels, are solved for in turn; the weighted sum of squares never
    grows (Blanton & Roweis 2007, AJ 133, 734, have the same sum; here by coordinate descent).

    Parameters
    ----------
    parts : list of Part
        The data.
    start : ndarray, shape (k, pixels)
        First guess of the templates, positive.
    rounds : int
        How often both are solved for.
    desc : str
        What the progress bar says.

    Returns
    -------
    templates : ndarray, shape (k, pixels), float32
        Each with mean 1 where it is covered.
    losses : list of float
        Weighted mean square after each round.
    """
    templates = start.astype(np.float32)
    pairs = np.triu_indices(len(templates))
    amounts, losses = [None] * len(parts), []
    for _ in tqdm(range(rounds), desc=desc, unit="round"):
        amounts = [_amounts(part, templates, x, pairs) for part, x in zip(parts, amounts, strict=True)]
        losses.append(sum(_loss(part, templates, x) for part, x in zip(parts, amounts, strict=True)) / _count(parts))
        templates = _templates(parts, amounts, templates, pairs)
        scale = templates.mean(axis=1, keepdims=True) + np.finfo(np.float32).tiny
        templates, amounts = templates / scale, [x * scale for x in amounts]
    return templates, losses


def _amounts(part, templates, start, pairs):
    """Return the weights of the templates in each row, shape (k, rows)."""
    window = templates[:, part.place]
    matrix = (window[pairs[0]] * window[pairs[1]]) @ part.weights.T
    return solve_nonnegative(_full(matrix, pairs), window @ (part.weights * part.values).T, start, SWEEPS)


def _templates(parts, amounts, templates, pairs):
    """Return the templates that fit best, pixel by pixel."""
    matrix = np.zeros((len(pairs[0]), templates.shape[1]), np.float32)
    vector = np.zeros_like(templates)
    for part, x in zip(parts, amounts, strict=True):
        matrix[:, part.place] += (x[pairs[0]] * x[pairs[1]]) @ part.weights
        vector[:, part.place] += x @ (part.weights * part.values)
    return solve_nonnegative(_full(matrix, pairs), vector, templates, SWEEPS)


def _full(upper, pairs):
    size = pairs[0].max() + 1
    matrix = np.empty((size, size, upper.shape[1]), upper.dtype)
    matrix[pairs] = matrix[pairs[::-1]] = upper
    return matrix


def _loss(part, templates, x):
    return float(np.sum(part.weights * (part.values - x.T @ templates[:, part.place]) ** 2))


def _count(parts):
    return sum(np.count_nonzero(part.weights) for part in parts)

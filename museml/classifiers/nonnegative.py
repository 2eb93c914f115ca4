"""Non-negative least squares for many small problems at once."""

import numpy as np

__all__ = ["misfit", "solve_nonnegative"]

#: keeps a component without weight in a problem at zero, relative to the largest of its diagonal
TINY = 1e-9


def solve_nonnegative(matrix, vector, start=None, sweeps=30):
    """Minimise x A x - 2 b x over x >= 0 by cyclic coordinate descent.

    Each step is exact in one component, so the sum never grows (Franc et al. 2005, LNCS 3691, 407).

    Parameters
    ----------
    matrix : ndarray, shape (k, k, n)
        Normal matrices A, the problems last.
    vector : ndarray, shape (k, n)
        Right-hand sides b.
    start : ndarray, shape (k, n)
        First guess; by default zero.
    sweeps : int
        How often each component is visited.

    Returns
    -------
    ndarray, shape (k, n)
    """
    x = np.zeros_like(vector) if start is None else start.copy()
    diagonal = np.einsum("jjn->jn", matrix)
    floor = TINY * diagonal.max(axis=0) + np.finfo(matrix.dtype).tiny
    inverse = np.where(diagonal > floor, 1 / np.maximum(diagonal, floor), 0)
    for _ in range(sweeps):
        for j in range(len(x)):
            slope = vector[j] - np.einsum("kn,kn->n", matrix[j], x)
            np.maximum(x[j] + slope * inverse[j], 0, out=x[j])
    return x


def misfit(matrix, vector, x):
    """Return x A x - 2 b x of each problem, shape (n,)."""
    return np.einsum("jn,jkn,kn->n", x, matrix, x, optimize=True) - 2 * np.einsum("kn,kn->n", vector, x)

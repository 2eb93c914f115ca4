"""Elliptical Gaussians fitted to the pixels of many sources; compiled with numba, which this file needs at import."""

import numpy as np
from numba import njit

__all__ = ["fit_all", "fit_pairs"]

STEPS = 30  # most steps of a fit
TURNS = 30  # most turns in which two models are fitted
DONE = 1e-4  # relative fall of chi squared at which a fit ends
WIDEST = 2.0  # greatest FWHM, in units of the extent of the pixels that a source is fitted to


@njit(cache=True)
def fit_all(x, y, values, first, models, before, near, near_first, free, limits):
    """Fit each source, with the models of its neighbours taken out, by Levenberg and Marquardt's method.

    A model is (A, x, y, a, b, c): A exp(-(a dx^2 + 2 b dx dy + c dy^2)).

    Parameters
    ----------
    x, y, values : ndarray, shape (n,)
        Pixels of the sources, one after the other.
    first : ndarray of int, shape (sources + 1,)
        Where each source begins among them.
    models : ndarray, shape (sources, 6)
        Where to begin; changed in place.
    before : ndarray, shape (sources, 6)
        Models of the neighbours.
    near, near_first : ndarray of int
        Neighbours of each source, one list after the other, and where each begins.
    free : ndarray of int, shape (sources,)
        6, 3 to keep the shape, or 0 to leave a source as it is.
    limits : ndarray, shape (sources, 4)
        Least and greatest x and y.

    Returns
    -------
    ndarray of bool, shape (sources,)
        Whether the fit converged.
    """
    good = np.zeros(len(models), np.bool_)
    for source in np.flatnonzero(free):
        part = slice(first[source], first[source + 1])
        own = _own(x[part], y[part], values[part], before, near[near_first[source] : near_first[source + 1]])
        good[source] = _fit(x[part], y[part], own, models[source], free[source], limits[source])
    return good


@njit(cache=True)
def _value(model, x, y):
    dx, dy = x - model[1], y - model[2]
    form = model[3] * dx * dx + 2 * model[4] * dx * dy + model[5] * dy * dy
    return model[0] * np.exp(-form) if form < 30 else 0.0


@njit(cache=True)
def _fit(x, y, values, model, free, limits):
    """Improve one model in place; whether that came to an end within the limits."""
    if len(values) < free:
        return False
    damping, chi, least = 1e-2, _chi(x, y, values, model), _least(model, limits)
    for _ in range(STEPS):
        matrix, slope = _normal(x, y, values, model, free)
        better = False
        while damping < 1e7:
            damped = matrix.copy()
            for k in range(free):
                damped[k, k] *= 1 + damping
                damped[k, k] += 1e-300
            trial = model.copy()
            trial[:free] += _solve(damped, slope.copy())
            if _possible(trial, limits, least):
                trial_chi = _chi(x, y, values, trial)
                if trial_chi <= chi:
                    better = True
                    break
            damping *= 5
        if not better:
            return _possible(model, limits, least)
        model[:] = trial
        fall, chi = chi - trial_chi, trial_chi
        damping = max(damping / 10, 1e-7)
        if fall <= DONE * chi:
            return True
    return False


@njit(cache=True)
def _possible(model, limits, least):
    """Whether a model is a Gaussian with its peak within the limits, and not wider than is told by `_least`."""
    inside = limits[0] <= model[1] <= limits[1] and limits[2] <= model[2] <= limits[3]
    return inside and model[3] > 0 and model[5] > 0 and _flattest(model) >= least


@njit(cache=True)
def _least(model, limits):
    """Return the least curvature of a fit, without which pixels on a slope would make needles of it."""
    extent = WIDEST * (max(limits[1] - limits[0], limits[3] - limits[2]) + 1)
    return min(4 * np.log(2) / extent**2, _flattest(model))


@njit(cache=True)
def _flattest(model):
    """Return the curvature along the major axis."""
    return (model[3] + model[5]) / 2 - np.hypot((model[3] - model[5]) / 2, model[4])


@njit(cache=True)
def _chi(x, y, values, model):
    total = 0.0
    for pixel in range(len(values)):
        total += (values[pixel] - _value(model, x[pixel], y[pixel])) ** 2
    return total


@njit(cache=True)
def _normal(x, y, values, model, free):
    """Return the matrix and the right-hand side of the normal equations."""
    matrix, slope, terms = np.zeros((free, free)), np.zeros(free), np.empty(6)
    for pixel in range(len(values)):
        dx, dy = x[pixel] - model[1], y[pixel] - model[2]
        form = model[3] * dx * dx + 2 * model[4] * dx * dy + model[5] * dy * dy
        shape = np.exp(-form)
        here = model[0] * shape
        terms[0] = shape
        terms[1] = 2 * here * (model[3] * dx + model[4] * dy)
        terms[2] = 2 * here * (model[4] * dx + model[5] * dy)
        terms[3] = -here * dx * dx
        terms[4] = -2 * here * dx * dy
        terms[5] = -here * dy * dy
        for k in range(free):
            slope[k] += terms[k] * (values[pixel] - here)
            for m in range(k + 1):
                matrix[k, m] += terms[k] * terms[m]
    for k in range(free):
        for m in range(k):
            matrix[m, k] = matrix[k, m]
    return matrix, slope


@njit(cache=True)
def fit_pairs(x, y, values, first, models, before, near, near_first, rms, limits):
    """Fit two Gaussians of the beam's shape to each source, where one of any shape was fitted.

    The second begins where the first, alone and with the beam's shape, leaves the most.

    Parameters
    ----------
    x, y, values, first, before, near, near_first, limits
        As for `fit_all`.
    models : ndarray, shape (sources, 6)
        Fitted with the beam's shape; changed in place, to the first of the two.
    rms : ndarray, shape (sources,)
        Noise.

    Returns
    -------
    second : ndarray, shape (sources, 6)
        Model of the second; 0 where no fit converged.
    gain : ndarray, shape (sources,)
        By how much chi squared is below that of ``before``.
    """
    second, gain = np.zeros(models.shape), np.zeros(len(models))
    for source in range(len(models)):
        part = slice(first[source], first[source + 1])
        own = _own(x[part], y[part], values[part], before, near[near_first[source] : near_first[source + 1]])
        one = _chi(x[part], y[part], own, before[source])
        good = _fit_pair(x[part], y[part], own, models[source], second[source], limits[source])
        if good:
            rest = own - _values(models[source], x[part], y[part])
            gain[source] = (one - _chi(x[part], y[part], rest, second[source])) / rms[source] ** 2
        else:
            second[source] = 0
    return second, gain


@njit(cache=True)
def _fit_pair(x, y, values, one, two, limits):
    """Fit two models of one shape in turns, each to what the other leaves."""
    rest = values - _values(one, x, y)
    top = np.argmax(rest)
    if rest[top] <= 0:
        return False
    two[:] = one
    two[0], two[1], two[2] = rest[top], x[top], y[top]
    chi = np.inf
    for _ in range(TURNS):
        good = _fit(x, y, values - _values(two, x, y), one, 3, limits)
        good = good and _fit(x, y, values - _values(one, x, y), two, 3, limits)
        if not good or one[0] <= 0 or two[0] <= 0:
            return False
        last, chi = chi, _chi(x, y, values - _values(one, x, y), two)
        if last - chi <= DONE * chi:
            break
    return True


@njit(cache=True)
def _own(x, y, values, models, others):
    """Return the values less the models of others."""
    own = values.copy()
    for other in others:
        own -= _values(models[other], x, y)
    return own


@njit(cache=True)
def _values(model, x, y):
    values = np.empty(len(x))
    for pixel in range(len(x)):
        values[pixel] = _value(model, x[pixel], y[pixel])
    return values


@njit(cache=True)
def _solve(matrix, right):
    """Solve a small system of positive definite equations, by elimination."""
    n = len(right)
    for k in range(n):
        for row in range(k + 1, n):
            part = matrix[row, k] / matrix[k, k]
            for column in range(k, n):
                matrix[row, column] -= part * matrix[k, column]
            right[row] -= part * right[k]
    for k in range(n - 1, -1, -1):
        for column in range(k + 1, n):
            right[k] -= matrix[k, column] * right[column]
        right[k] /= matrix[k, k]
    return right

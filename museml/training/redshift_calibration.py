"""Calibrate a network for redshifts on simulations that it has not seen."""

import numpy as np
from scipy.optimize import minimize

from museml.data import redshift_bins as bins
from museml.data.log_grid import START, to_log_grid

__all__ = ["calibrate_redshift", "fit_redshift_calibration", "near"]

NEAR = 6  # bins from the truth that count as right: 0.002 in ln(1+z)


def calibrate_redshift(model, batch, truth):
    """Return the calibration of a model for spectra and their truth, see `museml.data.redshift_bins.posterior`.

    Parameters
    ----------
    model : `~museml.Model`
        Its outputs are those of `museml.data.redshift_bins`.
    batch : `~museml.Batch`
        Spectra that it was not trained on.
    truth : `~astropy.table.Table`
        As `~museml.simulation.spectra.simulate_spectra` gives it.
    """
    z, second = (np.ma.filled(np.ma.asarray(truth[name], float), np.nan) for name in ("z", "z_2"))
    second = np.where(np.asarray(truth["blend"]), second, np.nan)
    outputs = model.outputs(to_log_grid(batch, START))
    return fit_redshift_calibration(outputs, np.asarray(truth["class"], str), z, second)


def fit_redshift_calibration(outputs, classes, z, second):
    """Find the calibration for which the probability near the truth is greatest.

    Parameters
    ----------
    outputs : ndarray, shape (n, outputs)
        Of a network, in the default window.
    classes, z, second : ndarray, shape (n,)
        True class, redshift and redshift of a second object, NaN where there is none.

    Returns
    -------
    dict
        ``scale``, ``offset``, ``second_scale`` and ``second_offset``.
    """

    def loss(parameters):
        found = bins.posterior(outputs, START, _calibration(parameters))
        return _first_loss(found, classes, z) + _second_loss(found, z, second) + 1e-4 * np.sum(parameters**2)

    options = {"maxfev": 150, "xatol": 0.01, "fatol": 1e-4}
    return _calibration(minimize(loss, np.zeros(6), method="Nelder-Mead", options=options).x)


def _calibration(parameters):
    scale, second_scale = np.exp(parameters[:2])
    offset = [0.0, *(float(value) for value in parameters[3:])]
    return {
        "scale": float(scale),
        "offset": offset,
        "second_scale": float(second_scale),
        "second_offset": float(parameters[2]),
    }


def _first_loss(found, classes, z):
    by_class = {"galaxy": found.galaxy, "QSO": found.qso, "star": found.star}
    right = found.nothing.astype(float)
    for name, values in by_class.items():
        right = np.where(classes == name, near(values, z), right)
    return -np.mean(np.log(np.maximum(right, 1e-20)))


def _second_loss(found, z, second):
    """Return the mean loss; the second answer may name either object of a blend, for the first may name the other."""
    right = np.where(np.isnan(second), found.no_second, near(found.second, second) + near(found.second, z))
    return -np.mean(np.log(np.maximum(right, 1e-20)))


def near(values, z):
    """Return the sum of probabilities, shape (n, bins) in the default window, near redshifts; 0 for NaN."""
    place = np.round(bins.bin_of(np.where(np.isnan(z), -0.9, z))).astype(int)[:, None] + np.arange(-NEAR, NEAR + 1)
    inside = (place >= 0) & (place < bins.N_BINS)
    taken = np.take_along_axis(values, np.clip(place, 0, bins.N_BINS - 1), axis=1)
    return np.where(inside, taken, 0).sum(axis=1)

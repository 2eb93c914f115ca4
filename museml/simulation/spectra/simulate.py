"""Simulated spectra with their truth, and observed ones made shallower."""

from dataclasses import replace

import numpy as np
from astropy import units as u
from astropy.table import MaskedColumn, Table, vstack

from museml.data.batch import Batch
from museml.data.cubes import FLUX_DENSITY
from museml.errors import SettingError
from museml.settings import check_number, is_number
from museml.simulation.spectra.blends import blend
from museml.simulation.spectra.instrument import MUSE
from museml.simulation.spectra.objects import draw_objects
from museml.simulation.spectra.observation import Conditions, noise, observe
from museml.simulation.spectra.significance import continuum_snr, line_snr

__all__ = ["degrade", "simulate_spectra"]

PART = 2048  # spectra simulated at once; bounds the memory


def simulate_spectra(
    n,
    seed=0,
    *,
    kinds=None,
    instrument=MUSE,
    snr=(3.0, 200.0),
    exposure_hours=(0.25, 140.0),
    blends=0.0,
    conditions=None,
):
    """Simulate spectra as a spectrograph would give them.

    Parameters
    ----------
    n : int
        Number of spectra; each takes 0.07 MB of memory while they are made.
    seed : int, sequence of int or `~numpy.random.Generator`
        The same seed makes the same spectra.
    kinds : str, sequence of str or mapping
        Kind, or kinds of object to draw from, evenly, or with their shares; see
        ``TRAINING`` for the default.
    instrument : Instrument
        The spectrograph, from 3401 to 10000 Angstrom in vacuum.
    snr : (float, float) or None
        Range of the significance, even in the logarithm: of the brightest line, and 7 times the continuum's
        per channel, in quadrature. With None they are as bright as sources of a deep field, whatever the exposure.
    exposure_hours : float or (float, float)
        Exposure time, or its range, even in the logarithm.
    blends : float
        Share of spectra with a second object.
    conditions : Conditions
        Everything else about the observation.

    Returns
    -------
    spectra : `~museml.Batch`
        The spectra in 1e-20 erg / (s cm2 Angstrom), ids '1' to n.
    truth : `~astropy.table.Table`
        Columns id, class, kind, z and z_2 (masked where there is none), blend, line (the one that stands out
        most), snr_line (its signal-to-noise ratio), snr_cont (that of the continuum, median per channel; both of
        the first object in the true noise) and exposure_hours.

    Raises
    ------
    SettingError
        If there is no such kind, or a setting cannot be.
    """
    rng = _generator(seed)
    check_number("blends", blends, 0, 1, example=0.1)
    check_number("n", n, 0, example=1000, whole=True)
    sizes = [min(PART, n - i) for i in range(0, max(n, 1), PART)]
    options = instrument, _conditions(conditions, snr, exposure_hours), blends, snr is not None
    parts = [_simulate(size, rng, kinds, *options) for size in sizes]
    values, errors, mask, truths = zip(*parts, strict=True)
    truth = vstack(truths)
    truth.add_column([str(i + 1) for i in range(n)], name="id", index=0)
    arrays = map(np.concatenate, (values, errors, mask))
    return Batch(tuple(truth["id"]), *arrays, instrument.wave * u.Angstrom, instrument.medium, FLUX_DENSITY), truth


def _simulate(n, rng, kinds, instrument, conditions, blends, by_significance):
    """Return values, errors, mask and truth of spectra."""
    objects = draw_objects(n, rng, kinds, instrument)
    flux, partner, _ = blend(objects.flux, rng, blends)
    drawn = np.exp(rng.uniform(*np.log(conditions.exposure_hours), n))
    unit = instrument.hour / np.sqrt(drawn)
    amplitude = None if by_significance else objects.scale / unit
    seen = observe(flux, rng, instrument, conditions, amplitude, drawn)
    values, errors = (np.float32(unit)[:, None] * part for part in (seen.values, seen.errors))
    return values, errors, seen.mask, _truth(objects, seen, partner, instrument)


def _generator(seed):
    """Return the source of randomness of a seed, or raise `SettingError`."""
    try:
        return np.random.default_rng(seed)
    except (TypeError, ValueError):
        raise SettingError(
            f"seed must be a whole number from 0, several of them, or a Generator, not {seed!r}; give for example 0"
        ) from None


def _conditions(conditions, snr, exposure_hours):
    """Return the conditions with the ranges of significance and exposure time."""
    if not isinstance(conditions, Conditions | None):
        raise SettingError(f"conditions must be Conditions, not {conditions!r}; give for example Conditions(gaps=0.0)")
    hours = (exposure_hours, exposure_hours) if np.isscalar(exposure_hours) else exposure_hours
    wanted = {"exposure_hours": hours} | ({} if snr is None else {"snr": snr})
    return replace(conditions or Conditions(), **wanted)


def _truth(objects, seen, partner, instrument):
    """Return the truth of observed objects."""
    truth = objects.truth.copy()
    z = np.ma.filled(truth["z"], np.nan)
    amplitude = seen.amplitude[:, None]
    emission, continuum = amplitude * objects.emission, amplitude * (objects.flux - objects.emission)
    truth["z_2"] = MaskedColumn(np.where(partner < 0, 0, np.nan_to_num(z)[partner]), mask=partner < 0)
    truth["blend"] = partner >= 0
    truth["snr_line"] = line_snr(emission, seen.sigma, instrument)
    truth["snr_cont"] = continuum_snr(continuum, seen.sigma, z, instrument)
    truth["exposure_hours"] = seen.exposure_hours
    return Table(truth, masked=False)


def degrade(batch, factor, seed=0, correlation=0.2):
    """Make observed spectra shallower, as if exposed for a fraction of the time.

    Parameters
    ----------
    batch : `~museml.Batch`
        Observed spectra; they are not changed.
    factor : float
        How many times shorter the exposure is; at least 1.
    seed : int, sequence of int or `~numpy.random.Generator`
        Source of randomness.
    correlation : float
        Of the added noise in neighbouring channels, at most 0.5.

    Returns
    -------
    `~museml.Batch`
        With noise added in proportion to the reported errors, which grow with the square root of the factor.

    Raises
    ------
    SettingError
        If the factor is below 1, or there is no such correlation.
    """
    if not is_number(factor, 1):
        raise SettingError(f"factor must be 1 or more, the exposure is shortened by it; received {factor!r}")
    check_number("correlation", correlation, -0.5, 0.5, example=0.2)
    drawn = noise(_generator(seed), batch.values.shape, (correlation, correlation))
    values = batch.values + np.float32(np.sqrt(factor - 1)) * batch.errors * drawn
    return replace(batch, values=values, errors=batch.errors * np.float32(np.sqrt(factor)))

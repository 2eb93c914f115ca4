"""A prior over redshift, by which p(z) is weighted."""

import os
from collections.abc import Mapping

import numpy as np
from astropy.table import Table

from museml.errors import SettingError

__all__ = ["prior_weights"]


def prior_weights(prior, lnz):
    """Return the weight of each redshift.

    Parameters
    ----------
    prior : None, path, or table
        A table with the columns z and weight (or a mapping with these keys, or the path of a table that astropy
        reads): the weight relative to the galaxies and quasars that the model was trained on, with straight lines
        in between and nothing beyond the first and last redshift. None weighs all alike.
    lnz : ndarray
        ln(1+z) of the redshifts.

    Raises
    ------
    SettingError
        If it is no such table.
    """
    if prior is None:
        return np.ones(len(lnz))
    z, weight = _columns(prior)
    if len(z) < 2 or not np.all(np.diff(z) > 0) or not np.all(np.isfinite(weight) & (weight >= 0)) or not weight.any():
        raise SettingError(
            "a prior must have two redshifts or more, increasing, and weights that are not negative nor all 0; "
            f"received z {_short(z)}, weight {_short(weight)}; correct the table"
        )
    return np.interp(lnz, np.log1p(z), weight, left=0, right=0)


def _columns(prior):
    table = _read(prior) if isinstance(prior, (str, os.PathLike)) else prior
    names = table.colnames if isinstance(table, Table) else list(table) if isinstance(table, Mapping) else []
    if not {"z", "weight"} <= set(names):
        raise SettingError(
            f"a prior must be a table with the columns z and weight, or its path, not {_short(prior)}; "
            "give for example {'z': [0, 1, 7], 'weight': [0.1, 1, 1]}"
        )
    return np.asarray(table["z"], float), np.asarray(table["weight"], float)


def _read(path):
    try:
        return Table.read(path)
    except Exception as error:  # astropy raises nearly anything on a broken table
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise SettingError(
            f"a prior must be a table; {str(path)!r} cannot be read: {reason}; check the path"
        ) from error


def _short(value):
    text = " ".join(str(value).split())
    return text if len(text) < 60 else f"{text[:57]}..."

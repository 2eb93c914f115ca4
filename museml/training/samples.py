"""Labelled spectra in memory, on the axis of the networks for redshifts, from which a training draws."""

from dataclasses import dataclass, fields

import numpy as np
from astropy import units as u

from museml.data.batch import Batch
from museml.data.log_grid import log_axis, start_of, to_log_grid
from museml.simulation.spectra import degrade
from museml.training.labels import training_classes

__all__ = ["Sample", "draw_shallower", "make_sample"]

#: spectra that are drawn together are made shallower in so many groups, of which the first is left as it is
GROUPS = 4


@dataclass(frozen=True, eq=False)
class Sample:
    """Spectra and what they are.

    Attributes
    ----------
    ids, objects, classes : ndarray of str, shape (n,)
        Names of spectra and objects; classes as in `museml.data.redshift_bins`.
    z : ndarray, shape (n,)
        Redshifts, NaN for nothing.
    starts : ndarray, shape (n,)
        Where the window of each begins, Angstrom in vacuum.
    values, errors, mask : ndarray, shape (n, pixels)
        The spectra on their windows.
    """

    ids: np.ndarray
    objects: np.ndarray
    classes: np.ndarray
    z: np.ndarray
    starts: np.ndarray
    values: np.ndarray
    errors: np.ndarray
    mask: np.ndarray

    def __len__(self):
        return len(self.ids)

    def rows(self, index):
        """Return some rows as a Sample of their own."""
        return Sample(**{part.name: getattr(self, part.name)[index] for part in fields(self)})

    def windows(self):
        """Return the rows of each window as a Sample of their own."""
        return [self.rows(self.starts == start) for start in np.unique(self.starts)]

    def batch(self):
        """Return the spectra as a `~museml.Batch`; all have to begin at the same wavelength."""
        axis = log_axis(self.starts[0]) * u.Angstrom
        return Batch(tuple(self.ids), self.values, self.errors, self.mask, axis, "vacuum")


def make_sample(labelled):
    """Read labelled spectra.

    Parameters
    ----------
    labelled : `~museml.training.labels.LabelledSpectra`
        What cannot be used is marked there.

    Returns
    -------
    Sample
    """
    parts = [_part(batch, labels) for batch, labels in labelled.batches()]
    return Sample(**{part.name: np.concatenate([getattr(p, part.name) for p in parts]) for part in fields(Sample)})


def draw_shallower(sample, rng, n, most=1.0, rows=None):
    """Draw spectra at random and make three quarters of them shallower.

    Parameters
    ----------
    sample : Sample
        From which rows are drawn, with repetition.
    rng : `~numpy.random.Generator`
        Source of randomness.
    n : int
        Number of rows.
    most : float
        The exposure is made shorter by up to this factor, even in the logarithm.
    rows : ndarray of int, optional
        Only these rows are drawn.

    Returns
    -------
    Sample
    """
    drawn = sample.rows(rng.choice(len(sample) if rows is None else rows, n))
    factors = np.append(1.0, np.exp(rng.uniform(0, np.log(most), GROUPS - 1)))
    values, errors = [], []
    for rows, factor in zip(np.array_split(np.arange(n), GROUPS), factors, strict=True):
        part = Batch(tuple(drawn.ids[rows]), drawn.values[rows], drawn.errors[rows], drawn.mask[rows])
        part = part if factor == 1 else degrade(part, factor, rng)
        values.append(part.values)
        errors.append(part.errors)
    return Sample(**{**vars(drawn), "values": np.concatenate(values), "errors": np.concatenate(errors)})


def _part(batch, labels):
    placed = to_log_grid(batch)
    names = {"ids": labels["id"], "objects": labels["object"], "classes": training_classes(labels)}
    texts = {name: np.asarray(values, str) for name, values in names.items()}
    starts = np.full(len(batch), start_of(placed))
    z = np.ma.filled(np.ma.asarray(labels["z"], float), np.nan)
    return Sample(**texts, z=z, starts=starts, values=placed.values, errors=placed.errors, mask=placed.mask)

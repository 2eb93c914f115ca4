"""Training of networks for redshifts: targets, loss, and the spectra they see."""

from dataclasses import dataclass

import numpy as np
from astropy import units as u

from museml.data import redshift_bins as bins
from museml.data.batch import Batch
from museml.data.log_grid import START, is_placed, nearest_start, start_of, to_log_grid
from museml.data.preparation import prepare_input
from museml.networks.backend import load_keras
from museml.simulation.spectra import INSTRUMENTS, Conditions, blend, draw_objects, observe

__all__ = [
    "PREPARATION",
    "Pool",
    "make_pool",
    "mixed_draw",
    "observed",
    "redshift_inputs",
    "redshift_loss",
    "redshift_targets",
    "simulated_draw",
]

PREPARATION = ({"step": "spectrum_channels"},)
WIDTH = 0.7  # of the targets, bins
REACH = 2  # bins on either side that the targets have
NONE = -1e6  # position of the bin of a second object that there is not
SECOND_WEIGHT = 0.4  # of the loss of the second object


@dataclass(frozen=True)
class Pool:
    """Clean spectra, to be observed anew each time.

    Attributes
    ----------
    flux : ndarray, shape (n, channels), float16
        As `~museml.simulation.spectra.Objects` have it.
    classes : ndarray of str, shape (n,)
        Class of each.
    z : ndarray, shape (n,)
        Redshift, NaN for nothing.
    instrument : str
        Its name.
    """

    flux: np.ndarray
    classes: np.ndarray
    z: np.ndarray
    instrument: str = "MUSE-extended"

    def __len__(self):
        return len(self.z)

    def rows(self, start, stop):
        """Return the rows ``start`` to ``stop`` as a Pool of their own."""
        part = slice(start, stop)
        return Pool(self.flux[part], self.classes[part], self.z[part], self.instrument)

    def answerable(self, start=None):
        """Return which objects have an answer in a window; all of them, if none of them has."""
        inside = np.isnan(self.z) | _inside(bins.bin_of(np.nan_to_num(self.z), start or START))
        return inside if inside.any() else ~inside


def make_pool(n, seed=0, instrument="MUSE-extended", kinds=None):
    """Simulate clean spectra."""
    objects = draw_objects(n, np.random.default_rng(seed), kinds, INSTRUMENTS[instrument])
    z = np.ma.filled(np.ma.asarray(objects.truth["z"], float), np.nan)
    return Pool(objects.flux.astype(np.float16), np.asarray(objects.truth["class"], str), z, instrument)


def simulated_draw(pool, conditions=None, blends=0.1, mode=0.85, shifted=0.25, binned=0.1):
    """Return a function that observes spectra of a pool and makes them ready for training.

    Parameters
    ----------
    pool : Pool
        Clean spectra.
    conditions : `~museml.simulation.spectra.Conditions`
        How they are observed.
    blends : float
        Share of spectra with a second object.
    mode : float
        Share of spectra of MUSE's extended mode that are cut to the nominal one.
    shifted : float
        Share of draws with a window of another start.
    binned : float
        Share of draws in which channels are taken together in pairs.

    Returns
    -------
    callable
        ``draw(rng, n)`` returns inputs and targets.
    """

    def draw(rng, n):
        start = nearest_start(START * np.exp(rng.uniform(-0.28, 0.1))) if rng.random() < shifted else None
        batch, targets = observed(pool, rng, n, conditions, blends, mode, start)
        batch = _in_pairs(batch) if rng.random() < binned else batch
        placed = to_log_grid(batch, start)
        return redshift_inputs(placed), redshift_targets(*targets, start_of(placed))

    return draw


def mixed_draw(draws):
    """Return a function that takes one of several ``(draw, share)`` at a time."""
    shares = np.array([share for _, share in draws]) / sum(share for _, share in draws)
    return lambda rng, n: draws[rng.choice(len(draws), p=shares)][0](rng, n)


def observed(pool, rng, n, conditions=None, blends=0.1, mode=0.85, start=None):
    """Draw spectra of a pool and observe them as `simulated_draw` does; return a Batch, and classes, z and z_2.

    With the start of a window, only objects whose redshift is among its bins are drawn.
    """
    instrument, among = INSTRUMENTS[pool.instrument], np.flatnonzero(pool.answerable(start))
    rows = np.sort(rng.choice(among, n, replace=n > len(among)))
    mixed, partner, _ = blend(pool.flux[rows], rng, blends)
    seen = observe(mixed, rng, instrument, conditions or Conditions())
    second = np.where(partner < 0, np.nan, pool.z[rows][partner])
    ids = tuple(str(i) for i in range(n))
    batch = Batch(ids, seen.values, seen.errors, seen.mask, instrument.wave * u.Angstrom, instrument.medium)
    if pool.instrument == "MUSE-extended":
        _cut_blue(batch, rng.random(n) < mode)
    return batch, (pool.classes[rows], pool.z[rows], second)


def redshift_inputs(batch):
    """Return the network's input for spectra on any axis."""
    return prepare_input(batch if is_placed(batch) else to_log_grid(batch), PREPARATION)


def redshift_targets(classes, z, second=None, start=START):
    """Return the targets of `redshift_loss`.

    Parameters
    ----------
    classes : sequence of str
        Each 'galaxy', 'QSO', 'star' or 'nothing'.
    z : array_like
        Redshifts; NaN for nothing.
    second : array_like
        Redshift of a second object in the spectrum, NaN where there is none.
    start : float
        Start of the window, see `museml.data.log_grid`.

    Returns
    -------
    ndarray, shape (n, 4), float32
        Class, position of the redshift and of the second one among the bins, and the shift of the window in bins.
    """
    kind = np.array([bins.CLASSES.index(name) for name in classes])
    place = np.nan_to_num(bins.bin_of(np.asarray(z, float), start))
    other = np.full(len(kind), np.nan) if second is None else np.asarray(second, float)
    other = np.where(np.isfinite(other), bins.bin_of(other, start), NONE)
    shift = np.full(len(kind), np.log(start / START) / bins.STEP)
    return np.stack([kind, place, other, shift], axis=1).astype(np.float32)


def redshift_loss(targets, outputs):
    """Return the cross-entropy of each row: of class and redshift, and of the second object.

    The target of the second object is, of the two, the one that the first answer finds less probable. What is not
    among the bins of the window has no loss.
    """
    ops = load_keras().ops
    kind, place, other, shift = (targets[:, i : i + 1] for i in range(4))
    allowed = _allowed(ops, shift)
    first = ops.log_softmax(ops.where(allowed, outputs[:, : bins.NOTHING + 1], bins.IMPOSSIBLE), axis=-1)
    two = ops.concatenate([allowed[:, : bins.N_BINS], allowed[:, -1:]], axis=1)
    second = ops.log_softmax(ops.where(two, outputs[:, bins.SECOND.start :], bins.IMPOSSIBLE), axis=-1)
    base = ops.minimum(kind, 2) * bins.N_BINS
    loss = ops.where(kind[:, 0] < 3, _soft(ops, first, place, base), -first[:, bins.NOTHING])
    target = ops.where(_taken(ops, first, other) > _taken(ops, first, place), place, other)
    loss_2 = ops.where(
        other[:, 0] > NONE, _soft(ops, second, target, 0 * base), -second[:, bins.NO_SECOND - bins.SECOND.start]
    )
    asked = ops.cast(_inside(other[:, 0]) | (other[:, 0] <= NONE), loss.dtype)
    return ops.cast(_inside(place[:, 0]), loss.dtype) * (loss + SECOND_WEIGHT * asked * ops.minimum(loss_2, 30.0))


def _inside(place):
    """Say which positions are those of bins."""
    return (place > -1) & (place < bins.N_BINS)


def _allowed(ops, shift):
    """Return which outputs are possible in windows that are shifted by so many bins."""
    ln = ops.convert_to_tensor(bins.lnz()[None].astype(np.float32)) + shift * bins.STEP
    seen, stellar = ln > bins.lnz()[0] - bins.STEP / 2, ops.abs(ln) < bins.STELLAR
    return ops.concatenate([seen, seen, stellar, ops.ones_like(seen[:, :1])], axis=1)


def _near(ops, place):
    """Return the bins around positions and their weights."""
    near = ops.round(place) + ops.arange(-REACH, REACH + 1, dtype="float32")
    weights = ops.exp(-0.5 * ((near - place) / WIDTH) ** 2)
    return ops.cast(ops.clip(near, 0, bins.N_BINS - 1), "int32"), weights / ops.sum(weights, axis=1, keepdims=True)


def _soft(ops, logs, place, base):
    """Return the cross-entropy with targets that are spread over some bins."""
    near, weights = _near(ops, place)
    found = ops.take_along_axis(logs, near + ops.cast(base, "int32"), axis=1)
    return -ops.sum(weights * ops.maximum(found, -60.0), axis=1)


def _taken(ops, first, place):
    """Return the probability that the first answer gives to positions, of any class, as a column."""
    near, _ = _near(ops, place)
    logs = ops.stop_gradient(first)
    parts = [ops.exp(ops.take_along_axis(logs, near + i * bins.N_BINS, axis=1)) for i in range(3)]
    return ops.sum(sum(parts), axis=1, keepdims=True)


def _cut_blue(batch, rows):
    """Mask what the nominal mode of MUSE does not see."""
    blue = batch.axis < 4749.9 * u.Angstrom
    gone = rows[:, None] & blue
    batch.mask[gone] = True
    batch.values[gone] = batch.errors[gone] = 0


def _in_pairs(batch):
    """Take channels together in pairs, as binned data are."""
    even = batch.values.shape[1] // 2 * 2
    axis = batch.axis[:even].reshape(-1, 2).mean(axis=1)
    pairs = [part[:, :even].reshape(len(batch), -1, 2) for part in (batch.values, batch.errors, batch.mask)]
    mask = pairs[2].any(axis=2)
    values, errors = pairs[0].mean(axis=2), np.sqrt((pairs[1] ** 2).sum(axis=2)) / 2
    return Batch(batch.ids, np.where(mask, 0, values), np.where(mask, 0, errors), mask, axis, batch.medium)

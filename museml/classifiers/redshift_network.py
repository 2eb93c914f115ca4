"""What a network makes of spectra: probabilities over redshift and class on one grid, whatever the spectrum covers."""

from dataclasses import dataclass

import numpy as np
from astropy import units as u

from museml.classifiers.modes import Grid
from museml.data.background import lift_background
from museml.data.log_grid import DLN, PIXELS, START, start_of, to_log_grid
from museml.data.redshift_bins import N_BINS, STEP, lnz, posterior
from museml.data.spectral import to_vacuum
from museml.data.spikes import mask_spikes

__all__ = ["CLASSES", "GRID", "Evidence", "Strip", "look"]

#: names of the classes, in the order of the network's card
CLASSES = ("galaxy", "QSO", "star", "nothing")
#: the grid of p(z): that of the window of MUSE
GRID = Grid(float(lnz()[0]), STEP, N_BINS)
#: ln of the range that one window covers
LENGTH = DLN * (PIXELS - 1)
#: what sticks out less, in ln(wave), needs no window of its own
SPARE = 0.02
#: of two windows that overlap each counts as this much evidence
SHARE = 0.75
#: probability of a cell that a window cannot see, relative to an even p(z)
UNSEEN = 1.0


@dataclass(frozen=True)
class Evidence:
    """Probabilities of n spectra on `GRID`.

    Attributes
    ----------
    galaxy, qso, star : ndarray, shape (n, cells)
        Of a galaxy, quasar or star at each redshift.
    nothing : ndarray, shape (n,)
        Of none of these; all add up to 1.
    second : ndarray, shape (n, cells)
        Of a second object at each redshift.
    """

    galaxy: np.ndarray
    qso: np.ndarray
    star: np.ndarray
    nothing: np.ndarray
    second: np.ndarray

    @property
    def redshift(self):
        """Probability of each redshift, whatever the class."""
        return self.galaxy + self.qso + self.star

    @property
    def classes(self):
        """Probability of each of `CLASSES`, shape (n, 4)."""
        return np.column_stack([self.galaxy.sum(1), self.qso.sum(1), self.star.sum(1), self.nothing])

    def weighted(self, weights):
        """Return the evidence with galaxies and quasars of each redshift made more or less probable."""
        galaxy, qso = self.galaxy * weights, self.qso * weights
        total = galaxy.sum(1) + qso.sum(1) + self.star.sum(1) + self.nothing
        total = np.maximum(total, 1e-30)[:, None].astype(np.float32)
        return Evidence(galaxy / total, qso / total, self.star / total, self.nothing / total[:, 0], self.second)


@dataclass(frozen=True)
class Strip:
    """Spectra on an axis even in ln(vacuum wavelength), as long as all windows together.

    Attributes
    ----------
    start, step : float
        First pixel and step in ln(wave).
    values, errors : ndarray, shape (n, pixels)
        Flux and its error; 0 where masked.
    mask : ndarray of bool, shape (n, pixels)
        Where there are no data.
    """

    start: float
    step: float
    values: np.ndarray
    errors: np.ndarray
    mask: np.ndarray


def look(model, batch):
    """Ask a network about spectra.

    Parameters
    ----------
    model : `~museml.Model`
        Its outputs are those of `museml.data.redshift_bins`.
    batch : `~museml.Batch`
        The spectra; an axis too long for one window of the network is seen through two.

    Returns
    -------
    Evidence
        On `GRID`.
    Strip
        The spectra as the network saw them.
    """
    batch = lift_background(mask_spikes(batch))
    windows = [to_log_grid(batch, start) for start in _starts(batch)]
    found = [_placed(posterior(model.outputs(w), start_of(w), model.calibration), start_of(w)) for w in windows]
    return (_filled(found[0]) if len(found) == 1 else _pooled(found)), _joined(windows)


def _starts(batch):
    """Return where windows begin, Angstrom, so that they cover the axis as far as two can."""
    first, last = np.log(to_vacuum(batch.axis[[0, -1]].to_value(u.Angstrom), batch.medium))
    home = np.log(START)
    if first > home - SPARE and last < home + LENGTH + SPARE:
        return [START]
    if last - first < LENGTH + SPARE:
        return [float(np.exp(first))]
    second = home if first < home and abs(last - home - LENGTH) < 0.1 else last - LENGTH
    return [float(np.exp(first)), float(np.exp(second))]


def _placed(post, start):
    """Return the answer about a window on `GRID`; NaN where the window cannot see."""
    shift = round(np.log(start / START) / STEP)
    parts = (post.galaxy, post.qso, post.star, post.second)
    galaxy, qso, star, second = parts if not shift else (_shifted(part, shift) for part in parts)
    return Evidence(galaxy, qso, star, post.nothing, second)


def _shifted(values, shift):
    out = np.full_like(values, np.nan)
    first, last = max(0, shift), min(values.shape[1], values.shape[1] + shift)
    out[:, first:last] = values[:, first - shift : last - shift]
    return out


def _filled(found):
    """Return the evidence of one window; what it cannot see is impossible."""
    parts = (found.galaxy, found.qso, found.star, found.second)
    galaxy, qso, star, second = (np.nan_to_num(part) for part in parts)
    return Evidence(galaxy, qso, star, found.nothing, second)


def _pooled(found):
    """Return the evidence of several windows together: the product of powers of their probabilities."""
    logs = {name: sum(SHARE * _log(getattr(part, name)) for part in found) for name in ("galaxy", "qso", "star")}
    logs["nothing"] = sum(SHARE * np.log(np.maximum(part.nothing, 1e-30)) for part in found)[:, None]
    top = np.max([values.max(axis=1) for values in logs.values()], axis=0)[:, None]
    values = {name: np.exp(part - top) for name, part in logs.items()}
    total = sum(part.sum(axis=1) for part in values.values())[:, None]
    galaxy, qso, star, nothing = (values[name] / total for name in ("galaxy", "qso", "star", "nothing"))
    second = np.mean([np.nan_to_num(part.second) for part in found], axis=0)
    return Evidence(galaxy, qso, star, nothing[:, 0], second)


def _log(values):
    return np.log(np.where(np.isnan(values), UNSEEN / N_BINS, np.maximum(values, 1e-30)))


def _joined(windows):
    """Return the windows as one `Strip`."""
    begins = np.array([round(np.log(start_of(window) / START) / DLN) for window in windows])
    begins, order = begins - begins.min(), np.argsort(begins)
    shape = len(windows[0]), begins.max() + PIXELS
    values, errors, mask = np.zeros(shape, np.float32), np.zeros(shape, np.float32), np.ones(shape, bool)
    for i in order:
        part = slice(begins[i], begins[i] + PIXELS)
        values[:, part], errors[:, part], mask[:, part] = windows[i].values, windows[i].errors, windows[i].mask
    return Strip(float(np.log(start_of(windows[order[0]]))), DLN, values, errors, mask)

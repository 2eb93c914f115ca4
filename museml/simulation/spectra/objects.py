"""Objects as they are before anything disturbs them: clean spectra and the truth about them."""

from dataclasses import dataclass

import numpy as np
from astropy.table import Table

from museml.errors import SettingError
from museml.simulation.spectra.instrument import MUSE
from museml.simulation.spectra.plain import plain_spectra
from museml.simulation.spectra.significance import brightest_line, significance

__all__ = ["KINDS", "Objects", "draw_objects"]

#: kind -> class, and its share by default
KINDS = {
    "star_forming": ("galaxy", 0.4),
    "passive": ("galaxy", 0.15),
    "lya": ("galaxy", 0.3),
    "star": ("star", 0.1),
    "nothing": ("nothing", 0.05),
}


@dataclass(frozen=True)
class Objects:
    """Clean spectra and the truth about them.

    Attributes
    ----------
    flux : ndarray, shape (n, channels), float32
        Spectra without noise; each has `~museml.simulation.spectra.significance.significance` 1 in the
        instrument's nominal noise; 0 where there is nothing.
    emission : ndarray, same shape, float32
        The part that is emission lines.
    scale : ndarray, shape (n,), float32
        Times this, a spectrum is in 1e-20 erg / (s cm2 Angstrom).
    truth : `~astropy.table.Table`
        Columns class, kind, z (masked for nothing) and line (the brightest).
    """

    flux: np.ndarray
    emission: np.ndarray
    scale: np.ndarray
    truth: Table

    def __len__(self):
        return len(self.flux)

    def rows(self, start, stop):
        """Return the rows ``start`` to ``stop`` as Objects of their own."""
        part = slice(start, stop)
        return Objects(self.flux[part], self.emission[part], self.scale[part], self.truth[part])


def draw_objects(n, rng, kinds=None, instrument=MUSE):
    """Draw objects at random.

    Parameters
    ----------
    n : int
        Number of objects.
    rng : `~numpy.random.Generator`
        Source of randomness.
    kinds : sequence of str or mapping
        Kinds to draw from, evenly, or with their shares; see `KINDS` for the default.
    instrument : Instrument
        The spectrograph.

    Returns
    -------
    Objects

    Raises
    ------
    SettingError
        If there is no such kind.
    """
    shares = _shares(kinds)
    kind = rng.choice(list(shares), n, p=np.array(list(shares.values())) / sum(shares.values()))
    flux, emission, z = plain_spectra(kind, rng, instrument)
    scale = significance(flux, emission, instrument.sigma, instrument).astype(np.float32)
    unit = np.where(scale > 0, scale, 1)[:, None]
    columns = {"class": [KINDS[name][0] for name in kind], "kind": kind, "z": np.ma.masked_invalid(z)}
    truth = Table({**columns, "line": brightest_line(emission, instrument.sigma, z, instrument)})
    return Objects(flux / unit, emission / unit, scale, truth)


def _shares(kinds):
    """Return kind -> share."""
    if kinds is None:
        return {name: share for name, (_, share) in KINDS.items()}
    shares = dict(kinds) if hasattr(kinds, "items") else dict.fromkeys(kinds, 1.0)
    unknown = [name for name in shares if name not in KINDS]
    if unknown or not shares:
        raise SettingError(f"no kind of spectrum is called {(unknown or [''])[0]!r}; known: {', '.join(KINDS)}")
    return shares

"""Objects as they are before anything disturbs them: clean spectra and the truth about them."""

from dataclasses import dataclass

import numpy as np
from astropy.table import Table, vstack

from museml.errors import SettingError
from museml.settings import check_number
from museml.simulation.spectra.emission import add_lines, emission_lines
from museml.simulation.spectra.instrument import INSTRUMENTS, MUSE, Instrument
from museml.simulation.spectra.interstellar import transmission
from museml.simulation.spectra.library import continuum_library
from museml.simulation.spectra.lyman import igm_transmission
from museml.simulation.spectra.population import draw
from museml.simulation.spectra.quasars import quasar_spectra
from museml.simulation.spectra.sampling import to_observed
from museml.simulation.spectra.significance import brightest_line, significance
from museml.simulation.spectra.stars import star_spectra
from museml.simulation.spectra.stellar import stellar_continua

__all__ = ["Objects", "draw_objects"]

GALAXIES = ("star_forming", "passive", "lya", "lbg", "agn2")
CHUNK = 512  # objects made at once; bounds the memory
#: class of each kind that is not a galaxy
CLASSES = {"qso": "QSO", "star": "star", "nothing": "nothing"}
#: significance in 10 hours of sources with trusted redshifts in the deep field UDF-10, from the S/N of their brightest
#: lines (Inami et al. 2017, A&A 608, A2): mean and scatter of the decadic logarithm
BRIGHTNESS = (1.3, 0.45)


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
        Times this, a spectrum is in 1e-20 erg / (s cm2 Angstrom), as bright as the sources of a deep field are,
        whatever the kind.
    truth : `~astropy.table.Table`
        Columns class, kind, z (masked for nothing) and line (the one that stands out most).
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
    kinds : str, sequence of str or mapping
        Kind, or kinds to draw from, evenly, or with their shares; by default as in
        ``TRAINING``.
    instrument : Instrument
        The spectrograph, from 3401 to 10000 Angstrom in vacuum, where the library has all kinds of objects.

    Returns
    -------
    Objects

    Raises
    ------
    SettingError
        If there is no such kind, this is no number, or no instrument that sees where the library has light.
    """
    check_number("n", n, 0, example=1000, whole=True)
    _check_instrument(instrument)
    span = tuple(instrument.vacuum[[0, -1]])
    parts = [_clean(draw(rng, min(CHUNK, n - i), kinds, span), rng, instrument) for i in range(0, max(n, 1), CHUNK)]
    flux, emission, truths = zip(*parts, strict=True)
    return Objects(np.concatenate(flux), np.concatenate(emission), _brightness(rng, n, instrument), vstack(truths))


def _check_instrument(instrument):
    """Raise `SettingError` unless this is an instrument within the range of the library."""
    if not isinstance(instrument, Instrument):
        raise SettingError(
            f"instrument must be an Instrument, not {instrument!r}; "
            f"take INSTRUMENTS[name], known: {', '.join(INSTRUMENTS)}, or Instrument.from_axis(wave, medium)"
        )
    library = continuum_library()
    first, last = library.wave[[library.star_start, -1]]
    blue, red = instrument.edges[[0, -1]]
    if blue < first or red > last:
        raise SettingError(
            f"spectra are simulated from {first:.0f} to {last:.0f} Angstrom (vacuum); instrument {instrument.name!r} "
            f"covers {blue:.0f} to {red:.0f}: leave out the channels beyond"
        )


def _clean(table, rng, instrument):
    """Return spectra with significance 1, the part of them that is emission, and the truth."""
    flux, emission = (np.zeros((len(table), len(instrument)), np.float32) for _ in range(2))
    for make, kinds in ((_galaxies, GALAXIES), (_quasars, ("qso",)), (_stars, ("star",))):
        rows = np.flatnonzero(np.isin(table["kind"], kinds))
        if len(rows):
            flux[rows], emission[rows] = make(table[rows], rng, instrument)
    unit = significance(flux, emission, instrument.sigma, instrument).astype(np.float32)[:, None]
    flux, emission = (np.divide(part, unit, out=part, where=unit > 0) for part in (flux, emission))
    return flux, emission, _truth(table, emission, instrument)


def _galaxies(table, rng, instrument):
    """Return spectra with emission, and the emission alone: stars, gas in and between galaxies."""
    z, ln_wave = np.asarray(table["z"], float), continuum_library().ln_wave
    rest = stellar_continua(rng, len(table), z, np.asarray(table["kind"]))
    lines = emission_lines(rng, table, ln_wave, rest)
    rest *= transmission(rng, table, ln_wave)
    flux = to_observed(ln_wave, rest, z, instrument) * igm_transmission(rng, z, instrument)
    emission = np.zeros_like(flux)
    add_lines(emission, lines, z, instrument)
    return flux + emission, emission


def _quasars(table, rng, instrument):
    z = np.asarray(table["z"], float)
    rest = quasar_spectra(rng, len(table), z)
    flux = to_observed(continuum_library().ln_wave, rest, z, instrument) * igm_transmission(rng, z, instrument)
    return flux, 0


def _stars(table, rng, instrument):
    rest, _ = star_spectra(rng, len(table))
    return to_observed(continuum_library().ln_wave, rest, np.asarray(table["z"], float), instrument), 0


def _truth(table, emission, instrument):
    """Return the truth of objects."""
    kind, z = np.asarray(table["kind"]), np.asarray(table["z"], float)
    line = brightest_line(emission, instrument.sigma, z, instrument)
    columns = {"class": [CLASSES.get(name, "galaxy") for name in kind], "kind": kind}
    return Table({**columns, "z": np.ma.masked_invalid(z), "line": line})


def _brightness(rng, n, instrument):
    """Draw what objects on the sky are to be multiplied with, 1e-20 erg / (s cm2 Angstrom)."""
    found = 10 ** rng.normal(*BRIGHTNESS, n)
    return (found * instrument.hour / np.sqrt(10)).astype(np.float32)

"""What is put into a cube: kind, number and ranges."""

from dataclasses import dataclass

import numpy as np

from museml.errors import SettingError
from museml.settings import check_number, check_range
from museml.simulation.objects import random_continua, random_galaxies, random_lines

__all__ = ["KINDS", "Wanted"]

#: kind of object -> spaxels of the field for each object in one round, so that they do not crowd
KINDS = {"line": 60, "galaxy": 500, "emitter": 120, "continuum": 500}
MOST = 400  # objects in one round
APART = 4.0  # FWHM of the PSF between objects of one round
SEPARATE = 40.0  # Angstrom; lines farther apart may share a place
TRIES = 5  # times as many objects are drawn as are wanted, since some crowd or fall on masked voxels


@dataclass(frozen=True)
class Wanted:
    """What is put into a cube, and how much of it.

    Attributes
    ----------
    kind : {'line', 'galaxy', 'emitter', 'continuum'}
        Single lines, galaxies with several lines and a continuum, Lyman alpha emitters, or continuum sources.
    number : int
        Objects in all.
    per_round : int or None
        Objects put in at a time; by default so many that they do not crowd.
    snr : (float, float)
        Range of S/N in a filter that matches the object, of a galaxy its brightest line's, drawn evenly; of a
        continuum drawn evenly in its logarithm.
    flux : (float, float) or None
        Range of the flux instead, 1e-20 erg / (s cm2), drawn evenly in its logarithm.
    wave : (float, float) or None
        Range of the wavelength of single lines in Angstrom; by default the cube's.
    velocity : (float, float)
        Range of the FWHM of single lines in km/s, without the line-spread function.
    z : (float, float) or None
        Range of the redshift; by default 0.05 to 1.4 of galaxies and 2.95 to 6.6 of emitters.
    size : (float, float)
        Range of the FWHM of the objects before the PSF, arcsec.
    """

    kind: str = "line"
    number: int = 500
    per_round: int = None
    snr: tuple = (2.0, 15.0)
    flux: tuple = None
    wave: tuple = None
    velocity: tuple = (50.0, 300.0)
    z: tuple = None
    size: tuple = (0.0, 0.0)

    def check(self, cube):
        """Raise `~museml.errors.SettingError` where a setting breaks a rule."""
        if self.kind not in KINDS:
            raise SettingError(f"kind must be one of {', '.join(KINDS)}, not {self.kind!r}; choose one of them")
        check_number("number", self.number, 1, example=500, whole=True)
        if self.per_round is not None:
            check_number("per_round", self.per_round, 1, example=50, whole=True)
        check_range("snr", self.snr, 0.1, example=(2.0, 15.0))
        check_range("velocity", self.velocity, 0, 5000, example=(50.0, 300.0))
        check_range("size", self.size, 0, 10, example=(0.0, 0.5))
        for name, least, example in (("flux", 1e-6, (50.0, 1000.0)), ("z", 0, (3.0, 6.5)), ("wave", 1, (5000, 7000))):
            if getattr(self, name) is not None:
                check_range(name, getattr(self, name), least, example=example)
        self._check_reach(cube)

    def rounds(self, cube):
        """Return the number of objects in each round."""
        usual = int(np.clip(cube.shape[1] * cube.shape[2] // KINDS[self.kind], 1, MOST))
        step = self.per_round or usual
        return [min(step, self.number - done) for done in range(0, self.number, step)]

    def draw(self, cube, count, rng, psf):
        """Draw the objects of one round.

        Returns
        -------
        `~astropy.table.Table`
            The truth; fewer than ``count`` objects where the field has no room for more.
        """
        truth = _SOURCES[self.kind](self, cube, TRIES * count, rng, psf)
        if self.flux is not None:
            _set_flux(truth, np.exp(rng.uniform(*np.log(self.flux), TRIES * count)))
        numbers = np.asarray(truth["source"])
        valid = [number for number in np.unique(numbers) if _on_data(truth[numbers == number], cube)]
        chosen = _uncrowded(truth[np.isin(numbers, valid)], float(psf.fwhm_at(cube.wave.mean())) / cube.pixel_scale)
        return truth[np.isin(numbers, chosen[:count])]

    def sizes(self, rng, count):
        """Draw the FWHM of objects before the PSF, arcsec."""
        return rng.uniform(*self.size, count)

    def _check_reach(self, cube):
        low, high = cube.wave[0], cube.wave[-1]
        if self.wave is not None and not (low <= self.wave[0] < self.wave[1] <= high):
            raise SettingError(
                f"wave must lie within the cube's {low:.0f}-{high:.0f} Angstrom, not {self.wave!r}; give a part of it"
            )


def _lines(wanted, cube, count, rng, psf):
    ranges = {"snr": wanted.snr, "wave": wanted.wave, "velocity": wanted.velocity}
    return random_lines(cube, count, rng, **ranges, size=wanted.sizes(rng, count), psf=psf)


def _galaxies(wanted, cube, count, rng, psf, z=(0.05, 1.4), continuum=True):
    ranges = {"z": wanted.z or z, "snr": wanted.snr}
    return random_galaxies(cube, count, rng, **ranges, continuum=continuum, size=wanted.sizes(rng, count), psf=psf)


def _emitters(wanted, cube, count, rng, psf):
    return _galaxies(wanted, cube, count, rng, psf, (2.95, 6.6), continuum=False)


def _continua(wanted, cube, count, rng, psf):
    return random_continua(cube, count, rng, snr=wanted.snr, size=wanted.sizes(rng, count), psf=psf)


_SOURCES = {"line": _lines, "galaxy": _galaxies, "emitter": _emitters, "continuum": _continua}


def _set_flux(truth, flux):
    """Give each object's brightest row a flux, in the order of the objects; its other rows keep their ratio to it."""
    for number, wanted in zip(np.unique(truth["source"]), flux, strict=False):
        rows = np.flatnonzero(truth["source"] == number)
        lines = rows[truth["kind"][rows] != "continuum"] if len(rows) > 1 else rows
        brightest = truth["flux"][lines].max()
        scale = wanted / brightest if brightest > 0 else 0.0
        truth["flux"][rows] *= scale
        truth["snr"][rows] *= scale


def _on_data(rows, cube):
    """Return whether the voxel at an object's brightest line, or amid its continuum, is valid."""
    row = rows[np.argmax(rows["snr"])]
    wave = cube.wave.mean() if np.ma.is_masked(row["wave"]) else row["wave"]
    plane = int(np.abs(cube.wave - wave).argmin())
    y, x = (int(np.clip(round(float(row[name])), 0, size - 1)) for name, size in zip("yx", cube.shape[1:], strict=True))
    value = cube.block(plane, plane + 1, slice(y, y + 1), slice(x, x + 1))[0]
    return bool(row["snr"] > 0 and np.isfinite(value).all())


def _uncrowded(truth, fwhm):
    """Return the numbers of the objects that are apart from those before them; single lines may be so in wavelength."""
    first = np.unique(truth["source"], return_index=True)[1]
    x, y = (np.asarray(truth[name], float)[first] for name in "xy")
    single = np.bincount(truth["source"])[truth["source"][first]] == 1
    wave = np.where(single, np.ma.filled(truth["wave"], np.nan)[first], np.nan)
    kept = []
    for row in range(len(first)):
        near = np.hypot(x[kept] - x[row], y[kept] - y[row]) < APART * fwhm
        if not np.any(near & ~(np.abs(wave[kept] - wave[row]) > SEPARATE)):
            kept.append(row)
    return np.asarray(truth["source"])[first[kept]]

"""Spectrographs as the simulator knows them: pixels, line-spread function and noise."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.ndimage import percentile_filter

from museml.data.psf import lsf_fwhm
from museml.data.spectral import check_medium, to_air, to_vacuum
from museml.errors import SettingError
from museml.settings import check_number
from museml.simulation.noise import noise_curve

__all__ = ["BLUEMUSE", "INSTRUMENTS", "MUSE", "MUSE_EXTENDED", "SDSS", "Instrument"]

#: spaxels in the aperture of a spectrum
APERTURE = 20
#: the nominal noise: power of the noise between sky lines, and contrast of the lines; between a short exposure
#: (1 and 1) and a deep one (.6 and 4)
NOMINAL = (0.75, 2.5)
MEASURED = (4765.0, 9350.0)  # where the noise of MUSE is known; below, its filter ends
BLUE_SLOPE = 1.5  # noise goes with wavelength to minus this power blueward of that
WINDOW = 101  # channels over which noise between sky lines is told from them


@dataclass(frozen=True, eq=False)
class Instrument:
    """A spectrograph: where its pixels are, how wide a line is, how the noise goes with wavelength.

    Attributes
    ----------
    name : str
        Its name.
    wave : ndarray, shape (channels,)
        Wavelengths of the pixels' centres, Angstrom.
    medium : str
        'air' or 'vacuum'.
    fwhm : callable
        Wavelength in Angstrom -> full width at half maximum of the line-spread function in Angstrom.
    """

    name: str
    wave: np.ndarray
    medium: str
    fwhm: Callable

    def __post_init__(self):
        wave = np.asarray(self.wave, float)
        if wave.ndim != 1 or len(wave) < 2 or not np.all(np.diff(wave) > 0):
            raise SettingError(f"wave must be a row of increasing wavelengths; instrument {self.name!r} has another")
        object.__setattr__(self, "wave", wave)
        object.__setattr__(self, "medium", check_medium(self.medium))

    @classmethod
    def from_axis(cls, wave, medium, name="spectrograph", fwhm=None):
        """Make an instrument from any wavelength axis.

        Parameters
        ----------
        wave : array_like
            Increasing wavelengths in Angstrom.
        medium : str
            'air' or 'vacuum'.
        name : str
            Its name.
        fwhm : float or callable
            Width of the line-spread function in Angstrom; by default 2.2 pixels.

        Raises
        ------
        SettingError
            If the wavelengths do not increase, or the width is no number above 0.
        """
        wave = np.asarray(wave, float)
        if fwhm is None:
            step = np.gradient(wave)
            return cls(name, wave, medium, lambda at: 2.2 * np.interp(at, wave, step))
        if not callable(fwhm):
            check_number("fwhm", fwhm, 1e-3, example=2.5)
        return cls(name, wave, medium, fwhm if callable(fwhm) else lambda at: np.full(np.shape(at), float(fwhm)))

    def __len__(self):
        return len(self.wave)

    def lsf(self, wave):
        """Return the FWHM of the line-spread function in Angstrom at wavelengths in Angstrom."""
        return self.fwhm(np.asarray(wave, float))

    @cached_property
    def vacuum(self):
        """Wavelengths of the pixels' centres in vacuum."""
        return to_vacuum(self.wave, self.medium)

    @cached_property
    def edges(self):
        """Wavelengths of the pixels' borders in vacuum, shape (channels + 1,)."""
        middle = (self.vacuum[1:] + self.vacuum[:-1]) / 2
        return np.concatenate([[2 * self.vacuum[0] - middle[0]], middle, [2 * self.vacuum[-1] - middle[-1]]])

    @cached_property
    def floor(self):
        """Noise between sky lines of a short exposure, median 1."""
        wave, floor, _ = _measured()
        air = to_air(self.wave, self.medium)
        blue = np.maximum(wave[0] / air, 1) ** BLUE_SLOPE
        noise = np.interp(air, wave, floor) * blue
        return (noise / np.median(noise)).astype(np.float32)

    @cached_property
    def sky(self):
        """Variance of sky lines in units of that between them, in a short exposure; 0 where there are none."""
        wave, _, excess = _measured()
        air = to_air(self.wave, self.medium)
        mirrored = np.minimum(air, 2 * wave[-1] - air)  # the bands of OH go on like this
        return np.interp(mirrored, wave, excess, left=0).astype(np.float32)

    @cached_property
    def sigma(self):
        """Nominal noise, median 1, float32."""
        return self.noise(*NOMINAL)

    @cached_property
    def hour(self):
        """Median noise in one hour, 1e-20 erg / (s cm2 Angstrom), for an aperture of 20 spaxels of MUSE."""
        air = np.clip(to_air(self.wave, self.medium), *MEASURED)
        return float(np.median(noise_curve(air, 1.0)) * np.sqrt(APERTURE))

    def noise(self, power, contrast):
        """Return noise by channel.

        The noise of a short exposure is raised to a power between sky lines, and the variance of these is
        multiplied: where read-out noise matters less, in deep data, sky lines stand out more.

        Parameters
        ----------
        power, contrast : array_like
            One each per spectrum.

        Returns
        -------
        ndarray, shape (..., channels), float32
            Median 1 in each spectrum.
        """
        power, contrast = (np.asarray(value, np.float32)[..., None] for value in (power, contrast))
        noise = np.exp(power * np.log(self.floor)) * np.sqrt(1 + contrast * self.sky)
        return noise / np.median(noise, axis=-1, keepdims=True)


def _measured():
    """Return wavelengths, noise between sky lines, and variance of the lines relative to it."""
    wave = np.arange(MEASURED[0], MEASURED[1] + 1, 1.25)
    noise = noise_curve(wave)
    floor = percentile_filter(noise, 30, WINDOW)
    excess = (noise / floor) ** 2 - 1
    return wave, floor, np.where(excess > 0.2, excess, 0)  # less is scatter of the measurement


def _even(start, stop, step):
    return np.arange(start, stop + step / 2, step)


MUSE = Instrument("MUSE", _even(4750, 9350, 1.25), "air", lsf_fwhm)
MUSE_EXTENDED = Instrument("MUSE-extended", _even(4600, 9350, 1.25), "air", lsf_fwhm)
#: Richard et al. 2019, arXiv:1906.01657: resolving power 3500 on average
BLUEMUSE = Instrument("BlueMUSE", _even(3500, 6000, 0.575), "air", lambda wave: np.full(np.shape(wave), 1.35))
#: Smee et al. 2013, AJ 146, 32: resolving power about 2000, pixels of 1e-4 in the decadic logarithm
SDSS = Instrument("SDSS", 10 ** _even(np.log10(3800), np.log10(9200), 1e-4), "vacuum", lambda wave: wave / 2000)
#: instruments by name
INSTRUMENTS = {one.name: one for one in (MUSE, MUSE_EXTENDED, BLUEMUSE, SDSS)}

"""The library of continua that museml brings along: stellar populations, stars and quasars at rest."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np

__all__ = ["Library", "StarLibrary", "continuum_library", "read_library"]


@dataclass(frozen=True, eq=False)
class StarLibrary:
    """Spectra of one type of star: a basis and the coefficients of its members.

    Attributes
    ----------
    basis : ndarray, shape (components, star pixels), float32
        On the axis of the library from ``Library.star_start`` on.
    coefficients : ndarray, shape (members, components), float32
        Times the basis they give the members.
    """

    basis: np.ndarray
    coefficients: np.ndarray


@dataclass(frozen=True, eq=False)
class Library:
    """Continua at rest on one axis, even in the logarithm of wavelength in vacuum.

    Attributes
    ----------
    ln_wave : ndarray, shape (pixels,)
        Natural logarithm of the wavelength in Angstrom, vacuum.
    sigma : float
        Resolution of stellar populations: standard deviation in km/s.
    ages : ndarray, shape (ages + 1,)
        Borders of the bins in age, years.
    metals : ndarray, shape (metals,)
        Metallicity in units of the Sun's.
    ssp : ndarray, shape (ages * metals, pixels), float32
        Mean spectrum of stars formed in a bin of age, of one metallicity: flux density per mass formed, relative.
        The ages are inside the metallicities: row ``metal * n_ages + age``.
    nebular : ndarray, shape (metals * young ages, pixels), float32
        Nebular continuum of the youngest bins of age, on the same scale, in the same order.
    stars : dict of StarLibrary
        By type.
    star_start : int
        Pixel of the axis at which spectra of stars start.
    qso : dict of ndarray, shape (components, pixels), float32
        Eigenspectra of quasars by redshift range: 'high' (rest ultraviolet) and 'low'.
    about : dict
        Where each part is from and under which terms, in words.
    """

    ln_wave: np.ndarray
    sigma: float
    ages: np.ndarray
    metals: np.ndarray
    ssp: np.ndarray
    nebular: np.ndarray
    stars: dict
    star_start: int
    qso: dict
    about: dict

    @property
    def step(self):
        """Step of the axis."""
        return float(self.ln_wave[1] - self.ln_wave[0])

    @property
    def wave(self):
        """Wavelength in Angstrom, vacuum."""
        return np.exp(self.ln_wave)


#: the file that museml brings along
SHIPPED = files("museml") / "pretrained" / "continua.asdf"


@cache
def continuum_library():
    """Return the library that museml brings along; it is read once."""
    return read_library(SHIPPED)


def read_library(path):
    """Read a library as `museml.recipes.continua` writes it.

    Parameters
    ----------
    path : path
        The ASDF file.

    Returns
    -------
    Library
    """
    import asdf

    with asdf.open(path, memmap=False, lazy_load=False) as file:
        tree = file["continua"]
        axis, stellar = tree["axis"], tree["stellar"]
        return Library(
            ln_wave=axis["start"] + axis["step"] * np.arange(axis["pixels"]),
            sigma=stellar["sigma"],
            ages=np.array(stellar["ages"], float),
            metals=np.array(stellar["metals"], float),
            ssp=_scaled(stellar["ssp"], stellar["ssp_scale"]),
            nebular=_scaled(stellar["nebular"], stellar["nebular_scale"]),
            stars={
                name: StarLibrary(_single(s["basis"]), _single(s["coefficients"])) for name, s in tree["stars"].items()
            },
            star_start=tree["star_start"],
            qso={name: _single(basis) for name, basis in tree["qso"].items()},
            about=dict(tree["about"]),
        )


def _single(array):
    return np.array(array, np.float32)


def _scaled(array, scale):
    return _single(array) * _single(scale)[:, None]

"""One spectrum, from what an astronomer holds it in."""

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.nddata import VarianceUncertainty
from astropy.table import Table

from museml.data.scatter import scatter_variance
from museml.data.spectral import medium_in, medium_of
from museml.errors import InputError, PredictionFlag

__all__ = ["PREFERRED", "OneSpectrum", "from_mpdaf", "from_source", "from_specutils", "from_table", "stem"]

#: spectra of a Source, the best first; used when its header has no REFSPEC
PREFERRED = (
    "MUSE_PSF_SKYSUB", "MUSE_WHITE_SKYSUB", "MUSE_TOT_SKYSUB", "MUSE_PSF", "MUSE_WHITE", "MUSE_TOT",
)  # fmt: skip
#: columns of a table as specutils and SDSS call them
NAMES = {"wavelength": "wave", "loglam": "wave", "uncertainty": "ivar"}


@dataclass
class OneSpectrum:
    """A spectrum with its errors; bad pixels are masked when it is made.

    Attributes
    ----------
    id : str
        Its name.
    wave : ndarray, shape (n,)
        Wavelengths in Angstrom.
    medium : str
        'air' or 'vacuum'.
    flux, var : ndarray, shape (n,)
        Flux and its variance; a variance of None is estimated from the scatter, and flagged.
    mask : ndarray of bool, shape (n,)
        True where the pixel is not valid.
    unit : `~astropy.units.Unit` or None
        Unit of the flux.
    lines : `~astropy.table.Table` or None
        Lines detected in it.
    flags : int
        Bits of `~museml.errors.PredictionFlag`.
    """

    id: str
    wave: np.ndarray
    medium: str
    flux: np.ndarray
    var: np.ndarray
    mask: np.ndarray = None
    unit: u.Unit = None
    lines: Table = None
    flags: int = field(default=0, init=False)

    def __post_init__(self):
        self.wave, self.flux = np.asarray(self.wave, float), np.asarray(self.flux, float)
        estimated = self.var is None
        self.var = np.full(self.flux.shape, np.nan) if estimated else np.asarray(self.var, float)
        self._check_axis()
        usable = np.isfinite(self.flux) & (True if self.mask is None else ~np.array(self.mask, bool))
        if estimated:
            self.var = scatter_variance(self.flux, ~usable)
        with np.errstate(invalid="ignore"):
            usable &= np.isfinite(self.var)
            self.mask = ~(usable & (self.var > 0))
            negative = np.any(usable & (self.var < 0))
        self.flags = self._flags(negative) | (int(PredictionFlag.ESTIMATED_ERRORS) if estimated else 0)

    @property
    def problem(self):
        """Why the spectrum holds no information, in words; empty if it does."""
        if self.flags & PredictionFlag.NO_DATA:
            return "it has no valid pixel: all are NaN, masked or without a positive variance"
        if self.flags & PredictionFlag.CONSTANT:
            return "it is constant"
        return ""

    def _check_axis(self):
        if self.flux.shape != self.wave.shape or self.var.shape != self.wave.shape or self.wave.ndim != 1:
            raise InputError(
                "wavelength, flux and variance must have one shape (n,); "
                f"{self.id!r} has {self.wave.shape}, {self.flux.shape} and {self.var.shape}; correct the arrays"
            )
        if len(self.wave) < 2:
            raise InputError(
                f"a spectrum must have at least 2 pixels; {self.id!r} has {len(self.wave)}; give all of it"
            )
        if not np.all(np.diff(self.wave) > 0):
            raise InputError(f"wavelengths must increase; those of {self.id!r} do not; sort the spectrum")

    def _flags(self, negative):
        flags = PredictionFlag.BAD_ERRORS if negative else PredictionFlag.NONE
        valid = self.flux[~self.mask]
        if not len(valid):
            return int(flags | PredictionFlag.NO_DATA)
        if np.ptp(valid) == 0:
            flags |= PredictionFlag.CONSTANT
        if len(valid) < 0.5 * len(self.flux):
            flags |= PredictionFlag.LOW_COVERAGE
        return int(flags)


def stem(path):
    """Return a file's name without folder and endings."""
    return re.sub(r"(\.(fits?|ecsv|vot|xml|csv))?(\.gz)?$", "", Path(path).name, flags=re.IGNORECASE)


def from_mpdaf(spectrum, name, lines=None):
    """Return a `~mpdaf.obj.Spectrum` as OneSpectrum."""
    if spectrum.wave is None:
        raise InputError(f"a spectrum must have a wavelength axis; {name!r} has none; give it wave=WaveCoord(...)")
    medium = medium_of(spectrum.wave.wcs.wcs.ctype[0])
    if not medium:
        raise _no_medium(name, "set CTYPE1 (WaveCoord: ctype) to 'AWAV' for air or 'WAVE' for vacuum")
    wave = _angstrom(spectrum.wave.coord(np.arange(spectrum.shape[0])) * u.Unit(spectrum.wave.unit), name)
    mask = np.ma.getmaskarray(spectrum.data)
    flux, var = np.ma.getdata(spectrum.data), None if spectrum.var is None else np.ma.getdata(spectrum.var)
    return OneSpectrum(name, wave, medium, flux, var, mask, spectrum.unit, lines)


def from_source(source, name):
    """Return the reference spectrum of a `~mpdaf.sdetect.Source`.

    That is the one its header names as REFSPEC; else the first of `PREFERRED` that it has; else its only one.
    """
    lines = source.lines if source.lines is not None and "LBDA_OBS" in source.lines.colnames else None
    return from_mpdaf(source.spectra[reference(source, name)], name, lines)


def reference(source, name):
    """Return the name of the spectrum to use of a Source."""
    known = list(source.spectra)
    wanted = source.header.get("REFSPEC")
    candidates = [wanted] if wanted else [*PREFERRED, *(known if len(known) == 1 else ())]
    for candidate in candidates:
        if candidate in known:
            return candidate
    raise InputError(
        f"a Source must say by REFSPEC in its header which spectrum to use; {name!r} has "
        f"REFSPEC {wanted!r} and the spectra {', '.join(sorted(known)) or 'none'}; set REFSPEC to one of them"
    )


def from_specutils(spectrum, name):
    """Return a specutils Spectrum as OneSpectrum."""
    medium = medium_in(spectrum.meta) or medium_of(_ctype(spectrum.wcs))
    if not medium:
        raise _no_medium(name, "set spectrum.meta['medium'] to 'air' or 'vacuum'")
    wave = _angstrom(spectrum.spectral_axis, name)
    order = slice(None, None, -1 if wave[0] > wave[-1] else 1)
    var, mask = _variance_of(spectrum, name), spectrum.mask
    var, mask = (None if values is None else values[order] for values in (var, mask))
    return OneSpectrum(name, wave[order], medium, spectrum.flux.value[order], var, mask, spectrum.flux.unit)


def _variance_of(spectrum, name):
    if spectrum.uncertainty is None:
        return None
    variance = spectrum.uncertainty.represent_as(VarianceUncertainty)
    return _in_unit(variance.array * u.Unit(variance.unit or ""), spectrum.flux.unit**2, name)


def from_table(table, name):
    """Return a table with the columns wave, flux and, best, ivar as OneSpectrum.

    The first may be called wavelength, or be loglam, its logarithm (base 10, Angstrom); instead of ivar there may
    be uncertainty, the standard deviation.
    """
    columns = {NAMES.get(column.lower(), column.lower()): column for column in table.colnames}
    missing = [column for column in ("wave", "flux") if column not in columns]
    if missing:
        raise InputError(
            f"a table of a spectrum must have the columns wave and flux; {name!r} lacks {missing[0]!r}; "
            f"it has {', '.join(table.colnames) or 'none'}; rename its columns"
        )
    medium = medium_in(table.meta)
    if not medium:
        raise _no_medium(name, "set table.meta['medium'] (in a file: 'MEDIUM') to 'air' or 'vacuum'")
    wave, flux = (_quantity(table[columns[column]]) for column in ("wave", "flux"))
    if columns["wave"].lower() == "loglam":
        wave = 10**wave.value * u.Angstrom
    var = _variance_in(table[columns["ivar"]], flux.unit, name) if "ivar" in columns else None
    return OneSpectrum(name, _angstrom(wave, name), medium, flux.value, var, None, flux.unit)


def _variance_in(column, unit, name):
    """Return the variance that a column 'ivar' or 'uncertainty' gives."""
    errors = _quantity(column)
    if column.info.name.lower() == "uncertainty":
        return _in_unit(errors, unit, name) ** 2
    ivar = _in_unit(errors, unit**-2, name)
    return 1 / np.where(ivar == 0, np.nan, ivar)


def _quantity(column):
    """Return a column, masked or not, as Quantity; NaN where masked."""
    if isinstance(column, u.Quantity):
        values = getattr(column, "unmasked", column)
        mask = getattr(column, "mask", False)
        return np.where(mask, np.nan, values.value) * column.unit
    values = np.ma.filled(np.ma.asarray(column).astype(float), np.nan)
    return values * u.Unit(column.unit or "")


def _in_unit(errors, unit, name):
    """Return the values of errors in a unit that goes with the flux; without a unit of their own they are in it."""
    if errors.unit == u.dimensionless_unscaled:
        return errors.value
    try:
        return errors.to_value(unit)
    except u.UnitConversionError:
        raise InputError(
            f"errors must have a unit that goes with the flux, here {str(unit)!r}; {name!r} has "
            f"{str(errors.unit)!r}; correct the unit"
        ) from None


def _ctype(wcs):
    try:
        return wcs.wcs.ctype[0]
    except AttributeError:  # a gwcs has no FITS axis type
        return ""


def _angstrom(wave, name):
    try:
        return wave.to_value(u.Angstrom)
    except u.UnitConversionError:
        raise InputError(
            f"the wavelength axis must have a unit of length; that of {name!r} is {str(wave.unit)!r}; "
            "set the unit, for example Angstrom (FITS: CUNIT1)"
        ) from None


def _no_medium(name, remedy):
    return InputError(
        f"a spectrum must say whether its wavelengths are in air or in vacuum; {name!r} does not; {remedy}"
    )

"""Many spectra in one file or table: one per row, as SDSS, DESI and others keep them."""

from dataclasses import dataclass

import numpy as np
from astropy import units as u
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS

from museml.data.spectral import medium_in, medium_of
from museml.data.spectrum import OneSpectrum, stem
from museml.errors import InputError

__all__ = ["Stack", "stack_in_file", "stack_in_table"]

FLUX = ("FLUX", "DATA", "PRIMARY")
WAVE = ("WAVE", "WAVELENGTH", "LOGLAM", "WAVE_VACUUM", "WAVE_AIR")
#: name of what tells the errors -> how the variance follows from it
VARIANCE = {
    "IVAR": lambda values: 1 / np.where(values == 0, np.nan, values),
    "STAT": lambda values: values,
    "VARIANCE": lambda values: values,
    "UNCERTAINTY": np.square,
    "ERROR": np.square,
}
#: columns that name the rows, the best first
NAMES = ("ID", "TARGETID", "SPECOBJID", "NAME", "OBJID")
#: keywords of an axis that is even in the logarithm (base 10, Angstrom), as SDSS writes them
LOG_AXIS = ("COEFF0", "COEFF1")


@dataclass(frozen=True)
class Stack:
    """Spectra as rows of arrays, which may be on the disk.

    Attributes
    ----------
    names : list of (str or None)
        One per row.
    wave : ndarray, shape (channels,) or (n, channels)
        Wavelengths, Angstrom.
    medium : str
        'air' or 'vacuum'.
    flux : ndarray, shape (n, channels)
        Fluxes.
    errors : ndarray, same shape, or None
        What tells the errors.
    variance : callable
        Makes variances of ``errors``.
    mask : ndarray, same shape, or None
        Not zero where a pixel is bad.
    unit : `~astropy.units.Unit` or None
        Unit of the flux.
    """

    names: list
    wave: np.ndarray
    medium: str
    flux: np.ndarray
    errors: np.ndarray
    variance: object
    mask: np.ndarray
    unit: u.Unit

    def __len__(self):
        return len(self.flux)

    def read(self, row, name):
        """Return one row as `~museml.data.spectrum.OneSpectrum`."""
        wave = self.wave if self.wave.ndim == 1 else self.wave[row]
        var = None if self.errors is None else self.variance(np.asarray(self.errors[row], float))
        mask = None if self.mask is None else self.mask[row] != 0
        return OneSpectrum(name, wave, self.medium, self.flux[row], var, mask, self.unit)


def stack_in_file(hdus, path):
    """Return the Stack in an open FITS file, or None where it holds something else.

    It may be a table whose columns flux and ivar (or uncertainty) have one spectrum in each row; or images
    FLUX and IVAR (or DATA and STAT) of two dimensions, also with a prefix such as ``BRZ_``. The wavelengths are in
    a column or an extension WAVE, WAVELENGTH or LOGLAM, or in the header (COEFF0 and COEFF1, or a WCS). The
    medium is in a header, see `~museml.data.spectral.medium_in`.

    Raises
    ------
    InputError
        If wavelengths or medium are missing.
    """
    parts = _columns(hdus) or _images(hdus)
    if parts is None:
        return None
    headers = [*(part.header for part in parts.values()), hdus[0].header]
    named = next((Table(hdu.data) for hdu in hdus[1:] if _is_table(hdu) and _id_column(hdu.columns.names)), None)
    return _stack(parts, headers, _names(named), path)


def stack_in_table(table, name):
    """Return the Stack in a table in memory, or None if its column flux is not two-dimensional."""
    parts = {key.upper(): _of_column(table[key]) for key in table.colnames if table[key].dtype.kind in "fiub"}
    flux = _find(parts, FLUX)
    if flux is None or np.ndim(flux.values) != 2:
        return None
    return _stack(parts, [table.meta], _names(table), name)


@dataclass(frozen=True)
class _Part:
    """An array, its unit as text, and the header it came with."""

    values: np.ndarray
    unit: str
    header: dict


def _of_column(column):
    values = getattr(column, "unmasked", column) if isinstance(column, u.Quantity) else np.ma.getdata(column)
    bad = np.ma.getmaskarray(column) if np.ma.isMaskedArray(column) else getattr(column, "mask", False)
    values = np.where(bad, np.nan, values) if np.any(bad) else np.asarray(values)
    return _Part(values, str(column.unit or ""), {})


def _columns(hdus):
    """Return the columns of the first table with spectra as rows, and extensions with wavelengths, by name."""
    hdu = next((hdu for hdu in hdus[1:] if _is_table(hdu) and _has_rows(hdu)), None)
    if hdu is None:
        return None
    return _axes(hdus) | {c.name.upper(): _Part(hdu.data[c.name], c.unit or "", hdu.header) for c in hdu.columns}


def _has_rows(hdu):
    """Whether a column flux of the table has more than one number in each row."""
    return any(name.upper() in FLUX and len(hdu.columns.dtype[name].shape) == 1 for name in hdu.columns.names)


def _images(hdus):
    """Return the images of a file whose flux has two dimensions, one of them spectral, by name."""
    images = _without_prefix({hdu.name.upper(): hdu for hdu in hdus if hdu.is_image and hdu.header.get("NAXIS")})
    flux, axes = _find(images, FLUX), _axes(hdus)
    if flux is None or flux.header["NAXIS"] != 2:
        return None
    if not (axes or _find(images, WAVE) or medium_of(flux.header.get("CTYPE1")) or LOG_AXIS[0] in flux.header):
        return None
    return axes | {name: _image(hdu) for name, hdu in images.items()}


def _without_prefix(images):
    """Leave out what stands before the names in files of one arm or of joined arms."""
    prefixes = [name.removesuffix("FLUX") for name in images if name.endswith("_FLUX")]
    return {name.removeprefix(prefixes[0]): hdu for name, hdu in images.items()} if len(prefixes) == 1 else images


def _axes(hdus):
    """Return the extensions with wavelengths, images or the first columns of tables, by name."""
    found = {hdu.name.upper(): hdu for hdu in hdus[1:] if hdu.name.upper() in WAVE}
    return {name: _first_column(hdu) if _is_table(hdu) else _image(hdu) for name, hdu in found.items()}


def _first_column(hdu):
    return _Part(hdu.data.field(0), hdu.columns[0].unit or "", hdu.header)


def _image(hdu):
    return _Part(hdu.data, hdu.header.get("BUNIT", ""), hdu.header)


def _is_table(hdu):
    return isinstance(hdu, fits.BinTableHDU) and not isinstance(hdu, fits.CompImageHDU)


def _find(parts, names):
    return next((parts[name] for name in names if name in parts), None)


def _stack(parts, headers, names, path):
    flux, mask = _find(parts, FLUX), parts.get("MASK", _Part(None, "", {})).values
    kind = next((name for name in VARIANCE if name in parts), None)
    errors = parts[kind].values if kind else None
    wave = _wavelengths(parts, flux, headers, path)
    _check_shapes(path, wave, flux.values, errors, mask)
    names = names if len(names) == len(flux.values) else _numbers(path, len(flux.values))
    return Stack(names, wave, _medium(headers, path), flux.values, errors, VARIANCE.get(kind), mask, _unit(flux.unit))


def _medium(headers, path):
    medium = next(filter(None, map(medium_in, headers)), "")
    if not medium:
        raise InputError(
            f"spectra must say whether their wavelengths are in air or in vacuum; those in {str(path)!r} do not; "
            "set the keyword MEDIUM in the header to 'air' or 'vacuum'"
        )
    return medium


def _check_shapes(path, wave, flux, *others):
    shapes = [flux.shape, *(other.shape for other in others if other is not None)]
    if len(set(shapes)) > 1 or wave.shape not in (flux.shape, flux.shape[1:]):
        raise InputError(
            f"wavelengths, fluxes and errors must go together; {str(path)!r} has the shapes {wave.shape} and "
            f"{', '.join(map(str, shapes))}; correct the file"
        )


def _wavelengths(parts, flux, headers, path):
    """Return the wavelengths in Angstrom."""
    part = _find(parts, WAVE)
    if part is not None and part is parts.get("LOGLAM"):
        return 10.0 ** np.asarray(part.values, float)
    if part is not None:
        unit = part.unit or part.header.get("CUNIT1", "")
        return _angstrom(np.asarray(part.values), unit, path)
    channels = np.arange(flux.values.shape[1])
    for header in headers:
        if LOG_AXIS[0] in header:
            return 10.0 ** (header[LOG_AXIS[0]] + header[LOG_AXIS[1]] * channels)
        if medium_of(header.get("CTYPE1")) and "CRVAL1" in header:
            return _linear(header, channels, path)
    raise InputError(
        f"spectra must have wavelengths; {str(path)!r} has none; add a column or an extension WAVE with its unit"
    )


def _linear(header, channels, path):
    axis = WCS(header, naxis=[1])
    return _angstrom(axis.wcs_pix2world(channels, 0)[0], str(axis.wcs.cunit[0]), path)


def _angstrom(wave, unit, path):
    try:
        return np.asarray(wave * u.Unit(unit).to(u.Angstrom), float)
    except (u.UnitConversionError, ValueError):
        raise InputError(
            f"the wavelengths must have a unit of length; those in {str(path)!r} have {unit!r}; "
            "set it (TUNIT of the column, BUNIT of the extension, or CUNIT1)"
        ) from None


def _unit(text):
    """Return a unit; one that astropy does not know counts as none, since the scale does not matter."""
    unit = u.Unit(text or "", parse_strict="silent")
    return None if isinstance(unit, u.UnrecognizedUnit) or unit == u.one else unit


def _id_column(names):
    upper = {name.upper(): name for name in names}
    return next((upper[name] for name in NAMES if name in upper), None)


def _names(table):
    """Return the names of the rows that a table gives, or none."""
    if table is None or _id_column(table.colnames) is None:
        return []
    return [str(value).strip() for value in table[_id_column(table.colnames)]]


def _numbers(path, n):
    return [f"{stem(path)}-{row}" if path else None for row in range(1, n + 1)]

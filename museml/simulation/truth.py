"""The table that tells what is in a simulated cube: a row for each line and each continuum."""

import numpy as np
from astropy.table import MaskedColumn, Table, vstack

from museml.data.cubes import open_cube
from museml.data.psf import cube_psf
from museml.simulation.stamps import make_stamp

__all__ = ["TRUTH", "join", "matched_snr", "scale_to_snr", "truth_table"]

#: column of a truth table -> (unit, description)
TRUTH = {
    "id": (None, "number of the line or continuum, from 1"),
    "source": (None, "number of the object, from 1"),
    "kind": (None, "'line', 'galaxy' or 'continuum'"),
    "line": (None, "name of the line in MPDAF's list, or empty"),
    "x": ("pix", "position along the first image axis, from 0"),
    "y": ("pix", "position along the second image axis, from 0"),
    "ra": ("deg", "right ascension"),
    "dec": ("deg", "declination"),
    "z": (None, "redshift; none for an isolated line or a continuum"),
    "wave": ("Angstrom", "wavelength in the cube's medium; none for a continuum"),
    "fwhm": ("Angstrom", "observed width of the line; none for a continuum"),
    "flux": ("1e-20 erg / (s cm2)", "flux, of a continuum over the cube's range"),
    "snr": (None, "S/N of the filter that matches PSF and line (or spectrum) in white noise"),
    "slope": (None, "continuum flux density goes with wavelength to this power"),
    "size": ("arcsec", "FWHM of the object before the PSF"),
}
PLANES = 64  # of the noise in memory at once


def join(truths):
    """Put truth tables one under the other and number rows and objects anew."""
    offsets = np.cumsum([0] + [max(truth["source"], default=0) for truth in truths])
    parts = [truth.copy() for truth in truths]
    for part, offset in zip(parts, offsets, strict=False):
        part["source"] += offset
    truth = vstack(parts)
    truth["id"] = np.arange(1, len(truth) + 1)
    return truth


def scale_to_snr(truth, snr, cube, psf=None):
    """Set the fluxes so that rows have the given S/N; what lies on no valid voxel gets flux and S/N 0.

    Parameters
    ----------
    truth : `~astropy.table.Table`
        With the columns of `TRUTH`; it is changed.
    snr : float or array_like
        S/N of the matched filter, per row.
    cube : CubeData, `~mpdaf.obj.Cube` or path
        Gives grid and noise.
    psf : PSF
        By default that of the cube.

    Returns
    -------
    `~astropy.table.Table`
        The same table.
    """
    truth["flux"] = 1.0
    natural = matched_snr(truth, open_cube(cube), psf)
    truth["snr"] = np.where(natural > 0, snr, 0.0)
    truth["flux"] = truth["snr"] / np.where(natural > 0, natural, 1.0)
    return truth


def truth_table(cube, kind, columns):
    """Make a truth table of the given columns; what is not given is 0, empty or masked."""
    n = len(columns.get("x", ()))
    full = {name: np.zeros(n) for name in TRUTH} | {"kind": np.full(n, kind, "U9"), "line": np.full(n, "", "U10")}
    full |= {name: np.ma.masked_all(n) for name in ("z", "wave", "fwhm")}
    full |= {"id": np.arange(1, n + 1), "source": np.ones(n, int)} | columns
    full["ra"], full["dec"] = cube.pixel_to_sky(full["x"], full["y"])
    return Table([MaskedColumn(full[k], name=k, unit=u, description=text) for k, (u, text) in TRUTH.items()])


def matched_snr(truth, cube, psf):
    """Return the S/N of the matched filter for each row: flux sqrt(sum t^2 / variance) over the valid voxels."""
    psf, _ = cube_psf(cube, psf)
    stamps = [make_stamp(row, cube, psf) for row in truth]
    power = np.zeros(len(stamps))
    for start in range(0, cube.shape[0] if stamps else 0, PLANES):
        stop = min(start + PLANES, cube.shape[0])
        variance = cube.block(start, stop)[1]
        for number, stamp in enumerate(stamps):
            if stamp.first < stop and stamp.last > start:
                planes, values = stamp.part(start, stop)
                power[number] += np.nansum(values**2 / variance[planes, *stamp.image])
    return np.asarray(truth["flux"], float) * np.sqrt(power)

"""Simulated MUSE cubes, and objects put into real ones, with the truth."""

import numpy as np
from astropy import units as u
from astropy.io import fits
from mpdaf.obj import WCS, Cube, WaveCoord

from museml.data.cubes import FLUX_DENSITY, open_cube
from museml.data.psf import DEFAULT_PSF, PSF
from museml.simulation.noise import noise_cube, noise_curve
from museml.simulation.objects import join, random_continua, random_galaxies, random_lines
from museml.simulation.stamps import continuum_stamp, line_stamp

__all__ = ["inject_lines", "simulate_cube"]

PIXEL = 0.2  # arcsec
#: the default PSF of simulations
GOOD_SEEING = PSF(0.7)
CENTRE = (-27.79, 53.16)  # dec, ra in degrees: the Hubble Ultra Deep Field


def simulate_cube(
    shape=(3681, 40, 40),
    seed=0,
    *,
    n_lines=20,
    n_galaxies=3,
    n_emitters=0,
    n_continuum=3,
    n_pairs=0,
    snr=(3.0, 12.0),
    galaxy_continuum=False,
    size=0.0,
    correlated=False,
    psf=GOOD_SEEING,
    exposure_hours=0.25,
    start=4750.0,
):
    """Simulate a MUSE cube: noise, isolated lines, galaxies and continuum sources.

    Parameters
    ----------
    shape : tuple
        (wavelengths, y, x); 1.25 Angstrom and 0.2 arcsec each.
    seed : int or `~numpy.random.Generator`
        The same seed makes the same cube.
    n_lines : int
        Number of isolated lines.
    n_galaxies : int
        Number of galaxies with several lines, at z = 0.05 to 1.4.
    n_emitters : int
        Number of Lyman alpha emitters, at z = 3 to 6.5.
    n_continuum : int
        Number of continuum sources without lines.
    n_pairs : int
        How many of these have a close companion.
    snr : (float, float)
        Range of the matched-filter S/N of isolated lines, and of the brightest line of a galaxy.
    galaxy_continuum : bool
        Whether galaxies have a continuum.
    size : float
        FWHM of galaxies and emitters before the PSF, in arcsec.
    correlated : bool
        Whether the noise of neighbouring voxels is correlated; the variances do not tell.
    psf : PSF
        The PSF; it is written into the primary header as FSF keywords.
    exposure_hours : float
        Exposure time, see `~museml.simulation.noise.noise_curve`.
    start : float
        First wavelength in Angstrom, air.

    Returns
    -------
    cube : `~mpdaf.obj.Cube`
        In 1e-20 erg / (s cm2 Angstrom), wavelengths in air.
    truth : `~astropy.table.Table`
        One row per line and per continuum; see `museml.simulation.objects.TRUTH`.
    """
    rng = np.random.default_rng(seed)
    empty = _empty_cube(shape, start, psf, exposure_hours, correlated, rng)
    truth = join(
        [
            random_lines(empty, n_lines, rng, snr=snr),
            random_galaxies(empty, n_galaxies, rng, snr=snr, size=size, continuum=galaxy_continuum),
            random_galaxies(empty, n_emitters, rng, snr=snr, size=size, z=(3.0, 6.5)),
            random_continua(empty, n_continuum, rng, pairs=min(n_pairs, n_continuum)),
        ]
    )
    _add(empty.data.data, truth, open_cube(empty), psf)
    return empty, truth


def inject_lines(cube, truth, psf=None):
    """Put lines and continua into a cube.

    Parameters
    ----------
    cube : CubeData, `~mpdaf.obj.Cube` or path
        The cube; it is not changed.
    truth : `~astropy.table.Table`
        With the columns ``x``, ``y`` (pixels from 0), ``wave``, ``fwhm`` (Angstrom) and ``flux``
        (1e-20 erg / (s cm2)); ``size`` (FWHM in arcsec before the PSF) is 0 when it is missing.
        Rows of ``kind`` 'continuum' need ``slope`` instead of ``wave`` and ``fwhm``.
    psf : PSF
        By default that of the cube, or, when it tells none, the detectors' default.

    Returns
    -------
    `~mpdaf.obj.Cube`
        A copy with the objects added; the variances are as before.
    """
    data = open_cube(cube)
    copy = data.to_mpdaf().copy()
    scale = FLUX_DENSITY.to(copy.unit)
    added = np.zeros(copy.shape, np.float32)
    _add(added, truth, data, psf or data.psf or DEFAULT_PSF)
    copy.data = copy.data + scale * added
    return copy


def _add(values, truth, cube, psf):
    """Add objects to an array of the cube's shape, in the unit of `CubeData`."""
    for row in truth:
        row = {"kind": "line", "size": 0.0, **dict(zip(row.colnames, row, strict=True))}
        make = continuum_stamp if row["kind"] == "continuum" else line_stamp
        place, stamp = make(row, cube, psf)
        values[place] += (row["flux"] * stamp).astype(values.dtype)


def _empty_cube(shape, start, psf, exposure_hours, correlated, rng):
    """Return a cube of noise."""
    wave = WaveCoord(crpix=1.0, cdelt=1.25, crval=start, cunit=u.Angstrom, ctype="AWAV", shape=shape[0])
    step = PIXEL / 3600
    wcs = WCS(
        crpix=((shape[1] + 1) / 2, (shape[2] + 1) / 2), crval=CENTRE, cdelt=(step, -step), deg=True, shape=shape[1:]
    )
    sigma = noise_curve(start + 1.25 * np.arange(shape[0]), exposure_hours)
    variance = np.broadcast_to(np.float32(sigma**2)[:, None, None], shape).copy()
    data = noise_cube(sigma, shape, rng, correlated)
    about = {"unit": FLUX_DENSITY, "wave": wave, "wcs": wcs, "primary_header": _primary_header(psf, exposure_hours)}
    return Cube(data=data, var=variance, mask=False, copy=False, convert_float64=False, **about)


def _primary_header(psf, exposure_hours):
    header = fits.Header()
    header["OBJECT"] = ("SIMULATION", "made by museml.simulation")
    header["EXPTIME"] = (3600 * exposure_hours, "[s] exposure time")
    if psf.beta is not None:
        header["FSFMODE"] = ("MOFFAT1", "FSF model: Moffat, FWHM linear in wavelength")
        header["FSF00BET"] = (psf.beta, "FSF Moffat beta")
        header["FSF00FWA"] = (psf.fwhm - psf.slope * psf.reference, "[arcsec] FSF FWHM at 0 Angstrom")
        header["FSF00FWB"] = (psf.slope, "[arcsec/Angstrom] FSF slope of the FWHM")
    return header

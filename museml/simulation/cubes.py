"""Simulated MUSE cubes, in memory or written to a file of any size, and objects put into real ones, with the truth."""

from pathlib import Path

import numpy as np
from astropy.io import fits

from museml.data.cubes import FLUX_DENSITY, cube_name, open_cube
from museml.data.psf import cube_psf
from museml.output import whole_file, write_table
from museml.simulation.empty import GOOD_SEEING, EmptyCube
from museml.simulation.injected import add_objects, stamps_of
from museml.simulation.noise import noise_blocks
from museml.simulation.objects import random_field

__all__ = ["inject_lines", "simulate_cube", "write_cube"]

VOXELS = 8_000_000  # in memory at once when a cube is written


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
    continuum_snr=(5.0, 50.0),
    apart=0.0,
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
    continuum_snr : (float, float)
        Range of the S/N of continuum sources over the whole cube.
    apart : float
        Least distance in pixels of continuum sources from each other, except for the companions.
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
    rng, empty = np.random.default_rng(seed), EmptyCube(shape, psf, exposure_hours, start)
    data = np.empty(shape, np.float32)
    for first, noise in noise_blocks(empty.sigma, shape, rng, correlated):
        data[first : first + len(noise)] = noise
    numbers = {"n_lines": n_lines, "n_galaxies": n_galaxies, "n_emitters": n_emitters, "n_continuum": n_continuum}
    continua = {"n_pairs": n_pairs, "continuum_snr": continuum_snr, "apart": apart}
    truth = random_field(empty, rng, **numbers, **continua, snr=snr, galaxy_continuum=galaxy_continuum, size=size)
    add_objects(data, 0, stamps_of(truth, empty, psf), truth["flux"])
    return empty.with_data(data), truth


def write_cube(
    path,
    shape=(3681, 320, 320),
    seed=0,
    *,
    correlated=False,
    psf=GOOD_SEEING,
    exposure_hours=0.25,
    start=4750.0,
    **objects,
):
    """Simulate a cube of any size into a file, block by block.

    Parameters
    ----------
    path : path
        The FITS file; its truth gets the same name with ``_truth.ecsv`` at the end.
    shape, seed, correlated, psf, exposure_hours, start
        As for `simulate_cube`; the same seed makes the same cube.
    **objects
        What is in it: the other settings of `simulate_cube`.

    Returns
    -------
    `~astropy.table.Table`
        The truth.
    """
    path, rng, empty = Path(path), np.random.default_rng(seed), EmptyCube(shape, psf, exposure_hours, start)
    count = max(1, VOXELS // (shape[1] * shape[2]))
    with whole_file(path) as part:
        fits.PrimaryHDU(header=empty.primary_header()).writeto(part, overwrite=True)
        noise = (noise for _, noise in noise_blocks(empty.sigma, shape, rng, correlated, count))
        variance = (empty.block(first, first + count)[1] for first in range(0, shape[0], count))
        for name, blocks in (("DATA", noise), ("STAT", variance)):
            _write_extension(part, empty.extension_header(name), blocks)
        truth = random_field(empty, rng, **objects)
        _add_to_file(part, truth, empty, count)
    write_table(truth, path.with_name(f"{cube_name(path)}_truth.ecsv"))
    return truth


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
        A copy with the objects added; the variances are as before. `InjectedCube` needs no copy.
    """
    data = open_cube(cube)
    copy = data.to_mpdaf().copy()
    stamps = stamps_of(truth, data, cube_psf(data, psf)[0])
    fluxes = FLUX_DENSITY.to(copy.unit) * np.asarray(truth["flux"], float)
    add_objects(copy.data.data, 0, stamps, fluxes)
    return copy


def _write_extension(path, header, blocks):
    """Append an extension to a file, from blocks of planes."""
    extension = fits.StreamingHDU(str(path), header)
    for block in blocks:
        extension.write(np.ascontiguousarray(block))
    extension.close()


def _add_to_file(path, truth, empty, count):
    """Add objects to the extension DATA of a file, block by block."""
    stamps = stamps_of(truth, empty, empty.psf)
    with fits.open(path, mode="update", memmap=True) as hdus:
        data = hdus["DATA"].data
        for first in range(0, len(data), count):
            block = data[first : first + count].astype(np.float32)
            data[first : first + count] = add_objects(block, first, stamps, truth["flux"])

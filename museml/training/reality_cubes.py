"""The cubes from which the model of real lines learns: simulated ones, and real ones with their sign changed."""

from dataclasses import dataclass
from pathlib import Path

import mpdaf
import numpy as np

from museml.data.cubes import open_cube
from museml.data.psf import PSF
from museml.detectors.lines import LineDetector
from museml.simulation.cubes import simulate_cube
from museml.simulation.objects import join, random_galaxies, random_lines
from museml.simulation.residuals import (
    continuum_residuals,
    cosmic_rays,
    notch_edges,
    sky_residuals,
    slice_residuals,
)
from museml.training.trials import flip_cube, noisier, run_trial

__all__ = ["HARSH", "REAL_CUBES", "USUAL", "Residuals", "draw_lines", "real_trial", "simulated_trial"]

#: cubes that come with every mpdaf
REAL_CUBES = {"A478": "minicube.fits", "mosaic": "subcub_mosaic.fits"}
LINES_PER_VOXEL = 250 / (3681 * 40 * 40)
#: sorts of lines: share, S/N, intrinsic FWHM (km/s), FWHM on the sky (arcsec)
SORTS = (
    (0.50, (4, 10), (30, 300), (0.0, 0.6)),
    (0.15, (4, 12), (300, 1000), (0.0, 1.5)),
    (0.18, (10, 50), (30, 500), (0.0, 2.0)),
    (0.11, (6, 40), (30, 500), (1.0, 5.0)),
    (0.03, (20, 100), (100, 600), (4.0, 9.0)),
    (0.03, (40, 200), (100, 600), (0.0, 3.0)),
)
#: the same for galaxies, with several lines each; number per 250 lines instead of a share
GALAXIES = ((6, (4, 15), (0.0, 1.0)), (5, (20, 200), (0.3, 5.0)))
RATIO_SCATTER = 0.3  # dex, on top of that of star-forming galaxies: nebulae in clusters have [NII] as bright as H alpha
BRIGHT = 0.05  # of the field, where objects are
ON_OBJECTS = 0.3  # of the lines, which are put there
ADDED_NOISE = (0.0, 0.6)  # standard deviation of the noise added to a real cube in each round, in units of its own


@dataclass(frozen=True)
class Residuals:
    """How strong the residuals of simulated cubes are.

    Attributes
    ----------
    sky : (float, float)
        Range of the sky's residuals, see `~museml.simulation.residuals.sky_residuals`.
    continua : int
        Number of continuum sources with features, at most.
    bright : (float, float)
        Range of their S/N.
    slices : int
        Stripes and edges per 3681 channels.
    notch : float
        Part of the cubes with the gap of adaptive optics.
    """

    sky: tuple = (0.3, 2.5)
    continua: int = 7
    bright: tuple = (100.0, 10_000.0)
    slices: int = 12
    notch: float = 0.2


#: what the model is trained on, and cubes worse than all of these, on which it is tested too
USUAL = Residuals()
HARSH = Residuals((0.8, 5.0), 10, (1000.0, 30_000.0), 40, 0.5)


def real_trial(origin, settings, seed):
    """Return the `Trial` of a real cube with its sign changed, and with noise and lines added.

    Parameters
    ----------
    origin : str
        Name in `REAL_CUBES`.
    settings : object
        With ``threshold``, the S/N from which detections are used.
    seed : tuple of int
        Of noise and lines.
    """
    rng = np.random.default_rng(seed)
    cube = open_cube(Path(mpdaf.__file__).parent / "data" / "sdetect" / REAL_CUBES[origin]).to_mpdaf()
    cube = noisier(flip_cube(cube), rng.uniform(*ADDED_NOISE), rng)
    return run_trial(cube, draw_lines(cube, rng), LineDetector(threshold=settings.threshold))


def simulated_trial(settings, residuals, seed):
    """Return the `Trial` of a simulated cube with residuals of all kinds.

    Parameters
    ----------
    settings : object
        With ``shape`` and ``threshold``.
    residuals : Residuals
        How strong they are.
    seed : tuple of int
        Of everything.
    """
    rng = np.random.default_rng(seed)
    hours, psf = np.exp(rng.uniform(np.log(0.25), np.log(30))), PSF(rng.uniform(0.5, 1.1))
    options = {"n_lines": 0, "n_galaxies": 0, "n_continuum": 6, "correlated": rng.random() < 0.7}
    cube, _ = simulate_cube(settings.shape, rng, psf=psf, exposure_hours=hours, **options)
    cube.data = cube.data + _all_residuals(open_cube(cube), residuals, rng)
    return run_trial(cube, draw_lines(cube, rng), LineDetector(threshold=settings.threshold))


def draw_lines(cube, rng):
    """Draw the lines to put into an MPDAF Cube: of all sorts, alone and in galaxies."""
    count = LINES_PER_VOXEL * np.prod(cube.shape)
    data, drawn = open_cube(cube), []  # opened once: all voxels are looked at
    for share, snr, velocity, size in SORTS:
        for part in np.array_split(np.zeros(round(share * count) + 1), 5):
            drawn.append(random_lines(data, len(part), rng, snr=snr, velocity=velocity, size=rng.uniform(*size)))
    for number, snr, size in GALAXIES:
        for _ in range(round(number * count / 250)):
            drawn.append(random_galaxies(data, 1, rng, snr=snr, size=rng.uniform(*size)))
            drawn[-1]["flux"] *= 10 ** rng.normal(0, RATIO_SCATTER, len(drawn[-1]))
    return _onto_objects(join(drawn), cube, rng)


def _all_residuals(cube, residuals, rng):
    added = sky_residuals(cube, rng, residuals.sky) + cosmic_rays(cube, rng)
    added += slice_residuals(cube, rng, residuals.slices)
    added += continuum_residuals(cube, rng, rng.integers(1, residuals.continua + 1), snr=residuals.bright)
    return added + notch_edges(cube, rng) if rng.random() < residuals.notch else added


def _onto_objects(truth, cube, rng):
    """Move some of the drawn objects onto the brightest places of the field, where there is continuum."""
    white = np.abs(np.ma.filled(cube.data.mean(axis=0), 0))
    y, x = np.nonzero(white >= np.quantile(white, 1 - BRIGHT))
    for source in np.unique(truth["source"]):
        if rng.random() < ON_OBJECTS:
            place, rows = rng.integers(len(y)), truth["source"] == source
            truth["x"][rows], truth["y"][rows] = np.array([x[place], y[place]]) + rng.uniform(-0.5, 0.5, 2)
    return truth

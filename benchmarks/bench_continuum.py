"""Crowded and empty fields: continuum sources found by the continuum detector, by photutils and by SEP.

Run from anywhere: ``python benchmarks/bench_continuum.py [--seeds 0 1 2 3] [--numbers 0 24 36]``.
SEP is left out where it is not installed. The stored results are in README.md beside this file.
"""

import argparse
import importlib.util
import time
import warnings
from functools import partial

import numpy as np
from photutils.background import SExtractorBackground
from photutils.segmentation import SourceCatalog, SourceFinder
from photutils.utils.exceptions import NoDetectionsWarning
from scipy.ndimage import convolve

from museml.data.cubes import open_cube
from museml.detectors.collapse import collapse
from museml.detectors.continuum import ContinuumDetector
from museml.simulation.cubes import inject_lines, simulate_cube
from museml.simulation.objects import scale_to_snr, truth_table

SIDE = 60  # pixels
APART = 6.5  # pixels between sources, 1.9 FWHM
SNR = (5.0, 60.0)
NEAR = 2.5  # pixels within which a detection belongs to a source
AREA, SIGMA = 5, 1.5  # the rivals' sources: number of pixels above so many standard errors
SMALL = np.outer([1, 2, 1], [1, 2, 1]) / 16  # the usual filter of SExtractor


def field(number, seed, planes=600):
    """Return a cube with so many point sources, and the truth."""
    rng = np.random.default_rng(seed)
    empty, _ = simulate_cube((planes, SIDE, SIDE), seed, n_lines=0, n_galaxies=0, n_continuum=0)
    x, y = positions(number, rng).T
    columns = {"source": np.arange(number) + 1, "x": x, "y": y, "size": np.zeros(number), "slope": np.zeros(number)}
    truth = truth_table(open_cube(empty), "continuum", columns)
    truth = scale_to_snr(truth, SNR[0] * (SNR[1] / SNR[0]) ** rng.random(number), open_cube(empty))
    return open_cube(inject_lines(empty, truth)), truth


def positions(number, rng):
    """Return random positions (x, y) that are not too close to each other."""
    places = []
    while len(places) < number:
        place = rng.uniform(3, SIDE - 4, 2)
        if all(np.hypot(*(place - other)) > APART for other in places):
            places.append(place)
    return np.array(places).reshape(-1, 2)


def museml(cube, threshold):
    """Return x and y of what the continuum detector finds."""
    found = ContinuumDetector(threshold=threshold).detect(cube)
    return found["x"], found["y"]


def photutils(cube, kernel):
    """Return x and y of what photutils finds and deblends with its default settings."""
    image, error = white(cube)
    segments = SourceFinder(n_pixels=AREA, progress_bar=False)(convolve(image, kernel), SIGMA * rms(error, kernel))
    if segments is None:
        return [], []
    catalog = SourceCatalog(image, segments)
    return catalog.x_centroid, catalog.y_centroid


def sep(cube, kernel):
    """Return x and y of what SEP, the library of SExtractor, finds and deblends with its default settings."""
    from sep import extract

    image, error = white(cube)
    found = extract(image, SIGMA, err=error, minarea=AREA, filter_kernel=kernel)
    return found["x"], found["y"]


def white(cube):
    """Return the white image without background, and its error."""
    image, weight = collapse(cube).white()
    return image - np.float32(SExtractorBackground()(image)), weight**-0.5


def rms(error, kernel):
    """Return the error of the convolved image."""
    return np.sqrt(convolve(error**2, kernel**2))


def score(x, y, truth):
    """Return how many sources were found, and the number of detections that belong to none or repeat one."""
    if not len(x) or not len(truth):
        return 0, len(x)
    distance = np.hypot(np.subtract.outer(x, truth["x"]), np.subtract.outer(y, truth["y"]))
    found = len(set(distance.argmin(axis=1)[distance.min(axis=1) < NEAR]))
    return found, len(x) - found


def finders(cube):
    """Return name -> function of the finders to compare."""
    psf = cube.psf.image(np.mean(cube.wave), cube.pixel_scale)
    kernels = {"unfiltered": np.ones((1, 1)), "3 x 3 filter": SMALL, "PSF as filter": psf}
    chosen = {f"museml, threshold {least}": partial(museml, threshold=least) for least in (5, 4)}
    chosen |= {f"photutils, {name}": partial(photutils, kernel=kernel) for name, kernel in kernels.items()}
    if importlib.util.find_spec("sep"):
        chosen |= {f"SEP, {name}": partial(sep, kernel=kernel) for name, kernel in kernels.items()}
    return chosen


def main():
    """Print one row of a table for each finder and number of sources."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=range(8))
    parser.add_argument("--numbers", type=int, nargs="+", default=[0, 24, 36])
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", NoDetectionsWarning)
    print("| finder | sources in a field | found | false | CPU-s a field |\n|---|---|---|---|---|")
    for number in arguments.numbers:
        fields = [field(number, seed) for seed in arguments.seeds]
        for name, find in finders(fields[0][0]).items():
            start = time.process_time()
            scores = [score(*find(cube), truth) for cube, truth in fields]
            seconds = (time.process_time() - start) / len(fields)
            found, false = np.sum(scores, axis=0)
            print(f"| {name} | {number} | {found} / {number * len(fields)} | {false} | {seconds:.2f} |", flush=True)


if __name__ == "__main__":
    main()

"""Completeness, false detections, time and memory of the line detector on simulated cubes.

Run from anywhere: ``python benchmarks/bench_detection.py [--seeds 1 2] [--side 60] [--threshold 4.2]``.
The stored results are in README.md beside this file.
"""

import argparse
import multiprocessing
import tempfile
import time
from itertools import product
from pathlib import Path

import numpy as np
from astropy.stats import mad_std
from scipy.optimize import brentq
from scipy.stats import norm

from museml.data.cubes import open_cube
from museml.data.psf import lsf_fwhm
from museml.detectors.false_alarms import expected_maxima
from museml.detectors.lines import LineDetector
from museml.simulation.cubes import simulate_cube
from museml.simulation.noise import LAG_ONE

FALSE = (1, 10, 30)
BRIGHT = 8.0  # S/N of the true lines whose fluxes and positions are compared
LAG_TWO = LAG_ONE**2 / 4  # about what smoothing by three weights leaves at two voxels
OBJECTS = {"n_lines": 240, "n_galaxies": 12, "n_continuum": 12}


def limit(cube, truth, false, correlated):
    """Return the completeness of an ideal filter at a number of false detections."""
    wave = np.median(cube.wave)
    sigma = np.array([lsf_fwhm(wave) / 1.25, *2 * [cube.psf.fwhm_at(wave) / cube.pixel_scale]]) / 2.355
    correlations = np.exp(-1 / (4 * sigma**2))
    u = brentq(lambda u: expected_maxima(u, np.prod(cube.shape), correlations) - false, 2, 10)
    return np.mean(norm.cdf(truth["snr"] / (inflation(sigma) if correlated else 1) - u))


def inflation(sigma):
    """Return how much noisier than the variances say the filtered field is in correlated noise."""
    factors = []
    for s in sigma:
        template = np.exp(-(np.arange(-20, 21) ** 2) / (2 * s**2))
        lag = np.correlate(template, template, "full")
        factors.append(1 + 2 * LAG_ONE * lag[41] / lag[40] + LAG_TWO * 2 * lag[42] / lag[40])
    return np.sqrt(np.prod(factors))


def match(detections, truth, pixels=3.0, angstrom=6.0):
    """Return, for each detection, the row of the nearest true line, or -1."""
    lines = np.flatnonzero(truth["kind"] != "continuum")
    x, y, wave = (np.asarray(truth[name], float)[lines] for name in ("x", "y", "wave"))
    found = []
    for row in detections:
        distance = np.hypot(row["x"] - x, row["y"] - y) / pixels
        distance = np.maximum(distance, np.abs(row["wave"] - wave) / angstrom)
        found.append(lines[distance.argmin()] if distance.min() < 1 else -1)
    return np.array(found, int)


def simulate(path, seed, side, correlated):
    """Write a cube and its truth; return the truth."""
    cube, truth = simulate_cube((3681, side, side), seed, correlated=correlated, **OBJECTS)
    cube.write(path, savemask="nan")
    return truth


def detect(path, threshold):
    """Return the detections, CPU seconds, wall-clock seconds and the growth of peak memory in MiB."""
    cube = open_cube(path)
    before = peak_memory()
    start = time.process_time(), time.perf_counter()
    detections = LineDetector(threshold=threshold).detect(cube)
    cost = time.process_time() - start[0], time.perf_counter() - start[1]
    return detections, *cost, peak_memory() - before


def peak_memory():
    """Return this process's largest resident memory so far in MiB (Linux)."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def compare(cube, truth, detections, correlated):
    """Return completeness, numbers of false detections, and how good fluxes and positions are."""
    matched = match(detections, truth)
    isolated = np.flatnonzero(truth["kind"] == "line")
    false, row = np.cumsum(matched < 0), {}
    for n in FALSE:
        row[f"complete_{n}"] = np.isin(isolated, matched[false < n]).mean()
        row[f"limit_{n}"] = limit(cube, truth[isolated], n, correlated)
        row[f"true_at_{n}_claimed"] = int(np.sum((matched < 0) & (detections["n_false"] <= n)))
    good = np.isin(matched, isolated[truth["snr"][isolated] > BRIGHT])
    found, true = detections[good], truth[matched[good]]
    pull = (found["flux"] - true["flux"]) / found["flux_err"]
    row |= {"flux_pull_median": np.median(np.array(pull)), "flux_pull_scatter": mad_std(np.array(pull))}
    return row | {"offset_pixels": np.median(np.array(np.hypot(found["x"] - true["x"], found["y"] - true["y"])))}


def main():
    """Print a table of results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--side", type=int, default=60)
    parser.add_argument("--threshold", type=float, default=4.2)
    args = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cube.fits"
        for correlated, seed in product((False, True), args.seeds):
            truth = simulate(path, seed, args.side, correlated)
            with context.Pool(1) as pool:  # a process of its own, so that its peak memory is its own
                detections, cpu, wall, memory = pool.apply(detect, (path, args.threshold))
            row = {"seed": seed} | compare(open_cube(path), truth, detections, correlated)
            row |= {"cpu_s": cpu, "wall_s": wall, "memory_mib": memory}
            print("correlated" if correlated else "white", *(f" {name} {value:.3g}" for name, value in row.items()))


if __name__ == "__main__":
    main()

"""Spectra of close pairs of galaxies: redshifts and the neighbour's light, plain and deblended.

Run from anywhere: ``OMP_NUM_THREADS=1 python benchmarks/bench_extraction.py [--fields 8] [--seed 100]``.

Each field of 60 x 60 spaxels has four pairs of a bright galaxy (its brightest line has a S/N of 60 to 200) and a
faint one (6 to 10) at 5 to 8 pixels, at redshifts of their own. They are extracted where a detector would find them,
with the errors of such a place.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
from astropy.table import Table, vstack

import museml
from museml.data.cubes import open_cube
from museml.data.psf import PSF
from museml.detection import Detections
from museml.extraction import extract_sources
from museml.simulation.cubes import inject_lines, simulate_cube
from museml.simulation.objects import random_galaxies

RESULTS = Path(__file__).parent / "results"
SPECTRA = ("MUSE_PSF", "MUSE_PSF_SKYSUB", "MUSE_DEBLEND")
FWHM = 0.7  # arcsec
CORNERS = (15, 45)  # pixels: where pairs are
FOUND = 5.0  # S/N from which a line or a continuum is detected
LEAKY = 30.0  # S/N of the bright galaxy's lines that are looked for in the faint one's spectrum
RIGHT = 0.002  # (1 + z)
#: name -> (FWHM of the bright galaxy in arcsec, correlated noise, FWHM of the PSF that is assumed over the true one)
CASES = {
    "points": (0.0, False, 1.0),
    "extended": (0.4, False, 1.0),
    "correlated noise": (0.4, True, 1.0),
    "PSF 10 % too wide": (0.4, False, 1.1),
}


def pairs(cube, size, rng):
    """Draw the galaxies of a field; odd numbers are bright, even ones faint."""
    galaxies = []
    for corner in ((x, y) for x in CORNERS for y in CORNERS):
        angle, distance = rng.uniform(0, 2 * np.pi), rng.uniform(5, 8)
        bright = random_galaxies(cube, 1, rng, snr=(60, 200), continuum=True, size=size)
        faint = random_galaxies(cube, 1, rng, snr=(6, 10), continuum=True)
        for galaxy, away in ((bright, 0), (faint, distance)):
            galaxy["x"], galaxy["y"] = corner[0] + away * np.cos(angle), corner[1] + away * np.sin(angle)
            galaxy["source"] = len(galaxies) + 1
            galaxies.append(galaxy)
    return vstack(galaxies)


def detections_of(cube, truth, rng):
    """Return what a detector would find, at places as uncertain as their S/N."""
    seen = truth[(truth["snr"] > FOUND) | (truth["kind"] == "continuum")]
    seen = seen[np.argsort(-seen["snr"])]
    best = {number: seen["snr"][seen["source"] == number].max() for number in set(seen["source"])}
    shift = {number: rng.normal(0, 0.6 * FWHM / 0.2 / 2.355 / max(snr, FOUND), 2) for number, snr in best.items()}
    dx, dy = np.array([shift[number] for number in seen["source"]]).T
    line = np.asarray(seen["kind"] != "continuum")
    columns = {name: np.asarray(seen[name]) for name in ("source", "snr", "flux")}
    columns |= {"x": np.asarray(seen["x"]) + dx, "y": np.asarray(seen["y"]) + dy}
    columns["ra"], columns["dec"] = cube.pixel_to_sky(columns["x"], columns["y"])
    columns |= {"id": np.arange(len(seen)) + 1, "kind": np.where(line, "line", "continuum"), "score": columns["snr"]}
    columns |= {"n_false": np.zeros(len(seen)), "flux_err": columns["flux"] / columns["snr"]}
    for name in ("wave", "fwhm"):
        columns[name] = np.ma.array(np.nan_to_num(np.ma.filled(seen[name].astype(float), 0)), mask=~line)
    return Detections.from_columns(columns, meta={"PLUGIN": "truth", "PLUGIN_V": "1"})


def field(seed, size, correlated, wrong):
    """Return the extracted sources of a field, their truth, and the time per source."""
    rng = np.random.default_rng(seed)
    nothing = {"n_lines": 0, "n_galaxies": 0, "n_continuum": 0, "psf": PSF(FWHM)}
    blank = open_cube(simulate_cube((3681, 60, 60), rng, correlated=correlated, **nothing)[0])
    truth = pairs(blank, size, rng)
    cube = open_cube(inject_lines(blank, truth))
    detections = detections_of(cube, truth, rng)
    start = time.process_time()
    numbers = sorted(set(detections["source"].tolist()))
    sources = list(extract_sources(cube, detections, numbers, psf=PSF(wrong * FWHM)))
    return sources, truth, (time.process_time() - start) / len(sources)


def right(sources, truth, name):
    """Say which redshifts of one kind of spectrum are right."""
    for source in sources:
        source.header["REFSPEC"] = name
    z = np.array([truth["z"][truth["source"] == source.ID][0] for source in sources])
    found = np.ma.filled(museml.classify(sources)["z"].astype(float), np.nan)
    return np.abs(found - z) < RIGHT * (1 + z)


def leaks(source, truth, name):
    """Yield the part of each bright line of the neighbour that is in a faint galaxy's spectrum, and its error."""
    lines = truth[truth["kind"] == "galaxy"]
    lone = [np.sum(np.abs(lines["wave"] - line["wave"]) < 40) == 1 for line in lines]
    spectrum = source.spectra[name]
    for line in lines[lone & (lines["source"] == source.ID - 1) & (lines["snr"] > LEAKY)]:
        distance = np.abs(spectrum.wave.coord() - line["wave"])
        inside, beside = distance <= 1.2 * line["fwhm"], (distance > 2 * line["fwhm"]) & (distance < 40)
        flux = 1.25 * (spectrum.data[inside] - spectrum.data[beside].mean()).sum()
        yield flux / line["flux"], 1.25 * np.sqrt(spectrum.var[inside].sum()) / line["flux"]


def measure(case, seeds):
    """Return the rows of a case."""
    size, correlated, wrong = CASES[case]
    total = {name: {"bright": [], "faint": [], "leaks": []} for name in SPECTRA}
    for seed in seeds:
        sources, truth, seconds = field(seed, size, correlated, wrong)
        near = {number: truth[np.isin(truth["source"], (number, number - 1))] for number in truth["source"]}
        for name, found in total.items():
            is_right, bright = right(sources, truth, name), np.array([source.ID % 2 == 1 for source in sources])
            found["bright"] += is_right[bright].tolist()
            found["faint"] += is_right[~bright].tolist()
            faint = [source for source, is_bright in zip(sources, bright, strict=True) if not is_bright]
            found["leaks"] += [leak for source in faint for leak in leaks(source, near[source.ID], name)]
        print(f"{case}, field {seed}: {seconds:.3f} CPU-s a source", file=sys.stderr)
    return [_row(case, name, found) for name, found in total.items()]


def _row(case, name, found):
    leak, error = np.array(found["leaks"]).T
    weight = error**-2
    beyond = np.sqrt(max(0, np.mean(leak**2 - error**2)))
    return {
        "case": case, "spectrum": name, "pairs": len(found["faint"]), "faint_right": sum(found["faint"]),
        "bright_right": sum(found["bright"]), "leak": round(float(leak @ weight / weight.sum()), 4),
        "leak_err": round(float(weight.sum() ** -0.5), 4), "leak_rms": round(float(beyond), 3), "lines": len(leak),
    }  # fmt: skip


def main():
    """Measure all cases and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fields", type=int, default=8)
    parser.add_argument("--seed", type=int, default=100)
    parser.add_argument("--cases", nargs="*", default=list(CASES), choices=list(CASES))
    options = parser.parse_args()
    seeds = range(options.seed, options.seed + options.fields)
    rows = [row for case in options.cases for row in measure(case, seeds)]
    Table(rows=rows).write(RESULTS / "extraction.csv", overwrite=True)


if __name__ == "__main__":
    main()

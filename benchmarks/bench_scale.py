"""How ``museml classify`` does with 100,000 spectra: rate, memory, and going on after a kill.

Run from anywhere: ``python benchmarks/bench_scale.py [--spectra 100000] [--files 5000] [--classifier redshift]``.
The spectra are a few hundred simulated ones, written again and again; one in a thousand has no valid pixel. They are in
one file of two-dimensional images, or in a folder of MPDAF files. ``--classifier none`` measures reading and writing
alone. The stored results are in README.md beside this file.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.io import fits
from mpdaf.obj import Spectrum, WaveCoord

from museml import Classifier, Redshifts
from museml.simulation.spectra import simulate_spectra

DISTINCT = 256
BAD = 1000  # one in so many
MIB = 2**20


class NoClassifier(Classifier):
    """Answers without looking."""

    name = "none"

    def predict(self, batch):
        """Return 'unknown' for each row."""
        return Redshifts.from_columns({"id": list(batch.ids), "class": ["unknown"] * len(batch), "flags": batch.flags})


def write_stack(path, number, batch):
    """Write so many spectra into one file of images DATA and STAT, as a stream."""
    axis = {"CTYPE1": "AWAV", "CUNIT1": "Angstrom", "CRPIX1": 1.0, "CRVAL1": batch.axis[0].value, "CDELT1": 1.25}
    for name, values in (("DATA", batch.values), ("STAT", batch.errors**2)):
        header = fits.Header({"XTENSION": "IMAGE", "BITPIX": -32, "NAXIS": 2, "NAXIS1": values.shape[1],
                              "NAXIS2": number, "PCOUNT": 0, "GCOUNT": 1, "EXTNAME": name, **axis})  # fmt: skip
        with fits.StreamingHDU(str(path), header) as hdu:
            for start in range(0, number, DISTINCT):
                rows = values[: number - start].copy()
                rows[np.arange(start, start + len(rows)) % BAD == BAD - 1] = np.nan
                hdu.write(rows.astype(">f4"))


def write_folder(folder, number, batch):
    """Write so many files with one spectrum each."""
    folder.mkdir()
    axis = WaveCoord(crval=batch.axis[0].value, cdelt=1.25, ctype="AWAV", cunit=u.Angstrom, shape=batch.values.shape[1])
    for i in range(number):
        row = i % DISTINCT
        spectrum = Spectrum(data=batch.values[row], var=batch.errors[row] ** 2, wave=axis, unit=batch.unit)
        spectrum.write(str(folder / f"spectrum-{i:06d}.fits"))


def start(data, out, classifier, *options):
    """Start ``museml classify`` in a process of its own."""
    code = "import sys; sys.path.insert(0, sys.argv.pop(1)); from bench_scale import classify; classify(*sys.argv[1:])"
    arguments = [sys.executable, "-W", "ignore", "-c", code, Path(__file__).parent, data, out, classifier, *options]
    return subprocess.Popen([str(argument) for argument in arguments], stdout=subprocess.DEVNULL)


def classify(data, out, classifier, *options):
    """Do what the command does, also for `NoClassifier`."""
    from museml import get_classifier
    from museml.pipeline.spectra_run import classify_to_file

    namer = NoClassifier() if classifier == "none" else get_classifier(classifier)
    classify_to_file(data, out, namer, resume="--resume" in options)


def watch(process, until=lambda seconds: False):
    """Wait for a process, or kill it; return seconds, and its memory at most: its own, and with mapped files, MiB."""
    begin, own, all_of_it = time.perf_counter(), 0, 0
    while process.poll() is None:
        own, all_of_it = max(own, _memory(process.pid, "RssAnon")), max(all_of_it, _memory(process.pid, "VmRSS"))
        if until(time.perf_counter() - begin):
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
        time.sleep(0.05)
    return time.perf_counter() - begin, own / 1024, all_of_it / 1024


def _memory(pid, name):
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(name)), 0)


def measure(data, number, classifier, folder):
    """Print rate and memory for so many spectra."""
    out = folder / "z.fits"
    seconds, own, all_of_it = watch(start(data, out, classifier))
    with fits.open(out) as hdus:
        rows, bad = len(hdus[1].data), int(np.count_nonzero(hdus[1].data["flags"] & 2))
    cells = (classifier, data.name, f"{rows} of {number}, {bad} flagged", f"{seconds:.0f} s, {rows / seconds:.0f} /s")
    print(f"| {' | '.join(cells)} | {own:.0f} MiB | {all_of_it:.0f} MiB |", flush=True)
    return seconds


def measure_kill(data, number, classifier, folder, seconds):
    """Kill the work half-way, resume it, and compare the answers."""
    whole, out = folder / "z.fits", folder / "resumed.fits"
    watch(start(data, out, classifier), until=lambda spent: spent > seconds / 2)
    done = len(list(folder.glob("resumed.fits.parts/part-*.fits")))
    spent, *_ = watch(start(data, out, classifier, "--resume"))
    same = fits.FITSDiff(whole, out, rtol=1e-5, numdiffs=0).identical
    print(f"killed with {done} parts written, resumed in {spent:.0f} s, the same table: {same}", flush=True)


def main():
    """Print a row of a table per case."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--spectra", type=int, default=100_000)
    parser.add_argument("--files", type=int, default=5000)
    parser.add_argument("--classifier", default="none")
    options = parser.parse_args()
    batch, _ = simulate_spectra(DISTINCT, seed=1)
    print("| classifier | spectra | rows | time | own memory | with mapped files |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number in (options.spectra // 10, options.spectra):
            write_stack(folder / f"{number}.fits", number, batch)
            seconds = measure(folder / f"{number}.fits", number, options.classifier, folder)
        measure_kill(folder / f"{number}.fits", number, options.classifier, folder, seconds)
        if options.files:
            write_folder(folder / "files", options.files, batch)
            measure(folder / "files", options.files, options.classifier, folder)


if __name__ == "__main__":
    main()

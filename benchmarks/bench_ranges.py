"""Redshifts from short ranges of wavelength: are they as probable as the classifier ``redshift`` says.

Run from anywhere: ``OMP_NUM_THREADS=1 python benchmarks/bench_ranges.py``; it takes minutes of one core. Spectra are
simulated and seen through windows of so many channels of MUSE, at random places. Two mixes: that of the training, drawn
for the window and as bright there as spectra of the whole range are; and that of a deep field, as bright as on the sky
and with redshifts that do not know of the window, of which those count that stand out in it. The tables are written
into ``results/`` beside this file.
"""

import argparse
import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
from astropy.stats import mad_std
from astropy.table import vstack
from scipy.ndimage import gaussian_filter1d

import museml
from museml.classifiers.modes import RIGHT
from museml.errors import PredictionFlag
from museml.simulation.spectra import MUSE, SURVEY, Instrument, simulate_spectra
from museml.training.metrics import calibration_error, rate

RESULTS = Path(__file__).parent / "results"
CHANNELS = (600, 1200, 2400, 3681)
SNR, BLENDS, SURE = (5.0, 200.0), 0.1, 0.9
#: standard deviation of the filter for lines, channels; what stands out: S/N of a line, or of the continuum per channel
WIDTH, LINE, CONTINUUM = 1.2, 6.0, 1.5


def training(channels, number, places, seed):
    """Yield spectra of the mix of the training, and their truth, for windows at random places."""
    rng = np.random.default_rng((seed, channels))
    for place in range(places):
        first = rng.integers(len(MUSE) - channels + 1)
        window = Instrument(f"{channels} channels", MUSE.wave[first : first + channels], MUSE.medium, MUSE.fwhm)
        yield simulate_spectra(number, (seed, channels, place), instrument=window, snr=SNR, blends=BLENDS)


def deep_field(channels, number, places, seed):
    """Yield spectra of a deep field that stand out in windows at random places, and their truth."""
    options = {"kinds": SURVEY, "snr": None, "exposure_hours": (1.0, 30.0), "blends": BLENDS}
    batch, truth = simulate_spectra(2 * number, (seed, 0), **options)
    rng = np.random.default_rng((seed, channels, 1))
    for _ in range(places):
        window = _cut(batch, slice(first := rng.integers(len(MUSE) - channels + 1), first + channels))
        rows = np.flatnonzero(_stands_out(window))
        yield _rows(window, rows), truth[rows]


def _cut(batch, part):
    arrays = {name: getattr(batch, name)[:, part] for name in ("values", "errors", "mask")}
    return replace(batch, **arrays, axis=batch.axis[part])


def _rows(batch, rows):
    arrays = {name: getattr(batch, name)[rows] for name in ("values", "errors", "mask", "flags")}
    return replace(batch, **arrays, ids=tuple(np.array(batch.ids)[rows]), lines=None)


def _stands_out(batch):
    """Say in which spectra a line or the continuum can be seen, by a filter and without a classifier."""
    good = ~batch.mask & (batch.errors > 0)
    errors = np.where(good, batch.errors, 1)
    level = np.median(batch.values, axis=1, keepdims=True)
    weight = good / errors**2
    signal, power = (gaussian_filter1d(part, WIDTH, axis=1) for part in (weight * (batch.values - level), weight))
    snr = np.divide(signal, np.sqrt(power), out=np.zeros_like(signal), where=power > 0)
    snr /= np.maximum(mad_std(snr, axis=1), 0.1)[:, None]
    continuum = np.median(np.where(good, batch.values / errors, 0), axis=1)
    return (snr.max(axis=1) > LINE) | (continuum > CONTINUUM)


MIXES = {"training": training, "deep field": deep_field}


def scored(mix, channels, number, places, seed):
    """Return a row of the table."""
    batches, truths = zip(*MIXES[mix](channels, number, places, seed), strict=True)
    answers = vstack([museml.classify(batch, "redshift") for batch in batches], metadata_conflicts="silent")
    right, p = _right(answers, vstack(list(truths))), np.ma.filled(answers["p"], 0)
    single = (np.asarray(answers["flags"]) & PredictionFlag.SINGLE_LINE) > 0
    row = {"mix": mix, "channels": channels} | _scores(right, p)
    row |= {f"single_{name}": value for name, value in _scores(right[single], p[single]).items()}
    print(row, flush=True)
    return row


def _right(answers, truth):
    """Say which redshifts are those of the object, or in a blend of either."""
    z, *true = (np.ma.filled(np.ma.asarray(part, float), np.nan) for part in (answers["z"], truth["z"], truth["z_2"]))
    near = [np.abs(np.log1p(z) - np.log1p(other)) < RIGHT for other in true]
    return near[0] | (near[1] & np.asarray(truth["blend"]))


def _scores(right, p):
    sure = p > SURE
    pure = rate("", int(right[sure].sum()), int(sure.sum()))
    return {
        "n": len(p), "right": right.mean(), "mean_p": p.mean(), "calibration_error": calibration_error(right, p),
        "sure": int(sure.sum()), "pure": pure["value"], "pure_low": pure["low"], "pure_high": pure["high"],
    }  # fmt: skip


def readable(row):
    """Return a row as the documentation shows it."""
    shown = {"mix": row["mix"], "channels": row["channels"]}
    for prefix, name in (("", "all"), ("single_", "single lines")):
        pure = " to ".join(f"{100 * row[f'{prefix}pure_{end}']:.1f}" for end in ("low", "high"))
        shown |= {
            f"{name}: n": row[f"{prefix}n"],
            f"{name}: right / mean p": f"{row[f'{prefix}right']:.2f} / {row[f'{prefix}mean_p']:.2f}",
            f"{name}: calibration error": f"{row[f'{prefix}calibration_error']:.3f}",
            f"{name}: right at p > 0.9, %": f"{100 * row[f'{prefix}pure']:.1f} ({pure}) of {row[f'{prefix}sure']}",
        }
    return shown


def write(rows, name, folder):
    """Write rows as CSV."""
    with open(folder / f"{name}.csv", "w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        table.writeheader()
        table.writerows(rows)


def main():
    """Compare probabilities with what is right, for each mix and length of the range."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--number", type=int, default=250, help="spectra in a window; twice as many of a deep field")
    parser.add_argument("--places", type=int, default=8, help="windows of each length")
    parser.add_argument("--seed", type=int, default=740_000)
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for tables")
    options = parser.parse_args()
    of_all = options.number, options.places, options.seed
    rows = [scored(mix, channels, *of_all) for mix in MIXES for channels in CHANNELS]
    rounded = [{k: f"{v:.4f}" if isinstance(v, float) else v for k, v in row.items()} for row in rows]
    write(rounded, "ranges", options.results)
    write([readable(row) for row in rows], "ranges_table", options.results)


if __name__ == "__main__":
    main()

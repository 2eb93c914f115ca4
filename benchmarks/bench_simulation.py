"""Do simulated spectra look like real ones? Pictures and numbers for the documentation.

Run from anywhere: ``MUSEML_DATA=... python benchmarks/bench_simulation.py [--objects 12000]``. It compares
simulations with the development spectra of MUSE, with the catalogue of the UDF-10 and with the measured noise curve,
all in the folder MUSEML_DATA; without it there is nothing to compare with. The pictures go into ``docs/images``, the
numbers into ``results/simulation.csv`` beside this file.
"""

import argparse
import os
from pathlib import Path

import matplotlib as mpl
import numpy as np
from astropy.table import Table
from redshift_scores import RESULTS, write
from redshift_sets import muse
from scipy.ndimage import gaussian_filter1d, median_filter
from scipy.stats import ks_2samp

from museml.classifiers.line_fit import identify_lines
from museml.simulation.spectra import MUSE, Conditions, draw_objects, observe
from museml.simulation.spectra.observation import noise_shape
from museml.simulation.spectra.significance import CONTINUUM_WEIGHT, continuum_snr, line_snr

IMAGES = Path(__file__).parent.parent / "docs" / "images"
SEED, HOURS = 750_000, 31.0
#: TYPE of the catalogue -> kinds of the simulator
KINDS = {1: ("star_forming",), 2: ("star_forming",), 3: ("passive", "lbg"), 4: ("star_forming", "lbg"), 6: ("lya",)}
#: types of the labels -> kinds of the simulator
LABELS = {"EM": ("star_forming",), "Passive": ("passive",), "CIII": ("star_forming", "lbg"), "LyA": ("lya",)}
NEAR, TWINS = 0.05, 4  # in redshift, relative to 1+z; simulated objects for each real one
#: bands as rectangles, as far as MUSE reaches: Angstrom
BANDS = {"F606W": (4760, 7150), "F775W": (6900, 8600), "F850LP": (8300, 9340)}
COLOURS = (("F606W", "F775W"), ("F775W", "F850LP"))
#: lines nearer than this in ln(wavelength) count as one
DOUBLET = 2e-3
#: lines above this S/N are in the catalogue whatever they are
DETECTED = 20.0
#: noise is looked at where the continuum per channel is fainter than this S/N
FAINT = 1.5
LAGS = 10
SMOOTH = 101
REAL, SIMULATED = "#c44e52", "#4c72b0"


class Simulated:
    """Many simulated objects as bright as on the sky, observed for as long as the UDF-10."""

    def __init__(self, number):
        rng = np.random.default_rng(SEED)
        kinds = sorted({kind for group in (*KINDS.values(), *LABELS.values()) for kind in group})
        objects = draw_objects(number, rng, kinds, MUSE)
        hours = np.full(number, HOURS)
        amplitude = objects.scale * np.sqrt(HOURS) / MUSE.hour
        seen = observe(objects.flux, rng, MUSE, Conditions(exposure_hours=(HOURS, HOURS)), amplitude, hours)
        self.objects = objects
        self.z, self.kind = np.ma.filled(objects.truth["z"], np.nan), np.asarray(objects.truth["kind"])
        self.values, self.errors, self.mask = seen.values, seen.errors, seen.mask
        emission = amplitude[:, None] * objects.emission
        continuum = amplitude[:, None] * (objects.flux - objects.emission)
        self.line = line_snr(emission, seen.sigma, MUSE)
        self.continuum = continuum_snr(continuum, seen.sigma, self.z, MUSE)
        self.fwhm = _fwhm(objects.emission)
        self.magnitudes = {name: _magnitude(objects.flux, band) for name, band in BANDS.items()}

    def colour(self, first, second):
        """Return a colour of all."""
        return self.magnitudes[first] - self.magnitudes[second]

    def like(self, kinds, z, number, rng):
        """Return rows of the kinds near a redshift."""
        near = np.isin(self.kind, kinds) & (np.abs(self.z - z) < NEAR * (1 + z))
        rows = np.flatnonzero(near)
        return rng.choice(rows, number) if len(rows) else rows


def _magnitude(flux, band):
    """Return AB magnitudes up to a constant, from flux densities per wavelength."""
    inside = (MUSE.wave > band[0]) & (MUSE.wave < band[1])
    wave = MUSE.wave[inside]
    with np.errstate(invalid="ignore", divide="ignore"):
        return -2.5 * np.log10((flux[:, inside] @ wave) / np.sum(1 / wave))


def _colour(flux, first, second):
    return (_magnitude(flux, BANDS[first]) - _magnitude(flux, BANDS[second]))[0]


def _fwhm(emission):
    """Return the width of the brightest line at half its peak, Angstrom."""
    peak = emission.argmax(axis=1)
    around = np.clip(peak[:, None] + np.arange(-20, 21), 0, emission.shape[1] - 1)
    profile = np.take_along_axis(emission, around, 1)
    low, high = np.sort([profile[:, :-1], profile[:, 1:]], axis=0)
    half = 0.5 * profile.max(axis=1, keepdims=True)
    above = np.clip((high - half) / np.maximum(high - low, 1e-30), 0, 1)  # part of each step that is above
    return np.diff(MUSE.wave)[0] * above.sum(axis=1)


def catalogue():
    """Return the sources of the UDF-10 with trusted redshifts and known types."""
    table = Table.read(Path(os.environ["MUSEML_DATA"], "muse", "udf10_catalogue_v030.fits.gz"))
    return table[(table["CONFID"] > 1) & np.isin(table["TYPE"], list(KINDS))]


def twins(simulated, table):
    """Return simulated rows of the kinds and redshifts of the catalogue."""
    rng = np.random.default_rng(SEED)
    pairs = zip(table["TYPE"], table["Z_MUSE"], strict=True)
    return np.concatenate([simulated.like(KINDS[kind], z, TWINS, rng) for kind, z in pairs])


def best_line(table):
    """Return the S/N of the brightest line of each source."""
    columns = [name for name in table.colnames if name.endswith("_SNR")]
    return np.nanmax([np.ma.filled(np.ma.asarray(table[name], float), np.nan) for name in columns], axis=0)


def colour(table, first, second):
    """Return a colour of the catalogue; NaN where it is not measured."""
    parts = [np.ma.filled(np.ma.asarray(table[f"HST_{name}"], float), np.nan) for name in (first, second)]
    errors = [np.ma.filled(np.ma.asarray(table[f"HST_{name}_ERR"], float), np.nan) for name in (first, second)]
    known = np.all([(error > 0) & (error < 0.3) for error in errors], axis=0)
    return np.where(known, parts[0] - parts[1], np.nan)


def autocorrelation(values, errors, mask):
    """Return the correlation of the noise at lags of 1 and more channels, a row per spectrum."""
    rows = []
    for flux, error, bad in zip(values, errors, mask, strict=True):
        residual = np.where(bad, 0, (flux - median_filter(flux, SMOOTH)) / np.where(bad, 1, error))
        scale = 1.4826 * np.median(np.abs(residual[~bad]))
        kept = np.where(np.abs(residual) < 3.5 * scale, residual, 0)
        rows.append([np.mean(kept[:-lag] * kept[lag:]) / np.mean(kept**2) for lag in range(1, LAGS + 1)])
    return np.array(rows)


def error_ratio(values, errors, mask):
    """Return true over reported errors, from differences of channels that are two apart."""
    pulls = np.where(mask, np.nan, (values - np.roll(values, 2, 1)) / np.where(mask, 1, np.sqrt(2) * errors))
    return 1.4826 * np.nanmedian(np.abs(pulls), axis=1)


def real_noise(labelled):
    """Return values, errors and masks of the development spectra with a faint continuum on MUSE's own axis."""
    pairs = zip(labelled.batches, labelled.truth["snr_cont"], strict=True)
    batches = [batch for batch, snr in pairs if batch.values.shape[1] == len(MUSE) and snr < FAINT]
    return tuple(np.concatenate([getattr(b, name) for b in batches]) for name in ("values", "errors", "mask"))


def simulated_noise(simulated, number=300):
    """Return values, errors and masks of simulated spectra with a faint continuum."""
    rows = np.flatnonzero(simulated.continuum < FAINT)[:number]
    return simulated.values[rows], simulated.errors[rows], simulated.mask[rows]


def compare(name, real, simulated):
    """Return the row of a quantity: medians, the middle 80 %, and the test of Kolmogorov and Smirnov."""
    real, simulated = (np.asarray(part, float)[np.isfinite(part)] for part in (real, simulated))
    test = ks_2samp(real, simulated)
    cells = {"quantity": name, "n_real": len(real), "n_simulated": len(simulated)}
    for word, part in (("real", real), ("simulated", simulated)):
        low, middle, high = np.percentile(part, (10, 50, 90))
        cells |= {f"{word}_10": low, f"{word}_median": middle, f"{word}_90": high}
    return cells | {"ks": test.statistic, "chance": test.pvalue}


def distributions(simulated, labelled, table):
    """Return all quantities that are compared: name -> real and simulated values."""
    rows, noise = twins(simulated, table), real_noise(labelled)
    sky = simulated_noise(simulated)
    lya = np.isin(simulated.kind[rows], "lya") & (simulated.line[rows] > DETECTED)
    line = best_line(table)
    found = {
        "line S/N": (line[line > DETECTED], simulated.line[rows][simulated.line[rows] > DETECTED]),
        "FWHM of Lya (A)": (
            np.ma.filled(table["LYALPHA_FWHM_OBS"], np.nan)[table["TYPE"] == 6],
            simulated.fwhm[rows][lya],
        ),
        "noise correlation at lag 1": (autocorrelation(*noise)[:, 0], autocorrelation(*sky)[:, 0]),
        "true over reported error": (error_ratio(*noise), error_ratio(*sky)),
    }
    for first, second in COLOURS:
        found[f"{first} - {second}"] = (colour(table, first, second), simulated.colour(first, second)[rows])
    return found


def draw_distributions(simulated, labelled, table):
    """Return the picture of the distributions."""
    found, rows = distributions(simulated, labelled, table), twins(simulated, table)
    figure, axes = _figure(2, 3, (11, 6))
    _histogram(axes[0, 0], *(np.log10(part) for part in found["line S/N"]), "log S/N of the brightest line")
    for axis, name in zip(axes[0, 1:], ("F606W - F775W", "F775W - F850LP"), strict=True):
        axis.scatter(simulated.z[rows], found[name][1], s=3, color=SIMULATED, alpha=0.4, label="simulated")
        axis.scatter(table["Z_MUSE"], found[name][0], s=7, color=REAL, label="UDF-10")
        axis.set(xlabel="z", ylabel=f"{name} (AB)", ylim=(-1.5, 3.5))
    _histogram(axes[1, 0], *found["FWHM of Lya (A)"], "FWHM of Lyα (Å)", edges=np.linspace(2, 16, 15))
    _draw_autocorrelation(axes[1, 1], simulated, labelled)
    _draw_noise(axes[1, 2])
    axes[0, 1].legend(fontsize=8, loc="upper right")
    return figure


def _figure(rows, columns, size, **options):
    from matplotlib import pyplot as plt

    return plt.subplots(rows, columns, figsize=size, layout="constrained", squeeze=False, **options)


def _histogram(axis, real, simulated, label, edges=15):
    edges = np.histogram_bin_edges(np.concatenate([real[np.isfinite(real)], simulated[np.isfinite(simulated)]]), edges)
    axis.hist(simulated, edges, density=True, color=SIMULATED, alpha=0.5, label="simulated")
    axis.hist(real, edges, density=True, color=REAL, histtype="step", lw=1.5, label="UDF-10")
    axis.set(xlabel=label, yticks=[])


def _draw_autocorrelation(axis, simulated, labelled):
    lags = np.arange(1, LAGS + 1)
    rows = autocorrelation(*simulated_noise(simulated))
    low, middle, high = np.percentile(rows, (10, 50, 90), axis=0)
    axis.fill_between(lags, low, high, color=SIMULATED, alpha=0.3, lw=0, label="simulated, middle 80 %")
    axis.plot(lags, middle, color=SIMULATED)
    axis.plot(lags, autocorrelation(*real_noise(labelled)).T, color=REAL, lw=0.8)
    axis.set(xlabel="lag (channels)", ylabel="correlation of the noise")


def _draw_noise(axis):
    measured = np.load(Path(os.environ["MUSEML_DATA"], "muse", "noise_shape_udf10.npz"))
    rng = np.random.default_rng(SEED)
    curves = MUSE.noise(*noise_shape(rng, np.full(50, HOURS), Conditions().noise_scatter))
    axis.plot(measured["wave_air"], measured["sigma_rel"], color=REAL, lw=0.6)
    axis.plot(MUSE.wave, np.median(curves, axis=0), color=SIMULATED, lw=0.4)
    axis.set(xlabel="wavelength (Å)", ylabel="noise over its median", yscale="log")


def draw_pairs(simulated, labelled):
    """Return the picture of real spectra and of the simulated ones that are most like them in kind, z and S/N."""
    rows = [i for i, row in enumerate(labelled.truth) if row["kind"] in LABELS and row["confidence"] > 1]
    rows = [i for i in rows if labelled.batches[i].values.shape[1] == len(MUSE)]
    figure, axes = _figure(len(rows), 2, (11, 1.5 * len(rows)), sharex=True)
    for (left, right), i in zip(axes, rows, strict=True):
        batch, truth = labelled.batches[i], labelled.truth[i]
        _panel(left, batch.values[0], batch.mask[0], f"{truth['id']}, z = {truth['z']:.3f}", REAL)
        match, values, mask = _twin(simulated, batch, truth)
        title = f"simulated {simulated.kind[match].replace('_', ' ')}, z = {simulated.z[match]:.3f}"
        _panel(right, values, mask, title, SIMULATED)
    for axis in axes[-1]:
        axis.set_xlabel("wavelength in air (Å)")
    return figure


def _twin(simulated, batch, truth):
    """Return the simulated object most like a real one, observed at the same significance."""
    lines = identify_lines(batch, float(truth["z"]))
    line = _strongest(lines)
    share = np.maximum(simulated.line, 0.1) / np.maximum(simulated.continuum, 0.01)
    distance = 20 * np.abs(np.log1p(simulated.z) - np.log1p(truth["z"]))
    distance += np.abs(np.log(share / (line / max(truth["snr_cont"], 0.1))))
    if truth["snr_cont"] > FAINT:
        distance += sum(np.abs(simulated.colour(*pair) - _colour(batch.values, *pair)) for pair in COLOURS)
    match = int(np.nanargmin(np.where(np.isin(simulated.kind, LABELS[truth["kind"]]), distance, np.inf)))
    conditions = Conditions(cropped=0.0, gaps=0.0, notch=0.0, exposure_hours=(HOURS, HOURS))
    amplitude = np.array([np.hypot(line, CONTINUUM_WEIGHT * truth["snr_cont"])])
    rng = np.random.default_rng(SEED + match)
    seen = observe(simulated.objects.flux[match : match + 1], rng, MUSE, conditions, amplitude)
    return match, seen.values[0], seen.mask[0]


def _strongest(lines):
    """Return the S/N of the strongest line, a doublet in one; 1 without lines."""
    if not len(lines):
        return 1.0
    snr, wave = np.asarray(lines["FLUX"] / lines["FLUX_ERR"], float), np.log(lines["LBDA_OBS"])
    return float(max(np.sqrt(np.sum(snr[np.abs(wave - at) < DOUBLET] ** 2)) for at in wave))


def _panel(axis, values, mask, title, color):
    flux = gaussian_filter1d(np.where(mask, 0, values), 1.5)
    low, high = np.percentile(flux, (0.5, 99.8))
    axis.plot(MUSE.wave, flux, color=color, lw=0.5)
    axis.set(ylim=(min(low, 0) - 0.1 * high, 1.3 * high), yticks=[], xlim=(MUSE.wave[0], MUSE.wave[-1]))
    axis.text(0.01, 0.93, title, transform=axis.transAxes, va="top", fontsize=8)


def main():
    """Draw the pictures and write the numbers."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--objects", type=int, default=12_000)
    options = parser.parse_args()
    mpl.use("Agg")
    labelled = muse()
    if labelled is None:
        raise SystemExit("MUSEML_DATA must name the folder of the development data; there is nothing to compare with")
    simulated, table = Simulated(options.objects), catalogue()
    draw_pairs(simulated, labelled).savefig(IMAGES / "simulated_and_real.png", dpi=80)
    draw_distributions(simulated, labelled, table).savefig(IMAGES / "simulated_distributions.png", dpi=80)
    found = distributions(simulated, labelled, table)
    write((compare(name, *parts) for name, parts in found.items()), RESULTS / "simulation.csv")
    print(Table.read(RESULTS / "simulation.csv"))


if __name__ == "__main__":
    main()

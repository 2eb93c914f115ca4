"""Draw the picture of simulated spectra in the user guide: ``python docs/images/simulated_spectra.py``."""

from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt
from scipy.ndimage import gaussian_filter1d

from museml.simulation.spectra import KINDS, simulate_spectra

SIGNIFICANCE = (100.0, 15.0)


def draw():
    """Return the figure: a row for each kind, bright on the left, faint on the right."""
    figure, axes = plt.subplots(len(KINDS), 2, figsize=(11, 1.5 * len(KINDS)), sharex=True, layout="constrained")
    for column, snr in zip(axes.T, SIGNIFICANCE, strict=True):
        for number, (axis, kind) in enumerate(zip(column, KINDS, strict=True)):
            spectra, truth = simulate_spectra(1, 20 + number, kinds=[kind], snr=(snr, 1.01 * snr), exposure_hours=10.0)
            _panel(axis, spectra, truth[0])
    for axis in axes[-1]:
        axis.set_xlabel("wavelength in air (Å)")
    figure.supylabel("flux density (1e-20 erg / s / cm² / Å)")
    return figure


def _panel(axis, spectra, row):
    values = np.where(spectra.mask[0], np.nan, spectra.values[0])
    wave = spectra.axis.to_value("Angstrom")
    axis.plot(wave, values, color="0.75", lw=0.4)
    axis.plot(wave, gaussian_filter1d(np.nan_to_num(values), 1.5), color="C0", lw=0.6)
    axis.fill_between(wave, -spectra.errors[0], spectra.errors[0], color="C1", alpha=0.3, lw=0)
    low, high = np.nanpercentile(values, (1, 99.7))
    axis.set_ylim(low - 0.1 * (high - low), high + 0.5 * (high - low))
    z = "" if np.ma.is_masked(row["z"]) else f", z = {row['z']:.3f}"
    text = f"{row['kind']}{z}; S/N {row['snr_cont']:.1f} per channel, line {row['snr_line']:.0f}"
    axis.text(0.01, 0.95, text, transform=axis.transAxes, va="top", fontsize=8)


if __name__ == "__main__":
    mpl.use("Agg")
    draw().savefig(Path(__file__).with_suffix(".png"), dpi=75)

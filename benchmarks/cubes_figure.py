"""The picture of bench_cubes.py: completeness of isolated lines beside the theoretical limit."""

from pathlib import Path

import numpy as np
from cubes_scores import BINS, curve, limit
from matplotlib.figure import Figure
from scipy.stats import beta

__all__ = ["draw"]

PICTURE = Path(__file__).parent.parent / "docs" / "images" / "cube_completeness.png"
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#E69F00", "#CC79A7", "#56B4E9", "#9A9A9A")
FALSE = 10


def draw(bench, finders):
    """Draw completeness against S/N at ten false detections in a cube, in white and in correlated noise."""
    figure = Figure(figsize=(8.5, 3.6), layout="constrained")
    for axes, name in zip(figure.subplots(1, 2, sharey=True), ("white", "correlated"), strict=True):
        for finder, colour in zip(finders, COLOURS, strict=True):
            fields = list(bench.kept(name, finder))
            if fields:
                _draw_curve(axes, fields, finder, colour)
        grid = np.linspace(BINS[0], BINS[-1], 200)
        axes.plot(grid, limit(next(iter(bench.fields(name))), grid, FALSE), color="black", lw=1, label="limit")
        axes.set(title=f"{name} noise", xlabel="S/N of the line in a matched filter, from STAT", ylim=(0, 1.02))
        axes.grid(alpha=0.3)
    figure.axes[0].set_ylabel(f"part found at {FALSE} false detections")
    figure.axes[1].legend(*figure.axes[0].get_legend_handles_labels(), frameon=False, fontsize=7)
    figure.savefig(PICTURE, dpi=110)


def _draw_curve(axes, answered, finder, colour):
    pairs = [curve(field, answer, FALSE) for field, answer in answered]
    snr, hit = (np.concatenate(values) for values in zip(*pairs, strict=True))
    number, right = np.histogram(snr, BINS)[0], np.histogram(snr[hit], BINS)[0]
    middle = (BINS[1:] + BINS[:-1]) / 2
    low, high = beta.ppf([[0.16], [0.84]], right + 0.5, number - right + 0.5)  # Jeffreys' interval, 68 %
    share = right / np.maximum(number, 1)
    axes.plot(middle, share, color=colour, marker="o", ms=3, lw=1, label=finder)
    axes.fill_between(middle, low, high, color=colour, alpha=0.15, lw=0)

"""The picture of bench_radio.py: completeness and reliability against S/N."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from radio_scores import score
from scipy.stats import beta

__all__ = ["draw"]

PICTURE = Path(__file__).parent.parent / "docs" / "images" / "radio_completeness.png"
COLOURS = ("#D55E00", "#009E73", "#0072B2", "#CC79A7", "#E69F00", "#56B4E9", "#9A9A9A", "#000000")
BINS = np.array([3.0, 4, 4.5, 5, 5.5, 6, 7, 8, 10, 15, 25, 50])


def draw(bench, finders, fields=("clean", "mild", "strong")):
    """Draw completeness against the true S/N, and reliability against the measured one, for each kind of field."""
    figure = Figure(figsize=(10.5, 5.6), layout="constrained")
    panels = figure.subplots(2, len(fields), sharey="row", sharex=True)
    for column, name in zip(panels.T, fields, strict=True):
        for finder, colour in zip(finders, COLOURS, strict=False):
            scores = [score(field, answer) for field, answer in bench.kept(name, finder) if len(answer)]
            if scores:
                _curve(column[0], [(s.snr, s.found) for s in scores], finder, colour)
                _curve(column[1], [_detected(s) for s in scores], finder, colour)
        column[0].set(title=name, ylim=(0, 1.02), xscale="log")
        column[1].set(xlabel="S/N (true above, measured below)", ylim=(0.3, 1.02))
        column[1].set_xticks([3, 4, 5, 7, 10, 20, 40], labels=["3", "4", "5", "7", "10", "20", "40"], minor=False)
        column[1].minorticks_off()
        for axes in column:
            axes.grid(alpha=0.3)
    panels[0, 0].set_ylabel("completeness")
    panels[1, 0].set_ylabel("reliability")
    panels[0, 0].legend(frameon=False, fontsize=7)
    figure.savefig(PICTURE, dpi=110)


def _detected(result):
    """Return measured S/N and whether real, of the detections that count."""
    rows = np.flatnonzero(np.isin(result.verdict, ("real", "false", "faint")))
    snr = np.asarray(result.detections["peak"] / result.detections["rms"], float)[rows]
    return snr, result.verdict[rows] != "false"


def _curve(axes, pairs, finder, colour):
    snr, hit = (np.concatenate(values) for values in zip(*pairs, strict=True))
    number, right = np.histogram(snr, BINS)[0], np.histogram(snr[hit], BINS)[0]
    known = number > 3
    middle = np.sqrt(BINS[1:] * BINS[:-1])[known]
    number, right = number[known], right[known]
    low, high = beta.ppf([[0.16], [0.84]], right + 0.5, number - right + 0.5)  # Jeffreys' interval, 68 %
    axes.plot(middle, right / number, color=colour, marker="o", ms=2.5, lw=1, label=finder)
    axes.fill_between(middle, low, high, color=colour, alpha=0.12, lw=0)

"""The picture of a score: what part was found and is real, and how well it was measured."""

from itertools import pairwise

import numpy as np
from matplotlib.patches import Circle

from museml.catalogs.sphere import filled, offsets
from museml.plots.figures import COLOURS, new_figure, styled

__all__ = ["plot_catalog_score"]

TICKS = (0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000, 3000, 10000, 100000)
#: columns of which a ratio is drawn -> how the axis is called
RATIOS = {"flux": "flux, measured / true", "major": "major axis, measured / true"}
LEAST = 5  # values that a median is drawn of
POINTS = 20_000  # most points in a panel


@styled
def plot_catalog_score(score, title=""):
    """Draw a score.

    The panels show: completeness against the true and reliability against the measured signal-to-noise ratio; both for
    the list cut at each score; the part that is real against ``p_real``; fluxes and sizes measured and true; offsets of
    the positions. What the tables do not tell is left empty. Bars are intervals of 95 %.

    Parameters
    ----------
    score : `~museml.catalogs.score.Score`
        What came out of a comparison.
    title : str
        What was compared.

    Returns
    -------
    `~matplotlib.figure.Figure`
    """
    figure = new_figure(11, 6.6)
    panels = figure.subplots(2, 3).ravel()
    _draw_rates(panels[0], score)
    _draw_tradeoff(panels[1], score)
    _draw_calibration(panels[2], score.calibration)
    snr, name = _abscissa(score)
    for axes, column in zip(panels[3:], RATIOS, strict=False):
        _draw_ratio(axes, score, column, snr, name)
    _draw_offsets(panels[5], score, snr)
    figure.text(0.06, 0.965, title, fontsize=12, fontweight="bold", va="center")
    figure.subplots_adjust(left=0.06, right=0.99, top=0.93 if title else 0.98, bottom=0.08, wspace=0.25, hspace=0.25)
    return figure


def _draw_rates(axes, score):
    drawn = 0
    for rows, name, colour, marker in (
        (score.by_truth, "completeness", "best", "o"),
        (score.by_detection, "reliability", "second", "s"),
    ):
        rows = rows[rows["n"] > 0]
        if len(rows):
            word = "true S/N" if name == "completeness" else "measured S/N"
            _draw_bars(axes, rows["snr"], rows[name], rows, colour, f"{name} by {word}", marker=marker, lw=0.9)
            drawn += len(rows)
    if score.settings["limit"] is not None:
        axes.axvline(score.settings["limit"], color=COLOURS["raw"], lw=0.8, ls=":", label="limit")
    axes.set(ylim=(-0.03, 1.05), xlabel="S/N", ylabel="part")
    axes.grid(axis="y", lw=0.3)
    _finish(axes, drawn, "no signal-to-noise ratios", logarithmic=True)


def _draw_tradeoff(axes, score):
    """Draw what reliability each completeness costs, and the list as it is."""
    curve = score.curve
    axes.plot(curve["completeness"], curve["reliability"], color=COLOURS["text"], lw=1)
    if score.completeness.number and score.reliability.number:
        place = score.completeness.value, score.reliability.value
        facts = f"all of the list\ncompleteness {place[0]:.3f}\nreliability {place[1]:.3f}\nF1 {score.f1.value:.3f}"
        axes.plot(*place, "o", ms=6, color=COLOURS["second"], label=facts)
    room = 0.06 * max(1 - min([*curve["reliability"], 1.0]), 0.01)
    axes.set(xlim=(0, 1.03), xlabel="completeness", ylabel="reliability")
    axes.set_ylim(top=1 + room)
    _finish(axes, len(curve), "no column 'score'", loc="lower left")


def _draw_calibration(axes, bins):
    bins = bins[bins["n"] > 0]
    if len(bins):
        _draw_bars(axes, bins["p"], bins["real"], bins, "best", None)
        axes.plot([0, 1], [0, 1], color="black", lw=0.5)
    axes.set(xlim=(0, 1.03), ylim=(-0.03, 1.05), xlabel="p_real", ylabel="part that is real")
    _finish(axes, len(bins), "no column 'p_real'")


def _abscissa(score):
    """Return the signal-to-noise ratio of each pair, the measured one if there is no true one, and its name."""
    rows, others = score.compared
    snr = score.snr[others]
    if np.isfinite(snr).any() or "snr" not in score.detections.colnames:
        return snr, "true S/N"
    return filled(score.detections["snr"])[rows], "measured S/N"


def _draw_ratio(axes, score, column, snr, name):
    drawn = 0
    if column in score.detections.colnames and column in score.truth.colnames:
        rows, others = score.compared
        found, true = filled(score.detections[column])[rows], filled(score.truth[column])[others]
        known = np.isfinite(snr) & (snr > 0) & np.isfinite(found) & (true > 0)
        drawn = int(known.sum())
        _draw_medians(axes, snr[known], found[known] / true[known])
    axes.axhline(1, color=COLOURS["text"], lw=0.8)
    axes.set(xlabel=name, ylabel=RATIOS[column], ylim=(0, 2.5))
    _finish(axes, drawn, f"no {column} in both", logarithmic=True)


def _draw_medians(axes, snr, ratio):
    """Draw points, and in bins their median with the range of the middle 68 %."""
    step = -(-len(snr) // POINTS) or 1
    axes.scatter(snr[::step], ratio[::step], s=5, color=COLOURS["raw"], alpha=0.4, lw=0)
    edges = np.unique(np.quantile(snr, np.linspace(0, 1, 9))) if len(snr) >= 2 * LEAST else []
    for low, high in pairwise(edges):
        part = (snr >= low) & (snr <= high)
        if part.sum() >= LEAST:
            below, middle, above = np.percentile(ratio[part], (16, 50, 84))
            bar = [[middle - below], [above - middle]]
            axes.errorbar(np.median(snr[part]), middle, bar, fmt="o", ms=4, capsize=2, color=COLOURS["best"])


def _draw_offsets(axes, score, snr):
    """Draw where detections lie, seen from the truth, the brighter the darker, and the radius of a match."""
    rows, others = (table[part] for table, part in zip((score.detections, score.truth), score.compared, strict=True))
    step = -(-len(rows) // POINTS) or 1
    if len(rows):
        east, north = offsets(rows["ra"], rows["dec"], others["ra"], others["dec"])
        shade = np.log10(np.clip(np.nan_to_num(snr, nan=10.0), 3, 100))
        axes.scatter(east[::step], north[::step], s=7, c=shade[::step], cmap="Blues", vmin=-0.3, vmax=2, lw=0)
        facts = f"median east {np.median(east):+.2g}″\nmedian north {np.median(north):+.2g}″"
        axes.plot(np.median(east), np.median(north), "+", ms=9, mew=1.5, color=COLOURS["second"], label=facts)
    radius = score.settings["radius"]
    axes.add_patch(Circle((0, 0), radius, fill=False, color=COLOURS["raw"], lw=0.8, ls=":"))
    limits = (-1.1 * radius, 1.1 * radius)
    axes.set(
        xlim=limits[::-1], ylim=limits, aspect="equal", xlabel="offset east (arcsec)", ylabel="offset north (arcsec)"
    )
    for line in (axes.axhline, axes.axvline):
        line(0, color="black", lw=0.4)
    _finish(axes, len(rows), "no match", loc="upper left")


def _draw_bars(axes, x, value, rows, colour, label, marker="o", lw=0):
    value = np.asarray(value, float)
    bars = np.clip([value - rows["low"], rows["high"] - value], 0, None)
    axes.errorbar(
        x, value, bars, color=COLOURS[colour], marker=marker, ms=4, capsize=2, lw=lw, elinewidth=0.9, label=label
    )


def _finish(axes, number, missing, logarithmic=False, **where):
    """Add the legend, a scale of round numbers, or, in an empty panel, what is missing."""
    if not number:
        axes.text(0.5, 0.5, missing, transform=axes.transAxes, ha="center", va="center", color="#777777")
    elif logarithmic:
        axes.set_xscale("log")
        low, high = axes.get_xlim()
        ticks = [tick for tick in TICKS if low <= tick <= high]
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.minorticks_off()
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=7, framealpha=0.8, edgecolor="none", **where)

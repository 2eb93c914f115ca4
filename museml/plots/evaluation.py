"""Figures of an evaluation: confusion of redshifts, success, reliability, offsets, classes, learning curves."""

import numpy as np

from museml.data.line_profiles import C_KMS
from museml.data.linelist import LINES
from museml.plots.figures import COLOURS, new_figure, styled
from museml.training.evaluation import TOLERANCE, UNTOLD, is_right
from museml.training.metrics import calibration_error, rate
from museml.training.scores import BINS, offset_scores, success_in_bins

__all__ = [
    "plot_classes",
    "plot_confusion",
    "plot_depths",
    "plot_learning",
    "plot_offsets",
    "plot_reliability",
    "plot_success",
]

#: lines that are taken for each other: (true, taken for)
SWAPS = (("LYALPHA", "OII3729"), ("OII3729", "LYALPHA"), ("OIII5008", "HALPHA"), ("HALPHA", "OIII5008"))
TICKS = (0, 0.25, 0.5, 1, 1.5, 2, 3, 4, 5, 6)
DEPTH_COLOURS = ("#000000", "#0072B2", "#009E73", "#E69F00", "#D55E00", "#CC79A7")


@styled
def plot_confusion(answers):
    """Draw the redshifts found against those of the labels, on axes even in ln(1+z)."""
    figure = new_figure(6.2, 5.4)
    axes = figure.add_subplot()
    shown = answers[~np.ma.getmaskarray(answers["z_true"]) & ~np.ma.getmaskarray(answers["z"])]
    x, y = (np.log1p(np.asarray(shown[name], float)) for name in ("z_true", "z"))
    top = max(0.5, x.max(initial=0), y.max(initial=0)) * 1.03
    axes.plot([0, top], [0, top], color="black", lw=0.6, zorder=0)
    _draw_swaps(axes, top)
    points = axes.scatter(
        x, y, c=np.ma.filled(shown["p"], 0), s=12, cmap="viridis_r", vmin=0, vmax=1, lw=0.2, edgecolors="white"
    )
    figure.colorbar(points, ax=axes, label="p", pad=0.02)
    ticks = [tick for tick in TICKS if np.log1p(tick) < top]
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_ticks(np.log1p(ticks), [f"{tick:g}" for tick in ticks])
    axes.set(xlim=(-0.02, top), ylim=(-0.02, top), xlabel="redshift of the label", ylabel="redshift found")
    figure.subplots_adjust(left=0.1, right=1.0, top=0.98, bottom=0.1)
    return figure


@styled
def plot_success(answers):
    """Draw the rate of success against redshift and signal-to-noise ratios, a line for each depth."""
    figure = new_figure(11, 3.4)
    panels = figure.subplots(1, 3, sharey=True)
    depths = np.unique(answers["depth"])
    for axes, column in zip(panels, BINS, strict=True):
        names = []
        for place, depth in enumerate(depths):
            scores = success_in_bins(answers[answers["depth"] == depth], column)
            names += [score["data"] for score in scores if score["data"] not in names]
            _draw_rates(axes, scores, names, DEPTH_COLOURS[place % 6], (place - (len(depths) - 1) / 2) * 0.08, depth)
        word = BINS[column][1]
        names = [name.removeprefix(f"{word} ") for name in names]
        axes.set_xticks(range(len(names)), names, rotation=40, ha="right")
        axes.set(xlabel={"z": "redshift of the label"}.get(word, word), ylim=(-0.03, 1.03))
        axes.grid(axis="y", lw=0.3)
    panels[0].set_ylabel(f"success within {TOLERANCE:g}(1+z)")
    if len(depths) > 1:
        panels[0].legend(title="exposure shorter by", fontsize=7, frameon=False)
    figure.subplots_adjust(left=0.06, right=0.99, top=0.97, bottom=0.29, wspace=0.05)
    return figure


@styled
def plot_depths(answers):
    """Draw success, and purity and completeness at p > 0.9, against the depth."""
    figure = new_figure(4.6, 3.4)
    axes = figure.add_subplot()
    depths = np.unique(answers["depth"])
    for name, colour in (("success", "black"), ("purity", COLOURS["best"]), ("completeness", COLOURS["second"])):
        scores = [_at_depth(answers[answers["depth"] == depth], name) for depth in depths]
        value, low, high = (np.array([score[key] for score in scores]) for key in ("value", "low", "high"))
        label = name if name == "success" else f"{name} at p > 0.9"
        axes.errorbar(
            depths, value, _bars(value, low, high), color=colour, lw=1, marker="o", ms=3.5, capsize=2, label=label
        )
    axes.set(xscale="log", xlabel="exposure made shorter by", ylabel="rate", ylim=(-0.03, 1.03))
    axes.set_xticks(depths, [f"{depth:g}" for depth in depths])
    axes.minorticks_off()
    axes.grid(lw=0.3)
    axes.legend(frameon=False)
    figure.subplots_adjust(left=0.13, right=0.98, top=0.97, bottom=0.14)
    return figure


@styled
def plot_reliability(answers):
    """Draw which part of the answers came true at each probability, and purity against completeness."""
    figure = new_figure(8.4, 3.6)
    left, right = figure.subplots(1, 2)
    given = answers[~np.ma.getmaskarray(answers["z"])]
    hit, p = np.asarray(given["rank"] == 1), np.ma.filled(given["p"], 0.0)
    _draw_reliability(left, hit, p)
    _draw_tradeoff(right, hit, p, max(int(np.sum(~np.ma.getmaskarray(answers["z_true"]))), 1))
    figure.subplots_adjust(left=0.07, right=0.98, top=0.95, bottom=0.14, wspace=0.22)
    return figure


@styled
def plot_offsets(answers):
    """Draw the signed offsets of right redshifts for each type of spectrum."""
    figure = new_figure(7.5, 3.2)
    axes = figure.add_subplot()
    right = answers[is_right(answers) & ~np.ma.getmaskarray(answers["offset"])]
    colours = {"emission": "best", "absorption": "third", "Lya": "second", "QSO": "noise", "star": "text"}
    limit = _limit(right["offset"])
    for score in offset_scores(answers):
        if score["name"] == "median offset":
            kind, colour = score["data"], COLOURS[colours.get(score["data"], "raw")]
            values = np.asarray(right["offset"][right["type"] == kind], float) * C_KMS
            text = f"{kind}: {score['value'] * C_KMS:+.0f} ± {(score['high'] - score['value']) / 1.96 * C_KMS:.0f} km/s"
            axes.hist(values, np.linspace(-limit, limit, 61), histtype="step", color=colour, lw=1.2, label=text)
            axes.axvline(score["value"] * C_KMS, color=colour, lw=0.8, ls="--")
    axes.axvline(0, color="black", lw=0.5)
    axes.set(xlabel="(z - z of the label) / (1 + z)   in km/s", ylabel="spectra", xlim=(-limit, limit))
    _add_legend(axes)
    figure.subplots_adjust(left=0.08, right=0.98, top=0.97, bottom=0.16)
    return figure


@styled
def plot_classes(answers):
    """Draw how often each class was given which name; rows add up to 1."""
    told = answers[answers["class_true"] != UNTOLD]
    rows, columns = (list(np.unique(told[name])) for name in ("class_true", "class"))
    counts = np.array([[np.sum((told["class_true"] == r) & (told["class"] == c)) for c in columns] for r in rows])
    figure = new_figure(1.6 + 0.9 * len(columns), 1.1 + 0.5 * len(rows))
    axes = figure.add_subplot()
    axes.imshow(counts / counts.sum(axis=1, keepdims=True), cmap="Blues", vmin=0, vmax=1.4, aspect="auto")
    for (row, column), count in np.ndenumerate(counts):
        axes.text(column, row, str(count), ha="center", va="center")
    axes.set_xticks(range(len(columns)), columns)
    axes.set_yticks(range(len(rows)), rows)
    axes.set(xlabel="class found", ylabel="class of the label")
    figure.subplots_adjust(left=0.9 / figure.get_figwidth(), right=0.98, top=0.97, bottom=0.5 / figure.get_figheight())
    return figure


@styled
def plot_learning(history):
    """Draw the losses by epoch; the epoch that was kept is marked."""
    figure = new_figure(5.4, 3.2)
    axes = figure.add_subplot()
    for name, label, colour in (("loss", "training", "raw"), ("val_loss", "validation", "best")):
        if history.get(name):
            axes.plot(range(1, len(history[name]) + 1), history[name], marker=".", color=COLOURS[colour], label=label)
    before = history.get("val_loss_before", [np.inf])[0]
    if np.isfinite(before):
        axes.axhline(before, color=COLOURS["best"], lw=0.8, ls=":", label="validation, before")
    if history.get("val_loss") and min(history["val_loss"]) < before:
        axes.axvline(1 + int(np.argmin(history["val_loss"])), color=COLOURS["second"], lw=0.8, ls="--", label="kept")
    axes.set(xlabel="epoch", ylabel="loss")
    axes.locator_params(axis="x", integer=True)
    _add_legend(axes)
    figure.subplots_adjust(left=0.13, right=0.98, top=0.97, bottom=0.15)
    return figure


def _draw_swaps(axes, top):
    """Draw where redshifts lie when one line is taken for another."""
    for true, taken in SWAPS:
        shift = np.log(LINES[true].wave / LINES[taken].wave)
        start, stop = max(0.0, -shift), min(top, top - shift)
        if start < stop:
            axes.plot([start, stop], [start + shift, stop + shift], color=COLOURS["raw"], lw=0.6, ls=":", zorder=0)
            text = f"{LINES[true].label} taken for {LINES[taken].label}"
            place = (stop, stop + shift) if shift < 0 else (start, start + shift)
            axes.annotate(text, place, xytext=(-4, -9) if shift < 0 else (4, 4), textcoords="offset points",
                          fontsize=6, color="#555555", ha="right" if shift < 0 else "left")  # fmt: skip


def _draw_rates(axes, scores, names, colour, shift, depth):
    places = [names.index(score["data"]) + shift for score in scores]
    value, low, high = (np.array([score[key] for score in scores]) for key in ("value", "low", "high"))
    axes.errorbar(
        places, value, _bars(value, low, high), color=colour, lw=0.9, marker="o", ms=3.5, capsize=2, label=f"{depth:g}"
    )


def _add_legend(axes, **where):
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False, **where)


def _bars(value, low, high):
    return np.clip([value - low, high - value], 0, None)


def _at_depth(part, name):
    hit, sure = part["rank"] == 1, np.ma.filled(part["p"], 0.0) > 0.9
    if name == "success":
        return rate(name, int(is_right(part).sum()), len(part))
    total = sure.sum() if name == "purity" else np.sum(~np.ma.getmaskarray(part["z_true"]))
    return rate(name, int(np.sum(hit & sure)), int(total))


def _draw_reliability(axes, hit, p):
    place = np.clip((p * 10).astype(int), 0, 9)
    for i in np.unique(place):
        rows = place == i
        score = rate("", int(hit[rows].sum()), int(rows.sum()))
        value = np.array([score["value"]])
        axes.errorbar(
            [p[rows].mean()], value, _bars(value, score["low"], score["high"]), color=COLOURS["best"], marker="o",
            ms=2 + 1.2 * np.log10(1 + rows.sum()), capsize=2,
        )  # fmt: skip
    axes.plot([0, 1], [0, 1], color="black", lw=0.5)
    axes.set(xlim=(0, 1.02), ylim=(-0.02, 1.02), xlabel="p", ylabel="part that is right")
    axes.set_title(f"calibration error {calibration_error(hit, p):.3f}" if len(p) else "no redshift was given")


def _draw_tradeoff(axes, hit, p, total):
    order = np.argsort(-p, kind="stable")
    right, number = np.cumsum(hit[order]), np.arange(1, len(p) + 1)
    axes.plot(right / total, right / number, color="black", lw=1)
    for threshold, marker in ((0.5, "o"), (0.9, "s"), (0.99, "D")):
        taken = int(np.sum(p > threshold))
        if taken:
            place = right[taken - 1] / total, right[taken - 1] / taken
            axes.plot(*place, marker, ms=5, color=COLOURS["second"], label=f"p > {threshold:g}")
    _add_legend(axes, loc="lower left")
    axes.set(xlim=(0, 1.02), xlabel="completeness", ylabel="purity")


def _limit(offsets):
    """Return the greatest offset to show, km/s."""
    values = np.abs(np.asarray(offsets, float)) * C_KMS
    return float(np.clip(1.2 * np.percentile(values, 95), 50, TOLERANCE * C_KMS)) if len(values) else 300.0

"""The picture of an injection: what part of the objects is found."""

import numpy as np
from scipy.stats import norm

from museml.plots.figures import COLOURS, new_figure, styled

__all__ = ["plot_completeness"]

TICKS = (0.5, 1, 2, 5, 10, 20, 50, 100, 200)
FLUX = r"flux (10$^{-20}$ erg s$^{-1}$ cm$^{-2}$)"


@styled
def plot_completeness(objects, completeness, limits):
    """Draw completeness against S/N, what was found and missed by wavelength, and the ratio of fluxes.

    Parameters
    ----------
    objects, completeness, limits : `~astropy.table.Table`
        The attributes of `museml.injection.Recovery`.

    Returns
    -------
    `~matplotlib.figure.Figure`
    """
    figure = new_figure(9.6, 3.1)
    axes = figure.subplots(1, 3)
    first = completeness[(completeness["wave_low"] == completeness["wave_low"][0])
                         & (completeness["wave_high"] == completeness["wave_high"][0])
                         | np.isnan(completeness["wave_low"])]  # fmt: skip
    _draw_completeness(axes[0], first, limits[0])
    _draw_field(axes[1], objects[objects["confused"] == 0], limits[1:])
    _draw_fluxes(axes[2], objects[objects["recovered"] == 1])
    figure.subplots_adjust(left=0.055, right=0.99, top=0.96, bottom=0.16, wspace=0.26)
    return figure


def _draw_completeness(axes, rows, limit):
    value = np.array(rows["completeness"])
    bars = np.clip([value - rows["low"], rows["high"] - value], 0, None)
    axes.errorbar(rows["snr"], value, bars, color=COLOURS["best"], fmt="o", ms=4, capsize=2)
    if np.isfinite(limit["snr_50"]):
        grid = np.geomspace(rows["snr_low"].min(), rows["snr_high"].max(), 200)
        curve = limit["snr_ceiling"] * norm.cdf(np.log(grid / limit["snr_50"]) / limit["snr_width"])
        axes.plot(grid, curve, color=COLOURS["text"], lw=1)
        axes.axvline(limit["snr_50"], color=COLOURS["raw"], lw=0.8, ls=":")
    axes.set(xlabel="S/N put in", ylabel="part found", ylim=(-0.03, 1.05))
    _scale(axes)


def _draw_field(axes, objects, bands):
    """Draw flux against wavelength, or, where there is none, against S/N."""
    has_wave = not np.all(np.ma.getmaskarray(objects["wave"]))
    along = objects["wave"] if has_wave else objects["snr"]
    for found, colour, marker, name in ((0, "second", "x", "missed"), (1, "best", "o", "found")):
        rows = objects["recovered"] == found
        axes.scatter(along[rows], objects["flux"][rows], s=9, marker=marker, color=COLOURS[colour], lw=0.7, label=name)
    for row in bands if has_wave else ():
        axes.hlines(row["flux_50"], row["wave_low"], row["wave_high"], color=COLOURS["text"], lw=1.5)
    axes.set(xlabel="wavelength (Å)" if has_wave else "S/N put in", ylabel=FLUX, yscale="log")
    axes.legend(frameon=True, fontsize=7, loc="lower left", framealpha=1)


def _draw_fluxes(axes, objects):
    rows = objects[~np.ma.getmaskarray(objects["found_flux"])]
    axes.scatter(rows["snr"], rows["found_flux"] / rows["flux"], s=8, color=COLOURS["best"], alpha=0.6, lw=0)
    axes.axhline(1, color=COLOURS["text"], lw=0.8)
    axes.set(xlabel="S/N put in", ylabel="flux found / flux put in", ylim=(0, 3))
    _scale(axes)


def _scale(axes):
    """Make the first axis logarithmic with plain numbers at its ticks."""
    low, high = axes.get_xlim()
    axes.set_xscale("log")
    ticks = [tick for tick in TICKS if max(low, TICKS[0]) <= tick <= high]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set_xticks([], minor=True)

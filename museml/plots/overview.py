"""The field: white-light image with the sources, coloured by redshift, shaped by class."""

import numpy as np
from matplotlib.colors import Normalize
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

from museml.plots.figures import COLOURS, new_figure, show_image, styled

__all__ = ["plot_overview"]

MARKERS = {"galaxy": "o", "star": "*", "unknown": "s"}
OTHER = "D"
LEAST_SPAN = 0.01  # of the colour scale, in redshift
_HALO = [withStroke(linewidth=2.2, foreground="white")]


@styled
def plot_overview(white, wcs, table, title=""):
    """Draw the field of a cube with its sources.

    Parameters
    ----------
    white : ndarray, shape (y, x)
        White-light image.
    wcs : `~mpdaf.obj.WCS`
        Its coordinates.
    table : `~museml.catalogs.summary.SourceTable` or `~mpdaf.sdetect.Catalog`
        With the columns ID, x, y, class and z.
    title : str
        Name of the field.

    Returns
    -------
    `~matplotlib.figure.Figure`
    """
    height, width = white.shape
    side = 6.4
    figure = new_figure(side + 1.5, side * min(height / width, 1.6) + 0.75)
    axes = figure.add_axes((0.03, 0.03, 0.78, 0.88))
    show_image(axes, white)
    axes.set(xlim=(-0.5, width - 0.5), ylim=(-0.5, height - 0.5))
    colours = _draw_sources(figure, axes, table)
    _draw_scale(axes, wcs, width, height)
    _draw_compass(axes, wcs, width, height)
    _draw_legend(axes, table, colours)
    known = int((~np.ma.getmaskarray(table["z"])).sum())
    axes.set_title(f"{title}    {len(table)} sources, {known} with a redshift", fontsize=10, loc="left")
    return figure


def _draw_sources(figure, axes, table):
    """Draw the sources and the colour scale; return the colour of each class without redshift."""
    z = np.ma.masked_invalid(table["z"])
    scale = _scale(z.compressed())
    colormap = _colormap()
    for row, value in zip(table, z, strict=True):
        colour = "#777777" if np.ma.is_masked(value) else colormap(scale(float(value)))
        marker = MARKERS.get(str(row["class"]), OTHER)
        axes.plot(row["x"], row["y"], marker, ms=12, mfc="none", mec="white", mew=3.2)
        axes.plot(row["x"], row["y"], marker, ms=12, mfc="none", mec=colour, mew=1.8)
        axes.annotate(
            str(row["ID"]), (row["x"], row["y"]), (7, 6), textcoords="offset points", fontsize=8,
            color="black", path_effects=_HALO,
        )  # fmt: skip
    if z.count():
        _draw_colourbar(figure, scale, colormap)
    return colormap


def _scale(values):
    low, high = (values.min(), values.max()) if values.size else (0.0, 1.0)
    missing = max(LEAST_SPAN - (high - low), 0) / 2
    return Normalize(max(low - missing, 0), high + missing)


def _colormap():
    from matplotlib import colormaps

    return colormaps["plasma"].resampled(256)


def _draw_colourbar(figure, scale, colormap):
    from matplotlib.cm import ScalarMappable

    axes = figure.add_axes((0.83, 0.2, 0.022, 0.6))
    figure.colorbar(ScalarMappable(scale, colormap), cax=axes, label="redshift")


def _draw_scale(axes, wcs, width, height):
    """Draw a bar of a round number of arcsec, about a fifth of the field."""
    pixel = float(np.mean(np.abs(wcs.get_step(unit="arcsec"))))
    rounds = [length for length in (0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120) if length <= 0.3 * width * pixel]
    length = rounds[-1] if rounds else pixel
    start, level = 0.05 * width, 0.05 * height
    axes.plot([start, start + length / pixel], [level] * 2, color="black", lw=2.2, path_effects=_HALO)
    axes.text(
        start + length / pixel / 2, level + 0.012 * height, f"{length:g}″", ha="center", va="bottom", fontsize=10,
        path_effects=_HALO,
    )  # fmt: skip


def _draw_compass(axes, wcs, width, height):
    """Draw arrows to north and east."""
    centre = np.array([0.9 * width, 0.07 * height])
    dec, ra = wcs.pix2sky(centre[::-1])[0]
    step = float(np.mean(np.abs(wcs.get_step(unit="deg"))))
    for name, d_dec, d_ra in (("N", step, 0), ("E", 0, step / np.cos(np.radians(dec)))):
        end = wcs.sky2pix((dec + d_dec, ra + d_ra))[0][::-1] - centre
        arrow = 0.09 * min(width, height) * end / np.hypot(*end)
        axes.annotate(
            "", centre + arrow, centre, arrowprops={"arrowstyle": "-|>", "color": "black", "lw": 1.3, "shrinkA": 0}
        )
        axes.text(*(centre + 1.25 * arrow), name, ha="center", va="center", fontsize=9, path_effects=_HALO)


def _draw_legend(axes, table, colormap):
    """Explain the markers of the classes that occur."""
    classes = list(dict.fromkeys(str(name) for name in table["class"]))
    handles = [
        Line2D(
            [], [], ls="", marker=MARKERS.get(name, OTHER), ms=9, mfc="none", mec=COLOURS["text"], mew=1.4, label=name
        )
        for name in classes
    ]
    if handles:
        axes.legend(handles=handles, loc="upper left", fontsize=8, framealpha=0.85, borderpad=0.6)

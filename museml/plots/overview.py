"""The field: white-light image with the sources, coloured by redshift, shaped by class."""

import numpy as np
from matplotlib import colormaps
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.lines import Line2D

from museml.plots.figures import COLOURS, HALO, new_figure, show_image, styled

__all__ = ["plot_overview", "spread"]

SIDE = 6.4  # inches
MARKERS = {"galaxy": "o", "QSO": "^", "star": "*", "nothing": "x", "unknown": "s"}
OTHER = "D"
UNCERTAIN = "#6E6E6E"
LEAST_SPAN = 0.002  # of the colours, in redshift
LENGTHS = (0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120)  # of the scale bar, arcsec
ROUNDS = 200  # of moving numbers apart


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
        With the columns ID, x, y, class, z and p.
    title : str
        Name of the field.

    Returns
    -------
    `~matplotlib.figure.Figure`
    """
    height, width = white.shape
    long = SIDE * min(max(height / width, 0.4), 1.8)
    figure = new_figure(SIDE + 1.9, long + 0.65)
    size = figure.get_size_inches()
    axes = figure.add_axes((0.15 / size[0], 0.15 / size[1], SIDE / size[0], long / size[1]), anchor="SW")
    show_image(axes, white, darkest=0.75)
    axes.set(xlim=(-0.5, width - 0.5), ylim=(-0.5, height - 0.5))
    z = _trusted(table)
    _draw_sources(axes, table, z)
    _draw_numbers(figure, axes, table)
    _draw_scale(axes, wcs)
    _draw_compass(axes, wcs)
    margin = (SIDE + 0.4) / size[0]
    _draw_legend(figure, margin, table, z)
    if z.count():
        bar = figure.add_axes((margin, 0.15 / size[1], 0.16 / size[0], 0.62 * long / size[1]))
        figure.colorbar(ScalarMappable(_scale(z), _colormap()), cax=bar, label="redshift")
    figure.text(0.15 / size[0], 1 - 0.3 / size[1], title, fontsize=12, fontweight="bold", va="center")
    return figure


def _trusted(table):
    """Return the redshifts that are more probably right than wrong; the others are masked."""
    p = np.ma.filled(np.ma.masked_invalid(table["p"]), 0)
    return np.ma.masked_where(p < 0.5, np.ma.masked_invalid(table["z"]))


def _draw_sources(axes, table, z):
    scale, colormap = _scale(z), _colormap()
    for row, value in zip(table, z, strict=True):
        colour = UNCERTAIN if np.ma.is_masked(value) else colormap(scale(float(value)))
        marker = MARKERS.get(str(row["class"]), OTHER)
        axes.plot(row["x"], row["y"], marker, ms=10, mfc="none", mec="white", mew=3.4)
        axes.plot(row["x"], row["y"], marker, ms=10, mfc="none", mec=colour, mew=2)


def _scale(z):
    """Return the range of the colours: that of the redshifts, but never narrower than `LEAST_SPAN`."""
    known = z.compressed()
    low, high = (known.min(), known.max()) if known.size else (0.0, 1.0)
    missing = max(LEAST_SPAN - (high - low), 0) / 2
    return Normalize(low - missing, high + missing)


def _colormap():
    return colormaps["plasma"]


def _draw_numbers(figure, axes, table):
    """Write the numbers of the sources, moved apart where they would lie on one another."""
    if not len(table):
        return
    places = axes.transData.transform(np.column_stack([table["x"], table["y"]]).astype(float))
    points = figure.dpi / 72
    texts = spread(places + np.array([11, 8]) * points, np.array([17, 11]) * points)
    for number, place, text in zip(table["ID"], places, texts, strict=True):
        moved = np.hypot(*(text - place)) > 20 * points
        axes.annotate(
            str(number), place, text, xycoords="figure pixels", textcoords="figure pixels", fontsize=8, ha="center",
            va="center", path_effects=HALO, arrowprops={"arrowstyle": "-", "lw": 0.5} if moved else None,
        )  # fmt: skip


def spread(places, size):
    """Move places apart until each has a box of its own, as far as that is possible in a few rounds.

    Parameters
    ----------
    places : ndarray, shape (n, 2)
        Centres of boxes.
    size : ndarray, shape (2,)
        Width and height of a box.
    """
    places = places + 1e-3 * np.arange(len(places))[:, None]  # no two the same
    for _ in range(ROUNDS):
        apart = places[:, None] - places[None]
        overlap = size - np.abs(apart)
        touching = (overlap > 0).all(axis=2) & ~np.eye(len(places), dtype=bool)
        if not touching.any():
            break
        shorter = overlap == overlap.min(axis=2, keepdims=True)  # the direction in which it is easier
        places = places + (0.3 * overlap * np.sign(apart) * shorter * touching[..., None]).sum(axis=1)
    return places


def _draw_scale(axes, wcs):
    """Draw a bar of a round number of arcsec, about a fifth of the field."""
    width = np.diff(axes.get_xlim())[0] * float(np.mean(np.abs(wcs.get_step(unit="arcsec"))))
    length = max([length for length in LENGTHS if length <= 0.3 * width], default=LENGTHS[0])
    frame = axes.transAxes
    axes.plot([0.05, 0.05 + length / width], [0.045] * 2, color="black", lw=2, transform=frame, path_effects=HALO)
    axes.text(
        0.05 + length / width / 2, 0.055, f"{length:g}″", ha="center", va="bottom", fontsize=10, transform=frame,
        path_effects=HALO,
    )  # fmt: skip


def _draw_compass(axes, wcs):
    """Draw arrows to north and east, in the upper right."""
    limits = np.array([axes.get_xlim(), axes.get_ylim()])
    centre = limits[:, 0] + np.array([0.93, 0.86]) * np.diff(limits).ravel()
    dec, ra = wcs.pix2sky(centre[::-1])[0]
    step = float(np.mean(np.abs(wcs.get_step(unit="deg"))))
    for name, north, east in (("N", step, 0), ("E", 0, step / np.cos(np.radians(dec)))):
        end = wcs.sky2pix((dec + north, ra + east))[0][::-1] - centre
        arrow = 0.075 * np.diff(limits).min() * end / np.hypot(*end)
        axes.annotate(
            "", centre + arrow, centre, arrowprops={"arrowstyle": "-|>", "color": "black", "shrinkA": 0, "shrinkB": 0}
        )
        axes.text(*(centre + 1.35 * arrow), name, ha="center", va="center", fontsize=9, path_effects=HALO)


def _draw_legend(figure, left, table, z):
    """Explain the markers and colours that occur."""
    classes = list(dict.fromkeys(str(name) for name in table["class"]))
    handles = [_handle(MARKERS.get(name, OTHER), COLOURS["text"], name) for name in classes]
    if len(table) > z.count():
        handles.append(_handle("o", UNCERTAIN, "no redshift\nwith p > 0.5"))
    text = f"{len(table)} source{'s' if len(table) != 1 else ''}"
    figure.legend(
        handles=handles, loc="upper left", bbox_to_anchor=(left - 0.015, 0.93), fontsize=8.5, frameon=False,
        title=text, alignment="left", borderaxespad=0, labelspacing=0.8,
    )  # fmt: skip


def _handle(marker, colour, label):
    return Line2D([], [], ls="", marker=marker, ms=9, mfc="none", mec=colour, mew=1.7, label=label)

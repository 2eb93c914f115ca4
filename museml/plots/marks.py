"""Ellipses of catalogues on an image: what is in both of two, what is flagged, what they are called."""

import numpy as np
from astropy.table import Table
from matplotlib.collections import EllipseCollection
from matplotlib.lines import Line2D

from museml.catalogs.match import match_positions
from museml.errors import DetectionFlag
from museml.plots.figures import COLOURS, HALO
from museml.plots.overview import spread

__all__ = ["draw_marks", "rows_shown"]

LEAST = 9.0, 1.2  # points across, so that marks can be seen in wide fields: of few, and of very many
CROWD = 1500  # rows from which on marks become smaller and thinner
NUMBERED = 40  # rows up to which their numbers are written
#: what is drawn in a colour of its own, the gravest first
FLAGS = {
    DetectionFlag.ARTEFACT: ("artefact", "second"),
    DetectionFlag.EDGE: ("edge", "absorption"),
    DetectionFlag.MASKED: ("beside a hole", "absorption"),
    DetectionFlag.BLEND: ("blend", "third"),
    DetectionFlag.FIT_FAILED: ("fit failed", "noise"),
}


def draw_marks(axes, image, window, catalog, reference, radius, names):
    """Draw the rows of one or two catalogues that are in a window.

    Returns
    -------
    list of `~matplotlib.lines.Line2D`
        For a legend.
    """
    shown, other = (None if table is None else rows_shown(table, image, window) for table in (catalog, reference))
    if shown is not None and other is not None:
        groups = _compared(shown, other, _matched(catalog, reference, radius), names)
    else:
        groups = _alone(shown, other, names)
    handles = []
    for rows, label, colour, style in groups:
        _draw_ellipses(axes, image, rows, COLOURS[colour], style)
        handles.append(_handle(COLOURS[colour], style, f"{label}: {len(rows)}"))
    if shown is not None and 0 < len(shown) <= NUMBERED:
        _draw_numbers(axes, shown)
    return handles


def rows_shown(table, image, window):
    """Return the rows whose positions are in the window, with their pixels in the columns _x and _y."""
    ra, dec = (np.ma.filled(np.ma.asarray(table[name], float), np.nan) for name in ("ra", "dec"))
    placed = np.isfinite(ra) & np.isfinite(dec)
    x, y = np.full((2, len(table)), np.nan)
    x[placed], y[placed] = image.sky_to_pixel(ra[placed], dec[placed])
    here = window.holds(x, y)
    rows = Table(table[here], copy=True)
    rows["_row"], rows["_x"], rows["_y"] = np.flatnonzero(here), x[here], y[here]
    return rows


def _matched(catalog, reference, radius):
    """Return the rows of two catalogues that are matched, those outside the window as well."""
    return match_positions(catalog["ra"], catalog["dec"], reference["ra"], reference["dec"], radius)


def _compared(shown, other, pairs, names):
    """Yield rows, what they are, colour and style of their ellipses, for two catalogues."""
    both, known = np.isin(shown["_row"], pairs.rows), np.isin(other["_row"], pairs.others)
    yield other[~known], f"only in {names[1]}", "third", "--"
    yield shown[both], "in both", "best", "-"
    yield shown[~both], f"only in {names[0]}", "second", "-"


def _alone(shown, other, names):
    """Yield the same for one catalogue, or for none."""
    if other is not None:
        yield other, names[1], "third", "--"
    elif shown is not None:
        yield from _by_flag(shown, names[0])


def _by_flag(rows, name):
    flags = np.asarray(rows["flags"]) if "flags" in rows.colnames else np.zeros(len(rows), int)
    left = np.ones(len(rows), bool)
    for flag, (word, colour) in FLAGS.items():
        here = left & (flags & flag > 0)
        if here.any():
            yield rows[here], word, colour, "-"
        left &= ~here
    yield rows[left], name if left.all() else "no flag", "best", "-"


def _draw_ellipses(axes, image, rows, colour, style):
    """Draw the FWHM of each row; what has no size, or too small a one to see, is a circle."""
    if not len(rows):
        return
    crowd = np.sqrt(max(len(rows) / CROWD, 1))
    least = max(LEAST[0] / crowd, LEAST[1]) / 72 / _inches_per_pixel(axes)
    x, y = (np.asarray(rows[name]) for name in ("_x", "_y"))
    major, minor, pa = (_values(rows, name) for name in ("major", "minor", "pa"))
    sizes = np.fmax([major / image.pixel_scale, minor / image.pixel_scale], 0)
    widths, heights = np.where(np.isfinite(sizes).all(axis=0) & (sizes[0] > least), sizes, least)
    angles = 90 + image.pixel_angle(x, y, np.nan_to_num(pa))
    axes.add_collection(
        EllipseCollection(
            widths, heights, angles, units="xy", offsets=np.column_stack([x, y]), offset_transform=axes.transData,
            facecolors="none", edgecolors=colour, linestyles=style, zorder=6,
            linewidths=max(1 / crowd, 0.3),
        )
    )  # fmt: skip


def _inches_per_pixel(axes):
    box = axes.get_position()
    limits = axes.get_xlim()
    return box.width * axes.figure.get_figwidth() / (limits[1] - limits[0])


def _values(rows, name):
    if name not in rows.colnames:
        return np.full(len(rows), np.nan)
    return np.ma.filled(np.ma.asarray(rows[name], float), np.nan)


def _draw_numbers(axes, rows):
    """Write the numbers of the rows beside them, moved apart where they would lie on one another."""
    if "id" not in rows.colnames:
        return
    points = axes.figure.dpi / 72
    places = axes.transData.transform(np.column_stack([rows["_x"], rows["_y"]]))
    size = np.array([5.0 * max(len(str(number)) for number in rows["id"]) + 3, 10]) * points
    frame = axes.get_position().transformed(axes.figure.transFigure)
    texts = spread(places + np.array([9, 9]) * points, size)
    texts = np.clip(texts, frame.min + size / 2, frame.max - size / 2)
    for number, place in zip(rows["id"], texts, strict=True):
        axes.annotate(
            str(number), place, xycoords="figure pixels", fontsize=7.5, ha="center", va="center", path_effects=HALO,
            zorder=7,
        )  # fmt: skip


def _handle(colour, style, label):
    return Line2D([], [], color=colour, ls=style, lw=1.4, label=label)

"""An image on the sky: with its beam, a scale, contours in units of the noise, and catalogues."""

import warnings

import numpy as np
from matplotlib.colors import AsinhNorm
from matplotlib.patches import Ellipse, Rectangle

from museml.catalogs.match import check_columns
from museml.data.images import open_image
from museml.detectors.rms_map import noise_maps
from museml.errors import MusemlWarning, SettingError
from museml.plots.figures import COLOURS, HALO, new_figure, styled
from museml.plots.marks import draw_marks, rows_shown
from museml.plots.window import AROUND, choose_window, read_binned, scatter, typical_noise

__all__ = ["plot_image"]

SIDE = 7.6  # inches
LEFT = 1.0  # inches beside it, for the declinations
PIXELS = 1000  # along a side of the picture, at most
CONTOURED = 400  # pixels along a side up to which contours are drawn without being asked for
LEVELS = (3, 5, 10, 20, 40, 80, 160, 320, 640)
LARGE = 0.2  # part of the picture from which on the beam is drawn as an outline
SURROUNDINGS = 60.0  # beams around a window that its noise is measured in
#: unit of the colour bar -> how many there are in Jy/beam
UNITS = {"Jy/beam": 1.0, "mJy/beam": 1e3, "µJy/beam": 1e6, "nJy/beam": 1e9}
#: lengths of the scale bar, arcsec
LENGTHS = {
    **{length: f"{length:g}″" for length in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30)},
    **{60 * length: f"{length:g}′" for length in (1, 2, 5, 10, 20, 30)},
    **{3600 * length: f"{length:g}°" for length in (1, 2, 5, 10)},
}


@styled
def plot_image(
    image, catalog=None, reference=None, *, at=None, source=None, size=None, contours=None, radius=None, noise=None,
    names=("catalogue", "reference"), title=None,
):  # fmt: skip
    """Draw an image with its beam, and the sources of one or two catalogues.

    Pixels without data are bluish. Images with more pixels than the picture are averaged, a strip at a time.

    Parameters
    ----------
    image : path, HDU, MPDAF Image, NDData or `~museml.data.images.ImageData`
        The image.
    catalog, reference : `~astropy.table.Table`, optional
        With ``ra`` and ``dec`` (degrees); ellipses are drawn where they have ``major``, ``minor`` (FWHM, arcsec) and
        ``pa``. With both, colours tell what is in both and what in one only; without a reference, what is flagged.
    at : (float, float), optional
        Show the surroundings of a position: right ascension and declination, degrees.
    source : int, optional
        Show the surroundings of this ``source`` of the catalogue.
    size : float, optional
        Length of a side of what is shown, arcsec; by default 25 beams, or what holds the source.
    contours : sequence of float, optional
        Levels in units of the local noise; by default 3, 5, 10, 20, ... and -3 where less than 400 pixels are shown.
        None are drawn for an empty one.
    radius : float, optional
        Largest distance of a match between the catalogues, arcsec; by default the beam's major axis.
    noise : `~museml.detectors.rms_map.NoiseMaps`, optional
        Background and noise of the image, if they are known already.
    names : (str, str)
        What the catalogues are called.
    title : str, optional
        By default the name of the image.

    Returns
    -------
    `~matplotlib.figure.Figure`

    Raises
    ------
    SettingError
        If the position or the source is not in the image or the catalogue.
    InputError
        If the image cannot be used, or a catalogue has no positions.
    """
    image = open_image(image)
    for table, name in zip((catalog, reference), names, strict=True):
        if table is not None:
            check_columns(table, ("ra", "dec"), f"catalogue {name!r}")
    at, size = _target(image, catalog, at, source, size)
    window = choose_window(image, at, size, PIXELS)
    values = read_binned(image, window)
    figure, axes, bar = _layout(image, window)
    _draw_values(axes, bar, values, window)
    axes.set(xlim=window.limits[:2], ylim=window.limits[2:])
    levels = _draw_contours(axes, image, window, contours, noise)
    legend = draw_marks(axes, image, window, catalog, reference, radius or image.beam.major, names)
    _draw_beam(axes, image, window)
    _draw_scale(axes, image, window)
    if at is None:
        _warn_of_nothing(image, window, (catalog, reference), names)
    facts = _facts(image.beam, typical_noise(image, window), levels)
    _write_titles(figure, title or image.name, facts, legend)
    return figure


def _warn_of_nothing(image, window, tables, names):
    """Warn of a catalogue none of whose rows lies in the image: it is that of another field."""
    for table, name in zip(tables, names, strict=True):
        if table is not None and len(table) and not len(rows_shown(table, image, window)):
            warnings.warn(f"no row of {len(table)} of {name!r} lies in {image.name!r}", MusemlWarning, stacklevel=3)


def _target(image, catalog, at, source, size):
    """Return centre and size of what is shown; None stands for all of the image."""
    if at is not None or source is None:
        return (at, size) if at is not None or size is None else (_centre(image), size)
    if catalog is None or "source" not in catalog.colnames:
        raise SettingError("a source to show needs a catalogue with the column 'source'; give a position instead")
    rows = catalog[np.asarray(catalog["source"]) == source]
    if not len(rows):
        raise SettingError(f"the catalogue has no source {source}; its column 'source' has the numbers")
    x, y = image.sky_to_pixel(np.asarray(rows["ra"], float), np.asarray(rows["dec"], float))
    centre = image.pixel_to_sky((x.min() + x.max()) / 2, (y.min() + y.max()) / 2)
    span = max(np.ptp(x), np.ptp(y)) * image.pixel_scale
    widest = float(np.max(np.ma.filled(rows["major"], 0))) if "major" in rows.colnames else 0.0
    return tuple(map(float, centre)), size or max(AROUND * image.beam.major, 2 * span + 4 * widest)


def _centre(image):
    height, width = image.shape
    return tuple(map(float, image.pixel_to_sky((width - 1) / 2, (height - 1) / 2)))


def _layout(image, window):
    """Make a figure with axes on the sky and axes for the colour bar."""
    left, right, bottom, top = window.limits
    ratio = (top - bottom) / (right - left)
    width, height = SIDE * min(1, 1 / max(ratio, 0.2)), SIDE * min(1, max(ratio, 0.2))
    total = max(width, 3.5) + LEFT + 0.95, height + 1.2
    figure = new_figure(*total)
    axes = figure.add_axes(
        (LEFT / total[0], 0.55 / total[1], width / total[0], height / total[1]), projection=image.wcs
    )
    axes.set_facecolor("#DCE6F0")
    for coordinate, name in zip(axes.coords, _axis_names(image.wcs), strict=True):
        coordinate.set_axislabel(name, minpad=0.6)
        coordinate.set_ticks(number=5)
        coordinate.set_ticks_position("lbrt")
    bar = figure.add_axes(((LEFT + 0.15 + width) / total[0], 0.55 / total[1], 0.14 / total[0], height / total[1]))
    return figure, axes, bar


def _axis_names(wcs):
    names = {"RA": "right ascension", "DEC": "declination", "GLON": "galactic longitude", "GLAT": "galactic latitude"}
    kinds = [kind.partition("-")[0] for kind in wcs.wcs.ctype]
    return [names.get(kind, kind) for kind in kinds]


def _draw_values(axes, bar, values, window):
    """Draw the pixels as a negative, linear within the noise and logarithmic above, and their colour bar."""
    low, width, high = _range(values[np.isfinite(values)])
    unit = _unit(high)
    norm = AsinhNorm(width * UNITS[unit], low * UNITS[unit], high * UNITS[unit])
    shown = axes.imshow(
        np.ma.masked_invalid(values * UNITS[unit]), cmap="Greys", norm=norm, origin="lower", interpolation="nearest",
        extent=window.extent, aspect="equal",
    )  # fmt: skip
    axes.figure.colorbar(shown, cax=bar, label=unit, extend="both", ticks=_ticks(norm))
    bar.yaxis.set_major_formatter("{x:g}")
    bar.minorticks_off()


def _range(values):
    """Return the lowest value shown, where the scale turns logarithmic, and the highest value shown."""
    if not values.size:
        return -1.0, 1.0, 1.0
    middle, width = float(np.median(values)), scatter(values) or float(np.ptp(values)) / 30 or 1.0
    return middle - 4 * width, 3 * width, max(float(np.percentile(values, 99.9)), middle + 25 * width)


def _unit(top):
    """Return the unit in which a value is a number from 1 to 1000."""
    return next((unit for unit, number in UNITS.items() if top * number >= 1), "nJy/beam")


def _ticks(norm):
    """Return round numbers, far enough apart on the colour bar."""
    steps = [sign * digit * 10.0**power for power in range(-4, 6) for digit in (1, 2, 5) for sign in (-1, 1)]
    kept = [0.0]
    for value in sorted(steps, key=abs):
        if norm.vmin <= value <= norm.vmax and np.min(np.abs(norm(kept) - norm(value))) > 0.06:
            kept.append(value)
    return sorted(kept)


def _draw_contours(axes, image, window, levels, noise):
    """Draw contours of the signal-to-noise ratio, those below 0 dashed, and return the levels that occur."""
    small = max(window.shape) <= CONTOURED and window.factor == 1
    levels = ((-3, *LEVELS) if small else ()) if levels is None else sorted(levels)
    if not len(levels):
        return ()
    if window.factor > 1:
        raise SettingError(f"contours need a part of the image of at most {PIXELS} pixels; show one, or a smaller one")
    snr = np.ma.masked_invalid(_snr(image, window, noise))
    shown = [level for level in levels if snr.count() and snr.min() < level < snr.max()]
    if shown:
        columns, rows = (np.arange(part.start, part.stop) for part in (window.columns, window.rows))
        axes.contour(columns, rows, snr, levels=shown, colors="#7A4B00", linewidths=0.6, alpha=0.8)
    return shown


def _snr(image, window, noise):
    """Return the window in units of the local noise, which is measured in it and its surroundings."""
    values = image.block(window.rows, window.columns)
    if noise is None:
        near, rows, columns = _surroundings(image, window)
        background, rms = noise_maps(near).block(rows, columns)
    else:
        background, rms = noise.block(window.rows, window.columns)
    with np.errstate(divide="ignore", invalid="ignore"):
        return (values - background) / rms


def _surroundings(image, window):
    """Return the part of the image in which the noise of a window is measured, and the window's place in it."""
    left, right, bottom, top = window.limits
    ra, dec = image.pixel_to_sky((left + right) / 2, (bottom + top) / 2)
    sides = np.array(window.shape) * image.pixel_scale + 2 * SURROUNDINGS * image.beam.major
    near = image.cutout(float(ra), float(dec), sides)
    x, y = near.sky_to_pixel(*image.pixel_to_sky(window.columns.start, window.rows.start))
    places = [
        slice(start, start + length) for start, length in zip(np.rint([y, x]).astype(int), window.shape, strict=True)
    ]
    return near, *places


def _draw_beam(axes, image, window):
    """Draw the beam to scale, in a box in the lower left; one that is large is an outline."""
    left, right, bottom, top = window.limits
    beam, shorter = image.beam, min(right - left, top - bottom)
    side, step = max(1.25 * beam.major / image.pixel_scale, 0.03 * shorter), 0.015 * shorter
    x, y = left + step + side / 2, bottom + step + side / 2
    small = side < LARGE * shorter
    if small:
        box = {"facecolor": "white", "edgecolor": "#444444", "lw": 0.6, "zorder": 8}
        axes.add_patch(Rectangle((x - side / 2, y - side / 2), side, side, **box))
    angle = 90 + float(image.pixel_angle(x, y, beam.pa))
    lengths = beam.major / image.pixel_scale, beam.minor / image.pixel_scale
    colour = "#555555" if small else "none"
    axes.add_patch(Ellipse((x, y), *lengths, angle=angle, facecolor=colour, edgecolor="black", lw=0.5, zorder=9))


def _draw_scale(axes, image, window):
    """Draw a bar of a round length, about a fifth of the width, in the lower right."""
    left, right, *_ = window.limits
    width = (right - left) * image.pixel_scale
    length = max([length for length in LENGTHS if length <= 0.25 * width], default=min(LENGTHS))
    ends, frame = (0.96 - length / width, 0.96), axes.transAxes
    axes.plot(ends, (0.035, 0.035), color="black", lw=2, transform=frame, path_effects=HALO, zorder=9)
    axes.text(
        sum(ends) / 2, 0.045, LENGTHS[length], ha="center", va="bottom", fontsize=10, transform=frame,
        path_effects=HALO, zorder=9,
    )  # fmt: skip


def _facts(beam, noise, levels):
    """Say what is to be known about the picture."""
    unit = _unit(noise)
    parts = [
        f"beam {beam.major:.3g}″ × {beam.minor:.3g}″" + (f", PA {beam.pa:.0f}°" if beam.minor < beam.major else "")
    ]
    parts.append(f"noise {noise * UNITS[unit]:.3g} {unit}")
    if len(levels):
        parts.append(f"contours at {', '.join(f'{level:g}' for level in levels)} σ")
    return "     ".join(parts)


def _write_titles(figure, title, facts, legend):
    width, height = figure.get_size_inches()
    left = LEFT / width
    figure.text(left, 1 - 0.2 / height, title, fontsize=12, fontweight="bold", va="center")
    figure.text(left, 1 - 0.4 / height, facts, fontsize=8, color=COLOURS["text"], va="center")
    if legend:
        figure.legend(
            handles=legend, loc="upper right", bbox_to_anchor=(1 - 0.1 / width, 1 - 0.05 / height), fontsize=8,
            frameon=False, ncols=2 if len(legend) > 2 else 1, borderaxespad=0, handletextpad=0.3, columnspacing=1.2,
        )  # fmt: skip

"""What all figures share: style, colours and how they are saved."""

from functools import wraps

import numpy as np
from matplotlib import style
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from museml.output import whole_file

__all__ = ["COLOURS", "HALO", "new_figure", "save_figure", "show_image", "styled"]

#: Okabe & Ito (2008), told apart with any colour vision
COLOURS = {
    "best": "#0072B2",
    "second": "#D55E00",
    "third": "#009E73",
    "raw": "#9A9A9A",
    "noise": "#E69F00",
    "mark": "#D55E00",
    "absorption": "#CC79A7",
    "text": "#222222",
}
#: for text and lines on an image
HALO = [withStroke(linewidth=2.2, foreground="white")]
_STYLE = {
    "font.size": 8.5,
    "font.family": "DejaVu Sans",
    "axes.linewidth": 0.7,
    "axes.edgecolor": "#444444",
    "axes.labelcolor": COLOURS["text"],
    "axes.titlesize": 8.5,
    "xtick.direction": "in",
    "ytick.direction": "in",
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "text.parse_math": True,
    "axes.titley": 1.0,  # else Matplotlib measures all that is above the axes
}
DPI = 120
COMPRESSION = 3  # of 9: half of the time for a tenth more bytes


def styled(function):
    """Draw a figure in museml's style, whatever the user's matplotlib settings are."""

    @wraps(function)
    def draw(*args, **kwargs):
        with style.context(["default", _STYLE]):
            return function(*args, **kwargs)

    return draw


def new_figure(width, height):
    """Return a figure of a size in inches, with a canvas of its own."""
    figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def save_figure(figure, path):
    """Write a figure as PNG; the file appears when it is whole.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    with whole_file(path) as part, style.context(["default", _STYLE]):
        metadata, options = {"Software": "museml"}, {"compress_level": COMPRESSION}
        figure.savefig(part, format="png", metadata=metadata, pil_kwargs=options)


def show_image(axes, image, low=2.0, high=99.7, darkest=1.0):
    """Show an image as a negative, stretched by asinh between two percentiles; masked pixels are bluish.

    ``darkest`` is the grey of the brightest pixel, from 0 to 1 for black.
    """
    values = np.ma.masked_invalid(image)
    known = values.compressed()
    bottom, top = np.percentile(known, [low, high]) if known.size else (0.0, 1.0)
    span = max(top - bottom, np.finfo(float).tiny)
    stretched = np.arcsinh(5 * np.clip((values - bottom) / span, 0, 1)) / np.arcsinh(5)
    axes.set_facecolor("#E4E9ED")
    axes.imshow(stretched, origin="lower", cmap="Greys", interpolation="nearest", vmin=0, vmax=1 / darkest)
    axes.set(xticks=[], yticks=[])

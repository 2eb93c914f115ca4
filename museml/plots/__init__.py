"""Pictures: a page per source and an overview of the field. No pyplot: they may be drawn in any process."""

from museml.plots.figures import save_figure
from museml.plots.overview import plot_overview
from museml.plots.source import plot_source

__all__ = ["plot_overview", "plot_source", "save_figure"]

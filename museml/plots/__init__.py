"""Pictures: sources, fields, images with catalogues. They keep no state, so that any process may draw them."""

from museml.plots.catalog_score import plot_catalog_score
from museml.plots.figures import save_figure
from museml.plots.image import plot_image
from museml.plots.overview import plot_overview
from museml.plots.source import plot_source

__all__ = ["plot_catalog_score", "plot_image", "plot_overview", "plot_source", "save_figure"]

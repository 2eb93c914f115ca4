"""From detections to MPDAF Sources: spectra, images and line tables, cut from the cube in one pass."""

from museml.extraction.sources import extract_source, extract_sources, source_position
from museml.extraction.windows import white_image

__all__ = ["extract_source", "extract_sources", "source_position", "white_image"]

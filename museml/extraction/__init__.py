"""From detections to MPDAF Sources: spectra, images and line tables, cut from the cube in one pass."""

from museml.extraction.noise import measure_noise
from museml.extraction.positions import source_position
from museml.extraction.sources import extract_source, extract_sources
from museml.extraction.windows import white_image

__all__ = ["extract_source", "extract_sources", "measure_noise", "source_position", "white_image"]

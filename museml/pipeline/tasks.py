"""What the worker processes of a run do."""

from functools import lru_cache
from pathlib import Path

from mpdaf.sdetect import Source

from museml.data.cubes import open_cube
from museml.extraction import extract_sources
from museml.extraction.identification import write_lines
from museml.output import whole_file
from museml.sources import line_redshift, second_redshift, write_prediction

__all__ = ["draw_overview", "extract", "finish_source"]

_open = lru_cache(maxsize=1)(open_cube)


def extract(cube, detections, numbers, white, psf, noise, folder):
    """Extract sources of a cube into files; return how many.

    Parameters
    ----------
    cube : CubeData, `~mpdaf.obj.Cube` or path
        The cube.
    detections : Detections
        All of the cube, since neighbours are fitted together.
    numbers : list of int
        The sources.
    white : ndarray, shape (y, x)
        The white-light image.
    psf : PSF, float or None
    noise : what `~museml.extraction.measure_noise` returns
        See `~museml.extraction.extract_sources`.
    folder : `~pathlib.Path`
        Where the files go.
    """
    opened = _open(cube) if isinstance(cube, Path) else open_cube(cube)  # a worker checks its file once
    for source in extract_sources(opened, detections, numbers, white, psf, noise):
        _write(source, folder / f"source-{source.ID:05d}.fits")
    return len(numbers)


def finish_source(extracted, sources, plots, prediction):
    """Write a source with its prediction, and draw its page, unless they are there.

    Parameters
    ----------
    extracted : `~pathlib.Path`
        The extracted source.
    sources, plots : `~pathlib.Path`
        Folders; None for no picture.
    prediction : Predictions
        One row.
    """
    final = sources / extracted.name
    if not final.exists():
        source = Source.from_file(str(extracted))
        write_prediction(source, prediction)
        write_lines(source, line_redshift(prediction), str(prediction["class"][0]), second_redshift(prediction))
        source.tables.loaded_ext = _InOrder(source.tables.loaded_ext)
        _write(source, final)
    picture = plots and plots / f"{final.stem}.png"
    if picture and not picture.exists():
        from museml.plots import plot_source, save_figure

        save_figure(plot_source(Source.from_file(str(final))), picture)


def draw_overview(white, cube, table, path):
    """Draw the field with its sources."""
    from museml.plots import plot_overview, save_figure

    save_figure(plot_overview(white, cube.wcs, table, cube.name), path)


class _InOrder(set):
    """A set that is gone through in alphabetical order: MPDAF writes the tables in the order of one."""

    def __iter__(self):
        return iter(sorted(super().__iter__()))


def _write(source, path):
    with whole_file(path) as part:
        source.write(str(part))

"""The steps from one cube to its catalogue; a step whose files are there is not done again."""

import os
import shutil
import warnings
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from mpdaf.obj import Cube
from mpdaf.sdetect import Source, SourceList

from museml._version import __version__
from museml.catalogs.agreement import agreed
from museml.catalogs.summary import SourceTable, summarise
from museml.classification import Classifier
from museml.data.cubes import CubeData, cube_name, open_cube
from museml.detection import Detections, Detector
from museml.errors import OutputError
from museml.extraction import measure_noise, source_position, white_image
from museml.output import FORMATS, read_table, write_table
from museml.pipeline.folder import Mode, RunFolder
from museml.pipeline.progress import Progress
from museml.pipeline.record import is_complete
from museml.pipeline.tasks import draw_overview, extract, finish_source

__all__ = ["Choice", "cube_path", "name_of", "run_cube"]

CHUNK = 512  # sources extracted in one pass through the cube; each takes 0.4 MB of memory
EXTRACT, DRAW = 0.1, 0.5  # seconds that a source takes, about
_ANEW = Mode()


@dataclass(frozen=True)
class Choice:
    """What a run does: with which plugins, and what it writes."""

    detector: Detector
    classifier: Classifier
    formats: tuple = ("fits",)
    plots: bool = True

    def recipe(self):
        """Return what the result depends on besides the cube."""
        plugins = {"detector": self.detector, "classifier": self.classifier}
        return {"museml": {"version": __version__}, **{kind: _described(plugin) for kind, plugin in plugins.items()}}

    def about(self, data):
        """Return what is recorded of the input, and of what is written."""
        path = cube_path(data)
        source = f"a cube in memory, {name_of(data)!r}" if path is None else str(path)
        return {"input": source, "file": _state(path), "formats": self.formats, "plots": self.plots}


def run_cube(data, out, choice, workers, mode=_ANEW, shown=True):
    """Run the whole job on one cube; see `museml.run`.

    Parameters
    ----------
    data : cube
        Whatever `~museml.data.cubes.open_cube` opens.
    out : path
        The folder.
    choice : Choice
        The plugins and what is written.
    workers : `~museml.pipeline.workers.Workers`
        The processes.
    mode : Mode
        What may be done with a run that is in the folder.
    shown : bool
        Whether to show the progress bar.

    Returns
    -------
    `~museml.catalogs.summary.SourceTable`
    """
    recipe, about = choice.recipe(), choice.about(data)
    if mode.resume and is_complete(out, recipe, about):
        return read_table(SourceTable, Path(out) / "catalog.fits")
    cube = open_cube(data)
    with Progress(cube.name, shown) as progress:
        progress.step("read")
        folder = RunFolder(out, {**recipe, "input": {"sha256": cube.sha256()}}, about)
        with folder.opened(mode), _logged(folder):
            folder.log(f"museml {__version__}; {about['input']}; {choice.detector!r}; {choice.classifier!r}")
            return _CubeRun(cube, folder, choice, workers, progress).table()


class _CubeRun:
    """The steps, each of which finds in the folder what is done already."""

    def __init__(self, cube, folder, choice, workers, progress):
        self._cube, self._folder, self._choice = cube, folder, choice
        self._workers, self._progress = workers, progress
        self._white = None

    def table(self):
        detections = self._detect()
        numbers = sorted(set(np.asarray(detections["source"]).tolist()))
        self._progress.more(2 * len(numbers) + 2)
        if numbers:
            self._extract(detections, numbers)
        predictions = agreed(self._classify(numbers), detections)
        if numbers:
            self._write_sources(numbers, predictions)
        table = self._write_catalog(detections, predictions, numbers)
        if self._choice.plots:
            self._draw_overview(table)
        shutil.rmtree(self._folder.path / "extracted", ignore_errors=True)
        self._folder.finish({"detections": len(detections), "sources": len(table)})
        self._folder.log(f"complete: {len(detections)} detections, {len(table)} sources")
        return table

    def _detect(self):
        path = self._folder.path / "detections.fits"
        if not path.exists():
            with self._step("detect"):
                write_table(self._choice.detector.detect(self._cube), path)
        self._progress.advance()
        return read_table(Detections, path)

    def _extract(self, detections, numbers):
        todo = [number for number in numbers if not self._source_file(number).exists()]
        seconds = EXTRACT * len(todo)
        parts = _chunks(todo, max(1, min(CHUNK, -(-len(todo) // self._workers.share(seconds)))))
        self._progress.advance(len(numbers) - len(todo))
        if not todo:
            return
        with self._step("extract"):
            folder, psf = self._folder.make("extracted"), self._choice.detector.settings().get("psf")
            how = self.white, psf, measure_noise(self._cube, detections, psf)
            tasks = [(self._reference, detections, part, *how, folder) for part in parts]
            for done in self._workers.map(extract, tasks, seconds):
                self._progress.advance(done)

    def _classify(self, numbers):
        path, classifier = self._folder.path / "redshifts.fits", self._choice.classifier
        if not path.exists():
            with self._step("classify"):
                sources = SourceList(Source.from_file(str(self._source_file(number))) for number in numbers)
                empty = classifier.predictions.empty(classifier.provenance())
                write_table(classifier.classify(sources) if numbers else empty, path)
        self._progress.advance()
        return read_table(classifier.predictions, path)

    def _write_sources(self, numbers, predictions):
        with self._step("write"):
            sources, plots = self._folder.make("sources"), None
            if self._choice.plots:
                plots = self._folder.make("plots")
            tasks = [
                (self._source_file(number), sources, plots, predictions[row : row + 1])
                for row, number in enumerate(numbers)
            ]
            for _ in self._workers.map(finish_source, tasks, DRAW * len(tasks) * self._choice.plots):
                self._progress.advance()

    def _write_catalog(self, detections, predictions, numbers):
        places = [source_position(detections[detections["source"] == number]) for number in numbers]
        positions = [(*self._cube.pixel_to_sky(x, y), x, y) for x, y in places]
        table = summarise(detections, predictions, positions)
        with self._step("catalogue"):
            for format in self._choice.formats:
                write_table(table, self._folder.path / f"catalog{FORMATS[format]}", format)
        return table

    def _draw_overview(self, table):
        path = self._folder.make("plots") / "overview.png"
        if not path.exists():
            with self._step("overview"):
                draw_overview(self.white, self._cube, table, path)
        self._progress.advance()

    @property
    def white(self):
        """The white-light image, made once."""
        if self._white is None:
            self._white = white_image(self._cube)
        return self._white

    @property
    def _reference(self):
        """What tells a worker the cube: the path, or the cube itself."""
        if self._workers.alone:
            return self._cube
        return self._cube.path or self._cube.to_mpdaf()

    def _source_file(self, number):
        """Return the final file of a source if it is there, else the file of its extraction."""
        name = f"source-{number:05d}.fits"
        final = self._folder.path / "sources" / name
        return final if final.exists() else self._folder.path / "extracted" / name

    @contextmanager
    def _step(self, name):
        self._progress.step(name)
        with self._folder.step(name):
            yield


def cube_path(data):
    """Return the path to the file that a cube is read from, None if it is in memory."""
    path = data.path if isinstance(data, CubeData) else data
    return Path(path) if isinstance(path, (str, os.PathLike)) else None


def name_of(data):
    """Return the name of a cube, in memory or not; it names the folder among those of several cubes."""
    if isinstance(data, CubeData):
        return data.name
    path = data.filename if isinstance(data, Cube) else data
    return cube_name(path) if isinstance(path, (str, os.PathLike)) else "cube"


def _state(path):
    """Return the size and the time of the last change of a file, None without one."""
    if path is None or not path.is_file():
        return None
    about = path.stat()
    return {"size": about.st_size, "changed": about.st_mtime_ns}


def _described(plugin):
    """Return what tells a plugin from another: name, version, model and settings."""
    about = plugin.provenance()
    names = {"name": "PLUGIN", "version": "PLUGIN_V", "model": "MODEL", "model id": "MODEL_ID"}
    return {name: about[key] for name, key in names.items()} | {"settings": plugin.settings()}


@contextmanager
def _logged(folder):
    """Write warnings, and what stops the run, into its log too."""
    with warnings.catch_warnings():
        show = warnings.showwarning

        def log(message, *args, **kwargs):
            folder.log(f"warning: {message}")
            show(message, *args, **kwargs)

        warnings.showwarning = log
        try:
            yield
        except BaseException as error:
            with suppress(OutputError):
                folder.log(f"stopped: {type(error).__name__}: {error}")
                folder.stop()
            raise


def _chunks(items, size):
    return [items[start : start + size] for start in range(0, len(items), size)]

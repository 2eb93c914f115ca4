"""run(): one cube or many."""

import os
import warnings
from collections import Counter
from pathlib import Path

from mpdaf.obj import Cube
from mpdaf.sdetect import Catalog

from museml.api import DEFAULT_CLASSIFIER, DEFAULT_DETECTOR, get_classifier, get_detector
from museml.data.cubes import CubeData, cube_name
from museml.errors import MusemlError, MusemlWarning, SettingError
from museml.output import FORMATS
from museml.pipeline.cube_run import Choice, run_cube
from museml.pipeline.progress import Progress
from museml.pipeline.workers import Workers

__all__ = ["run"]


def run(
    cube,
    out,
    *,
    detector=DEFAULT_DETECTOR,
    classifier=DEFAULT_CLASSIFIER,
    detector_settings=None,
    classifier_settings=None,
    jobs=1,
    resume=False,
    overwrite=False,
    format="fits",
    plots=True,
    progress=True,
):
    """Detect, extract, classify and write: from a cube to a catalogue with redshifts.

    The folder ``out`` gets ``catalog.fits``, ``sources/*.fits``, ``plots/*.png``,
    ``detections.fits``, ``redshifts.fits`` (with p(z)), ``run.log`` and ``provenance.json``.

    Parameters
    ----------
    cube : `~mpdaf.obj.Cube`, path, or list of these
        The cube. Each cube of a list gets a folder of its own below ``out``, named after its file; one
        that fails is reported by a warning, and the others go on.
    out : path
        The folder; it is made if it is not there.
    detector, classifier : str
        Names of plugins; ``museml plugins`` lists them.
    detector_settings, classifier_settings : dict
        Their settings.
    jobs : int
        Number of processes, over the cubes of a list or else over sources; the result is the same
        for any number. A script that asks for more than one needs ``if __name__ == "__main__":``.
    resume : bool
        Go on with a run that was stopped; what is finished is kept. The result is the same as
        without the stop.
    overwrite : bool
        Replace the run that is in the folder.
    format : {'fits', 'ecsv', 'votable'}
        The catalogue is written in this format too, besides FITS.
    plots : bool
        Whether to draw the pictures.
    progress : bool
        Whether to show a progress bar, if stderr is a terminal.

    Returns
    -------
    `~mpdaf.sdetect.Catalog`
        One row per source; for a list of cubes a dictionary of these by name, without those that failed.

    Raises
    ------
    InputError
        If the cube cannot be used.
    OutputError
        If the folder holds another run, or cannot be written to.
    SettingError, UnknownNameError
        If there is no such plugin, or it has no such setting.
    """
    choice = Choice(
        get_detector(detector, **(detector_settings or {})),
        get_classifier(classifier, **(classifier_settings or {})),
        _formats(format),
        plots,
    )
    choice.detector.check_accepts("cube", "a run")
    choice.classifier.check_accepts("spectrum", "a run")
    if resume and overwrite:
        raise SettingError("a run is either resumed or replaced; choose one of resume and overwrite")
    with Workers(jobs) as workers:
        if isinstance(cube, (list, tuple)):
            return _run_many(cube, Path(out), choice, workers, (resume, overwrite), progress)
        return _catalog(run_cube(cube, out, choice, workers, (resume, overwrite), progress), out)


def _run_many(cubes, out, choice, workers, mode, shown):
    names = _names(cubes)
    alone = workers.jobs == 1
    tasks = [(cube, out / name, choice, mode, shown and alone) for cube, name in zip(cubes, names, strict=True)]
    catalogs, failed = {}, []
    with Progress("cubes", shown and not alone) as progress:
        progress.more(len(tasks))
        for name, (table, problem) in zip(names, workers.map(_run_one, tasks), strict=True):
            progress.advance()
            if problem:
                failed.append(problem)
                warnings.warn(f"cube {name!r} failed, the others go on: {problem}", MusemlWarning, stacklevel=3)
            else:
                catalogs[name] = _catalog(table, out / name)
    if failed and not catalogs:
        raise MusemlError(f"none of {len(failed)} cubes could be run; the first: {failed[0]}")
    return catalogs


def _run_one(cube, out, choice, mode, shown):
    """Return the table of one cube among several, or the reason why there is none."""
    try:
        with Workers(1) as workers:
            return run_cube(cube, out, choice, workers, mode, shown), ""
    except MusemlError as error:
        return None, str(error)
    except Exception as error:  # of a plugin, say: it must not end the work on the other cubes
        return None, f"{type(error).__name__}: {' '.join(str(error).split())}"


def _catalog(table, out):
    """Return an MPDAF Catalog that knows where its sources are, so that it can be classified again."""
    catalog = Catalog(table)
    catalog.meta["folder"] = str(Path(out) / "sources")
    return catalog


def _formats(format):
    if format not in FORMATS:
        raise SettingError(f"format must be one of {', '.join(FORMATS)}, not {format!r}")
    return tuple(dict.fromkeys(("fits", format)))


def _names(cubes):
    names = [_name(cube) for cube in cubes]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise SettingError(f"each cube needs a name of its own for its folder; {twice[0]!r} is there twice; rename one")
    return names


def _name(cube):
    if isinstance(cube, CubeData):
        return cube.name
    path = cube.filename if isinstance(cube, Cube) else cube
    if not isinstance(path, (str, os.PathLike)):
        return "cube"
    return cube_name(path)

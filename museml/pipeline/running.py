"""run(): one cube or many."""

import os
from pathlib import Path
from uuid import uuid4

from museml.api import DEFAULT_CLASSIFIER, DEFAULT_DETECTOR, get_classifier, get_detector
from museml.errors import SettingError
from museml.output import FORMATS
from museml.pipeline.cluster import Cluster
from museml.pipeline.cube_run import Choice, run_cube
from museml.pipeline.folder import Mode
from museml.pipeline.many_cubes import as_catalog, run_cubes
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
    scheduler=None,
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
    scheduler : str, path, or cluster of Dask
        The work is shared among the workers of this Dask cluster instead: the address of its scheduler, its
        scheduler file, or an object such as ``SLURMCluster``. Cubes must then be paths that the workers
        see, too. It needs the extra ``dask``.
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
        One row per source; for a list of cubes `~museml.pipeline.many_cubes.Catalogs`, a mapping of these by name,
        without those that failed.

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
    if scheduler is not None:
        cube, out = _for_cluster(cube), Path(out).absolute()
    mode = Mode(resume, overwrite, uuid4().hex)
    with Workers(jobs) if scheduler is None else Cluster(scheduler) as workers:
        if isinstance(cube, (list, tuple)):
            return run_cubes(cube, out, choice, workers, mode, progress)
        return as_catalog(run_cube(cube, out, choice, workers, mode, progress), out)


def _for_cluster(cube):
    """Return cubes as paths that mean the same in another process."""
    if isinstance(cube, (list, tuple)):
        return [_for_cluster(one) for one in cube]
    if not isinstance(cube, (str, os.PathLike)):
        raise SettingError(
            f"on a cluster, cubes must be paths that its workers see, too; one is {type(cube).__name__}; write it to a "
            "file"
        )
    return Path(cube).absolute()


def _formats(format):
    if format not in FORMATS:
        raise SettingError(f"format must be one of {', '.join(FORMATS)}, not {format!r}")
    return tuple(dict.fromkeys(("fits", format)))

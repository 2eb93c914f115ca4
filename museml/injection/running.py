"""inject(): objects are put into a cube, round by round, and looked for."""

from dataclasses import asdict, dataclass
from functools import cache

import numpy as np
from astropy.table import Table, vstack
from mpdaf.sdetect import SourceList

from museml._version import __version__
from museml.api import DEFAULT_DETECTOR, get_classifier, get_detector
from museml.data.cubes import open_cube
from museml.data.psf import cube_psf
from museml.errors import InputError, SettingError
from museml.extraction import extract_sources
from museml.injection.completeness import completeness_table, limits_table
from museml.injection.folder import InjectionFolder
from museml.injection.recovered import RIGHT, Recovered, compare
from museml.injection.wanted import Wanted
from museml.pipeline.progress import bar
from museml.plots.figures import save_figure
from museml.plots.injection import plot_completeness
from museml.settings import check_number
from museml.simulation.injected import InjectedCube
from museml.sources import second_redshift

__all__ = ["Recovery", "inject"]


@dataclass(frozen=True)
class Recovery:
    """What became of the objects that were put into a cube.

    Attributes
    ----------
    objects : `~museml.injection.recovered.Recovered`
        One row per object.
    completeness : `~astropy.table.Table`
        Part found, and how good the measurements are, in bins of S/N and wavelength.
    limits : `~astropy.table.Table`
        S/N and flux at which half and 90 % are found, by wavelength.
    """

    objects: Recovered
    completeness: Table
    limits: Table


def inject(
    cube,
    out,
    *,
    kind="line",
    number=500,
    per_round=None,
    snr=None,
    flux=None,
    wave=None,
    velocity=(50.0, 300.0),
    z=None,
    size=(0.0, 0.0),
    psf=None,
    seed=0,
    detector=DEFAULT_DETECTOR,
    classifier=None,
    detector_settings=None,
    classifier_settings=None,
    resume=False,
    overwrite=False,
    progress=True,
):
    """Put objects into a cube, look for them, and tell what part of them is found.

    The cube's own noise and residuals stay as they are. The objects are added to its blocks as they are read, in
    rounds, so that they do not crowd. What the detector finds in the cube as it is, is not taken for them.

    The folder ``out`` gets ``injected.fits`` (one row per object), ``completeness.ecsv``, ``limits.ecsv``
    and ``completeness.png``.

    Parameters
    ----------
    cube : `~mpdaf.obj.Cube` or path
        The cube; it is not changed.
    out : path
        The folder; it is made if it is not there.
    kind : {'line', 'galaxy', 'emitter', 'continuum'}
        Single lines, galaxies with several lines and a continuum, Lyman alpha emitters, or continuum sources.
    number : int
        Objects in all; where the field is small or masked, fewer may find room.
    per_round : int
        Objects put in at a time; by default so many that they do not crowd.
    snr : (float, float)
        Range of the S/N, by the cube's variances, in a filter that matches the object (a galaxy's brightest line); by
        default 2 to 15.
    flux : (float, float)
        Range of the flux instead, 1e-20 erg / (s cm2).
    wave : (float, float)
        Range of the wavelength of single lines in Angstrom; by default the cube's.
    velocity : (float, float)
        Range of the FWHM of single lines in km/s, without the line-spread function.
    z : (float, float)
        Range of the redshift; by default 0.05 to 1.4 of galaxies and 2.95 to 6.6 of emitters.
    size : (float, float)
        Range of the FWHM of the objects before the PSF, arcsec.
    psf : `~museml.data.psf.PSF` or float
        The PSF of the objects or its FWHM in arcsec; by default what the cube tells.
    seed : int
        The same seed puts in the same objects.
    detector, classifier : str
        Names of plugins. Without a classifier no redshifts are asked for.
    detector_settings, classifier_settings : dict
        Their settings.
    resume : bool
        Go on with an injection that was stopped; the rounds that are there are kept.
    overwrite : bool
        Replace the injection that is in the folder.
    progress : bool
        Whether to show a progress bar, if stderr is a terminal.

    Returns
    -------
    Recovery

    Raises
    ------
    InputError
        If the cube cannot be used, or no object finds room in it.
    OutputError
        If the folder holds another injection, or cannot be written to.
    SettingError, UnknownNameError
        If a setting breaks a rule, or there is no such plugin.
    """
    ranges = {"snr": snr or (2.0, 15.0), "flux": flux, "wave": wave, "velocity": velocity, "z": z, "size": size}
    wanted = Wanted(kind, number, per_round, **{name: value and tuple(value) for name, value in ranges.items()})
    plugins = _plugins(wanted, detector, detector_settings, classifier, classifier_settings, snr, flux)
    if resume and overwrite:
        raise SettingError("an injection is either resumed or replaced; choose one of resume and overwrite")
    check_number("seed", seed, 0, example=0, whole=True)
    cube = open_cube(cube)
    wanted.check(cube)
    psf = cube_psf(cube, psf)[0]
    folder = InjectionFolder(out, _recipe(cube, wanted, psf, seed, plugins))
    folder.open(resume, overwrite)
    return _result(folder, _objects(cube, wanted, psf, seed, plugins, folder, progress))


def _plugins(wanted, detector, detector_settings, classifier, classifier_settings, snr, flux):
    """Return detector and classifier, which may be None, and refuse settings that contradict each other."""
    if snr is not None and flux is not None:
        raise SettingError("the brightness is given as S/N or as flux, not both; leave out one of snr and flux")
    if classifier and wanted.kind not in ("galaxy", "emitter"):
        raise SettingError(
            f"redshifts can be judged of the kinds galaxy and emitter, not of {wanted.kind!r}; leave out the classifier"
        )
    finder = get_detector(detector, **(detector_settings or {}))
    finder.check_accepts("cube", "an injection")
    namer = get_classifier(classifier, **(classifier_settings or {})) if classifier else None
    if namer:
        namer.check_accepts("spectrum", "an injection")
    return finder, namer


def _recipe(cube, wanted, psf, seed, plugins):
    """Return what the result depends on."""
    about = [plugin.provenance() if plugin else None for plugin in plugins]
    return {
        "museml": __version__, "cube": cube.sha256(), "objects": asdict(wanted), "psf": repr(psf), "seed": seed,
        "detector": about[0], "classifier": about[1],
    }  # fmt: skip


def _objects(cube, wanted, psf, seed, plugins, folder, progress):
    """Return the objects of all rounds."""
    rounds, parts = wanted.rounds(cube), []
    before = cache(lambda: plugins[0].detect(cube))
    with bar(len(rounds), "rounds", progress) as shown:
        for turn, count in enumerate(rounds, 1):
            objects = folder.old_round(turn)
            if objects is None:
                objects = _round(cube, wanted, count, np.random.default_rng([seed, turn]), psf, plugins, before)
                objects["round"] = turn
                folder.keep_round(turn, objects)
            parts.append(objects)
            shown.update()
    return _numbered([part for part in parts if len(part)] or parts[:1])


def _round(cube, wanted, count, rng, psf, plugins, before):
    truth = wanted.draw(cube, count, rng, psf)
    if not len(truth):
        return Recovered.empty()
    injected = InjectedCube(cube, truth, psf)
    detections = plugins[0].detect(injected)
    objects = compare(truth, wanted.kind, detections, before(), cube, psf)
    if plugins[1]:
        _classify(injected, objects, detections, plugins)
    return objects


def _classify(cube, objects, detections, plugins):
    """Fill in the redshifts of the objects that were found."""
    found = np.flatnonzero(objects["recovered"] == 1)
    numbers = np.unique(np.asarray(objects["found_source"][found])).tolist()
    if not numbers:
        return
    setting = plugins[0].settings().get("psf")
    sources = SourceList(extract_sources(cube, detections, numbers, None, setting))
    answers = plugins[1].classify(sources)
    place = {source.ID: row for row, source in enumerate(sources)}
    for row in found:
        number, z = place[objects["found_source"][row]], objects["z"][row]
        given = [value for value in _redshifts(answers, number) if value is not None]
        if given:
            objects["found_z"][row] = min(given, key=lambda value: abs(value - z))
            objects["found_p"][row] = answers["p"][number]
        objects["right"][row] = int(bool(given) and abs(objects["found_z"][row] - z) < RIGHT * (1 + z))


def _redshifts(answers, number):
    """Return the redshifts of a spectrum: the classifier's, and in a blend that of the second object, or None."""
    first = answers["z"][number]
    return None if np.ma.is_masked(first) else float(first), second_redshift(answers, number)


def _numbered(parts):
    table = vstack(parts, metadata_conflicts="silent")
    table["id"] = np.arange(1, len(table) + 1)
    return table


def _result(folder, objects):
    """Write the tables and the picture, and return what is in them."""
    if not len(objects):
        raise InputError("a cube must have room for objects; none fell on valid voxels; widen the ranges or the field")
    if np.all(objects["confused"] == 1):
        raise InputError(
            f"objects must be apart from the cube's own; all {len(objects)} lie on detections of the cube; put in "
            "more, or widen the ranges or the field"
        )
    recovery = Recovery(objects, completeness_table(objects), limits_table(objects))
    folder.write("injected.fits", objects)
    folder.write("completeness.ecsv", recovery.completeness)
    folder.write("limits.ecsv", recovery.limits)
    save_figure(plot_completeness(*vars(recovery).values()), folder.path / "completeness.png")
    return recovery

"""``museml run``: the whole job."""

from pathlib import Path

import click

from museml.cli.options import (
    chosen_jobs,
    classifier_option,
    config_option,
    detector_option,
    jobs_option,
    read_config,
    scheduler_option,
    set_option,
    settings,
)
from museml.errors import InputError
from museml.output import FORMATS

__all__ = ["COLUMNS", "CUBE_COLUMNS", "report", "run"]

#: columns of the catalogue that are printed
COLUMNS = (
    *("ID", "RA", "DEC", "class", "z", "z_err", "p", "z_2", "p_2"),
    *("n_lines", "line_wave", "snr", "n_false", "p_real", "flags"),
)

#: columns of the table of cubes that are printed
CUBE_COLUMNS = ("name", "status", "detections", "sources", "seconds", "message")

LEAST_P = 0.005  # a runner-up less probable than this is not printed
FILES = {
    "catalog.fits": "one row per source",
    "plots/": "overview.png and a page per source",
    "sources/": "an MPDAF Source each",
    "detections.fits": "every line and continuum found",
    "redshifts.fits": "with p(z)",
    "provenance.json": "versions, settings, input; run.log says what happened",
}


@click.command()
@click.argument("cubes", nargs=-1, required=True, metavar="CUBE...")
@click.option(
    "--output", "-o", "out", required=True, metavar="OUT", help="Folder; several cubes get one each below it."
)
@detector_option
@classifier_option
@set_option
@config_option
@jobs_option
@scheduler_option
@click.option("--resume", is_flag=True, help="Go on with a run that was stopped.")
@click.option("--overwrite", is_flag=True, help="Replace the run that is in OUT.")
@click.option(
    "--format", type=click.Choice(list(FORMATS)), default="fits", help="Write the catalogue in this format too."
)
@click.option("--no-plots", is_flag=True, help="Draw no pictures.")
@click.pass_context
def run(context, cubes, out, detector, classifier, assignments, config, jobs, scheduler, no_plots, **options):
    """Detect, extract, classify and write: from CUBEs to catalogues with redshifts.

    OUT gets catalog.fits, sources/, plots/, detections.fits, redshifts.fits, run.log and
    provenance.json. Several cubes get a folder each, and OUT gets cubes.ecsv, which tells what became
    of them. A CUBE that is @FILE stands for the files that are listed in FILE, one per line.
    """
    import museml
    from museml.api import DEFAULT_CLASSIFIER, DEFAULT_DETECTOR

    sections = read_config(config)
    detector, of_detector = settings("detector", detector, DEFAULT_DETECTOR, sections, assignments)
    classifier, of_classifier = settings("classifier", classifier, DEFAULT_CLASSIFIER, sections, assignments)
    result = museml.run(
        cubes[0] if _is_one(cubes) else listed(cubes),
        out,
        detector=detector,
        classifier=classifier,
        detector_settings=of_detector,
        classifier_settings=of_classifier,
        jobs=chosen_jobs(jobs, scheduler),
        scheduler=scheduler,
        plots=not no_plots,
        **options,
    )
    if _is_one(cubes):
        report(result, out)
    elif report_cubes(result, out):
        context.exit(1)


def _is_one(cubes):
    return len(cubes) == 1 and not cubes[0].startswith("@")


def listed(cubes):
    """Return the names of cubes, with those that are listed in the file FILE in place of @FILE.

    Raises
    ------
    InputError
        If FILE cannot be read.
    """
    names = []
    for cube in cubes:
        names += _lines(cube[1:]) if cube.startswith("@") else [cube]
    return names


def _lines(path):
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise InputError(
            f"@FILE must name a text file with one cube per line; {path!r} cannot be read: {error}"
        ) from error
    return [line.strip() for line in lines if line.strip()]


def report_cubes(catalogs, out):
    """Print what became of cubes, and where their files are; return the number of those that failed."""
    from museml.cli.tables import text_of

    count = len(catalogs.cubes)
    click.echo(text_of(catalogs.cubes, CUBE_COLUMNS))
    click.echo(f"\n{len(catalogs)} of {count} cubes are complete; each has a folder in {out}")
    click.echo(f"  {'cubes.ecsv':<17} this table")
    return count - len(catalogs)


def report(catalog, out):
    """Print a catalogue, without runners-up that hardly count, and where its files are."""
    import numpy as np

    from museml.cli.tables import text_of
    from museml.errors import PredictionFlag

    shown = catalog.copy()
    for name in ("z_2", "p_2"):
        shown[name] = np.ma.masked_where(np.ma.filled(catalog["p_2"], 0) < LEAST_P, catalog[name])
    click.echo(text_of(shown, COLUMNS, PredictionFlag) if len(shown) else "no sources were found")
    click.echo(f"\n{len(catalog)} sources; the files are in {out}")
    for name, text in FILES.items():
        if (Path(out) / name).exists():
            click.echo(f"  {name:<17} {text}")

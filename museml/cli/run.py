"""``museml run``: the whole job."""

from pathlib import Path

import click

from museml.cli.options import (
    classifier_option,
    config_option,
    detector_option,
    jobs_option,
    read_config,
    set_option,
    settings,
)
from museml.output import FORMATS

__all__ = ["COLUMNS", "report", "run"]

#: columns of the catalogue that are printed
COLUMNS = (
    *("ID", "RA", "DEC", "class", "z", "z_err", "p", "z_2", "p_2"),
    *("n_lines", "line_wave", "snr", "n_false", "p_real", "flags"),
)

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
@click.option("--resume", is_flag=True, help="Go on with a run that was stopped.")
@click.option("--overwrite", is_flag=True, help="Replace the run that is in OUT.")
@click.option(
    "--format", type=click.Choice(list(FORMATS)), default="fits", help="Write the catalogue in this format too."
)
@click.option("--no-plots", is_flag=True, help="Draw no pictures.")
@click.pass_context
def run(context, cubes, out, detector, classifier, assignments, config, jobs, resume, overwrite, format, no_plots):
    """Detect, extract, classify and write: from CUBEs to catalogues with redshifts.

    OUT gets catalog.fits, sources/, plots/, detections.fits, redshifts.fits, run.log and
    provenance.json.
    """
    import museml
    from museml.api import DEFAULT_CLASSIFIER, DEFAULT_DETECTOR

    sections = read_config(config)
    detector, of_detector = settings("detector", detector, DEFAULT_DETECTOR, sections, assignments)
    classifier, of_classifier = settings("classifier", classifier, DEFAULT_CLASSIFIER, sections, assignments)
    catalogs = museml.run(
        cubes[0] if len(cubes) == 1 else list(cubes),
        out,
        detector=detector,
        classifier=classifier,
        detector_settings=of_detector,
        classifier_settings=of_classifier,
        jobs=jobs,
        resume=resume,
        overwrite=overwrite,
        format=format,
        plots=not no_plots,
    )
    if len(cubes) == 1:
        report(catalogs, out)
        return
    for name, catalog in catalogs.items():
        click.echo(f"\n{name}")
        report(catalog, f"{out.rstrip('/')}/{name}")
    if len(catalogs) < len(cubes):
        context.exit(1)


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

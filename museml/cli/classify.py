"""``museml classify``: redshifts of spectra."""

from pathlib import Path

import click

from museml.cli.options import classifier_option, config_option, read_config, set_option, settings

__all__ = ["classify"]

COLUMNS = ("id", "class", "z", "z_err", "p", "z_2", "p_2", "z_3", "p_3", "flags")


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--output", "-o", "out", metavar="OUT", help="Table to write (.fits, .ecsv, .vot).")
@classifier_option
@set_option
@config_option
def classify(files, out, classifier, assignments, config):
    """Give redshifts and classes to spectra: files of MPDAF, specutils or tables, or folders of them or of runs."""
    from museml.api import DEFAULT_CLASSIFIER, get_classifier
    from museml.cli.tables import text_of
    from museml.errors import PredictionFlag
    from museml.output import check_target, format_of, write_table

    if out:
        format_of(out)
        check_target(out)
    name, chosen = settings("classifier", classifier, DEFAULT_CLASSIFIER, read_config(config), assignments, alone=True)
    namer = get_classifier(name, **chosen)
    namer.check_accepts("spectrum", "'museml classify'")
    predictions = namer.classify([_spectra(file) for file in files])
    click.echo(text_of(predictions, COLUMNS, PredictionFlag))
    if out:
        write_table(predictions, out)
        click.echo(f"{len(predictions)} rows in {out}")


def _spectra(file):
    """Return where the spectra are: in the folder of a run, below it."""
    sources = Path(file) / "sources"
    return str(sources) if sources.is_dir() else file

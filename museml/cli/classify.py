"""``museml classify``: redshifts of spectra."""

from pathlib import Path

import click

from museml.cli.options import classifier_option, config_option, read_config, set_option, settings

__all__ = ["classify"]

COLUMNS = ("id", "class", "z", "z_err", "p", "z_2", "p_2", "z_3", "p_3", "flags")


#: most rows that are printed when they are written to a file
PRINTED = 100


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--output", "-o", "out", metavar="OUT", help="Table to write (.fits, .ecsv, .vot).")
@click.option("--pz", is_flag=True, help="Write the probability density over redshift, too (.fits only).")
@click.option("--resume", is_flag=True, help="Go on with a run that was stopped.")
@click.option("--overwrite", is_flag=True, help="Begin anew, even if a run was stopped.")
@classifier_option
@set_option
@config_option
def classify(files, out, pz, resume, overwrite, classifier, assignments, config):
    """Give redshifts and classes to spectra.

    FILE is a file of MPDAF or specutils, a table, a catalogue, a file with one spectrum per row, or a folder of
    them or of a run.
    """
    from museml.api import DEFAULT_CLASSIFIER, get_classifier

    name, chosen = settings("classifier", classifier, DEFAULT_CLASSIFIER, read_config(config), assignments, alone=True)
    namer = get_classifier(name, **chosen)
    namer.check_accepts("spectrum", "'museml classify'")
    spectra = [_spectra(file) for file in files]
    if out:
        _write(namer, spectra, out, {"pz": pz, "resume": resume, "overwrite": overwrite})
    else:
        printer = _Printer()
        for table in namer.stream(spectra):
            printer(table)


def _write(namer, spectra, out, options):
    from museml.pipeline.spectra_run import classify_to_file

    printer = _Printer(PRINTED)
    counts = classify_to_file(spectra, out, namer, report=printer, **options)
    printer.close()
    click.echo(f"{counts.total()} rows in {out}: {', '.join(f'{n} {name}' for name, n in counts.most_common())}")


class _Printer:
    """Prints tables one below the other, at most so many rows."""

    def __init__(self, rows=None):
        self._left, self._untold, self._begun = rows, 0, False

    def __call__(self, table):
        """Print a table."""
        from museml.cli.tables import text_of
        from museml.errors import PredictionFlag

        shown = table if self._left is None else table[: self._left]
        self._untold += len(table) - len(shown)
        if self._left is not None:
            self._left -= len(shown)
        if len(shown):
            lines = text_of(shown, COLUMNS, PredictionFlag).split("\n")
            click.echo("\n".join(lines[self._begun :]))
            self._begun = True

    def close(self):
        """Say how many rows were not printed."""
        if self._untold:
            click.echo(f"... and {self._untold} more")


def _spectra(file):
    """Return where the spectra are: in the folder of a run, below it."""
    sources = Path(file) / "sources"
    return str(sources) if sources.is_dir() else file

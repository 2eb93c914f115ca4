"""``museml score``: how good detections are against a truth, and how well a classifier does on labelled spectra."""

from pathlib import Path

import click

from museml.cli.catalog_options import column_options, footprint_option
from museml.cli.labelled import labelled_options, open_labelled, read_depths
from museml.cli.options import classifier_option, config_option, read_config, set_option, settings

__all__ = ["score"]

PRINTED = ("success", "right among the first three", "purity at p > 0.9", "completeness at p > 0.9")


class DetectionsFirst(click.Group):
    """A group whose command ``detections`` may be left out: ``museml score DETECTIONS TRUTH``."""

    def parse_args(self, context, args):
        """Put the command in front of arguments that start with none."""
        if args and args[0] not in (*self.commands, *context.help_option_names):
            args = ["detections", *args]
        return super().parse_args(context, args)


@click.group(cls=DetectionsFirst, options_metavar="", subcommand_metavar="DETECTIONS TRUTH [OPTIONS] | COMMAND ...")
def score():
    """Evaluate a list of detections against a truth, or a classifier on labelled data.

    museml score DETECTIONS TRUTH is short for museml score detections DETECTIONS TRUTH.
    """


@score.command()
@click.argument("detections")
@click.argument("truth")
@click.option("--output", "-o", "out", metavar="OUT", help="Folder for the tables and the picture.")
@click.option("--radius", type=float, metavar="ARCSEC", help="Greatest distance of a match; default 6, of lines 1.")
@click.option("--tolerance", type=float, metavar="ANGSTROM", help="Greatest difference of wavelengths; default 5.")
@click.option(
    "--limit", type=float, default=5.0, show_default=True, metavar="S/N",
    help="Least true S/N of what should be found; matches of fainter things do not count.",
)  # fmt: skip
@click.option(
    "--sdc1", type=click.Choice(["560", "1400", "9200"]), metavar="MHZ",
    help="Also the score of the SKA's data challenge 1 at 560, 1400 or 9200 MHz.",
)  # fmt: skip
@click.option(
    "--sdc1-area", type=click.Choice(["all", "training", "test"]), default="all", show_default=True,
    help="Part of the challenge's field.",
)  # fmt: skip
@footprint_option
@column_options
def detections(detections, truth, **options):
    """Evaluate DETECTIONS against TRUTH: tables, or text files of the SKA's data challenge 1.

    OUT gets scores.ecsv, completeness.ecsv, reliability.ecsv, residuals.ecsv, calibration.ecsv, detections.fits (what
    became of each), missed.fits and score.png.
    """
    from museml.cli.detection_scores import score_tables

    score_tables(detections, truth, **options)


@score.command()
@labelled_options
@classifier_option
@set_option
@config_option
@click.option(
    "--depths", default="1", show_default=True, metavar="LIST", help="Make exposures shorter, such as 1,3,10."
)
@click.option("--seed", default=0, show_default=True, help="Of the noise that is added for it.")
@click.option(
    "--output", "-o", "out", required=True, metavar="OUT", help="Folder, or an HTML file; tables are put beside it."
)
def redshift(where, air_labels, classifier, assignments, config, depths, seed, out):
    """Evaluate a classifier of redshifts on labelled spectra.

    OUT gets report.html, scores.ecsv and answers.fits.
    """
    from museml.api import DEFAULT_CLASSIFIER, get_classifier
    from museml.plots.report import write_evaluation
    from museml.training.evaluation import answer_labelled

    depths = read_depths(depths)
    name, chosen = settings("classifier", classifier, DEFAULT_CLASSIFIER, read_config(config), assignments, alone=True)
    namer = get_classifier(name, **chosen)
    namer.check_accepts("spectrum", "'museml score redshift'")
    report = report_file(out)
    labelled = open_labelled(where, air_labels)
    answers = answer_labelled(namer, labelled, depths, seed)
    write_evaluation(report, answers, labelled, f"Redshifts of {where['spectra']} by {name}")
    print_scores(answers)
    click.echo(f"{labelled.summary()}\nthe report is {report}")


def report_file(out):
    """Return the HTML file that is meant, in a folder that is there."""
    from museml.output import check_target, make_folder

    path = Path(out)
    if path.suffix.lower() not in (".html", ".htm"):
        path = path / "report.html"
    make_folder(path.parent)
    check_target(path)
    return path


def print_scores(answers):
    """Print the scores that matter most, a line for each depth."""
    from museml.training.scores import score_answers

    scores = score_answers(answers)
    for depth in sorted(set(scores["depth"])):
        rows = scores[(scores["depth"] == depth) & ((scores["data"] == "all") | (scores["data"] == "with a redshift"))]
        texts = [f"{row['name']} {row['value']:.3f} of {row['n']}" for row in rows if row["name"] in PRINTED]
        click.echo(f"exposure / {depth:g}: {', '.join(texts)}")

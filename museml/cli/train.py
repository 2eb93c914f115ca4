"""``museml train``: a model of one's own, from labelled spectra or from images and catalogues."""

from pathlib import Path

import click

from museml.cli.labelled import labelled_options, open_labelled, read_depths
from museml.cli.options import assignment, read_toml
from museml.cli.score import print_scores
from museml.errors import SettingError

__all__ = ["train"]

SECTION = "training"
NOTHING_GAINED = (
    "The training gained nothing: the network is the one that it began with, with probabilities calibrated anew."
)


@click.group()
def train():
    """Train a model of your own on labelled data."""


@train.command()
@labelled_options
@click.option(
    "--init",
    metavar="MODEL",
    help="Name or file of the model to begin with, or 'none'; default: that of the classifier.",
)
@click.option(
    "--set", "assignments", multiple=True, metavar="KEY=VALUE", help="A setting, such as epochs=10; repeatable."
)
@click.option("--config", type=click.Path(dir_okay=False), metavar="FILE", help="TOML file with a section [training].")
@click.option("--depths", default="1,3", show_default=True, metavar="LIST", help="Also test with shorter exposures.")
@click.option("--resume", is_flag=True, help="Go on with a training that was stopped.")
@click.option("--overwrite", is_flag=True, help="Replace the training that is in OUT.")
@click.option("--output", "-o", "out", required=True, metavar="OUT", help="Folder.")
def redshift(where, air_labels, init, assignments, config, depths, resume, overwrite, out):
    """Train the classifier of redshifts on labelled spectra, and test it on those it did not see.

    OUT gets model.asdf, report.html, scores.ecsv and answers.fits. The settings are those of
    museml.training.tuning_settings.TuningSettings.
    """
    from museml.training.tuning import tune_redshift
    from museml.training.tuning_folder import TuningFolder
    from museml.training.tuning_settings import TuningSettings

    settings = TuningSettings.of({**_section(config), **_assigned(assignments), **({"init": init} if init else {})})
    depths = read_depths(depths)
    labelled = open_labelled(where, air_labels)
    folder = TuningFolder(out, labelled, {**settings.as_dict(), "depths": depths})
    if folder.open(resume, overwrite):
        click.echo(f"the training in {out} is complete; --overwrite repeats it")
        return
    name = Path(out).resolve().name
    tuned = tune_redshift(labelled, folder.states, settings, depths=depths, name=name, resume=resume)
    tuned.model.save(folder.model)
    _write_report(folder.path / "report.html", tuned, labelled, where["spectra"])
    folder.finish()
    print_scores(tuned.answers)
    click.echo(f"{labelled.summary()}\nthe model is {folder.model}, the report {folder.path / 'report.html'}; use it:")
    click.echo(f"  museml classify FILE... --classifier redshift --set model={folder.model}")


@train.command()
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...")
@click.option(
    "--catalog",
    "catalogs",
    multiple=True,
    required=True,
    metavar="CATALOG",
    help="Table of the components in an image; once for each image, in the same order.",
)
@click.option("--init", metavar="MODEL", help="Name or file of the model to begin with, or 'none'; default: patches.")
@click.option(
    "--set", "assignments", multiple=True, metavar="KEY=VALUE", help="A setting, such as epochs=10; repeatable."
)
@click.option("--config", type=click.Path(dir_okay=False), metavar="FILE", help="TOML file with a section [training].")
@click.option("--log", type=click.Path(dir_okay=False), metavar="FILE", help="CSV file of the losses by epoch.")
@click.option("--output", "-o", "out", required=True, metavar="MODEL.asdf", help="The model to write.")
def patches(images, catalogs, init, assignments, config, log, out):
    """Train the network that finds components in IMAGEs on catalogues of them.

    The settings are those of museml.training.patches_tuning.PatchesTuning.
    """
    from museml.data.images import open_image
    from museml.training.patches_tuning import PatchesTuning, tune_patches

    settings = PatchesTuning.of({**_section(config), **_assigned(assignments), **({"init": init} if init else {})})
    if len(images) != len(catalogs):
        raise SettingError(
            f"each image needs its catalogue; there are {len(images)} and {len(catalogs)}; repeat --catalog"
        )
    if Path(out).suffix != ".asdf":
        raise SettingError(f"a model is an ASDF file; {out!r} has another suffix; call it {Path(out).stem}.asdf")
    model = tune_patches(list(map(open_image, images)), catalogs, settings, name=Path(out).stem, log=log)
    model.save(out)
    before, after = model.history["val_loss_before"][0], min(model.history["val_loss"])
    click.echo(f"loss of the parts held out: {before:.3f} before, {min(before, after):.3f} after")
    click.echo(f"the model is {out}; use it:\n  museml detect IMAGE... --detector patches --set model={out}")


def _section(path):
    """Return the section [training] of a TOML file."""
    if path is None:
        return {}
    sections = read_toml(path)
    if set(sections) != {SECTION} or not isinstance(sections[SECTION], dict):
        raise SettingError(f"a configuration of a training has the section [{SECTION}]; {path!r} has {list(sections)}")
    return sections[SECTION]


def _assigned(assignments):
    pairs = dict(assignment(text) for text in assignments)
    return {key.removeprefix(f"{SECTION}."): value for key, value in pairs.items()}


def _write_report(path, tuned, labelled, spectra):
    from museml.plots.report import write_evaluation

    compared = {"held-out spectra, before": tuned.before, "held-out spectra, after": tuned.answers}
    words = ("before", "after") if len(tuned.simulated) > 1 else ("after",)
    compared |= {f"simulated spectra, {w}": answers for w, answers in zip(words, tuned.simulated, strict=True)}
    compared = {name: answers for name, answers in compared.items() if answers is not None}
    held_out = "redshift; each spectrum by a model that was not trained on its object"
    facts = {
        "classifier": held_out,
        "training data": tuned.model.card.training_data,
        "model": f"{tuned.model.card.name}, {tuned.model.sha256}",
    }
    history = tuned.model.history
    gained = min(history["val_loss"]) < history["val_loss_before"][0]
    notes = [] if gained else [NOTHING_GAINED]
    options = {"notes": notes, "facts": facts, "compared": compared, "history": history}
    write_evaluation(path, tuned.answers, labelled, f"Redshifts by a network trained on {spectra}", **options)

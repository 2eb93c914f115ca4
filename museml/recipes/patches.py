"""The model ``patches``: radio components. Run ``python -m museml.recipes.patches -o patches.asdf`` to make it."""

from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import click
import numpy as np

from museml.data.patches import QUANTITIES
from museml.model import Model, ModelCard
from museml.networks.backend import load_keras
from museml.networks.patches import build_patches_network
from museml.networks.patches_loss import patches_loss
from museml.output import make_folder
from museml.training.patches_fields import simulated_fields
from museml.training.patches_samples import PREPARATION, patch_draw
from museml.training.patches_scores import fit_odds, patches_scores
from museml.training.redshift_fit import fit_redshift

__all__ = ["CLASSES", "PARTS", "Settings", "make_model", "train"]

CLASSES = ("component", "nothing")
#: what the model has beside network and card
PARTS = {"preparation": PREPARATION, "reading": "boxes"}
WATCHED = 64  # patches that are watched during the training


@dataclass(frozen=True)
class Settings:
    """What the model depends on.

    Attributes
    ----------
    fields : int
        Number of simulated fields of 1000 x 1000 pixels for training.
    held_out : int
        Number of such fields for the calibration; a third as many of four times the area, of each kind of artefacts,
        for the test.
    side : int
        Side of the fields for training and calibration in pixels.
    epochs, steps, batch_size : int
        Epochs of so many steps, patches per step.
    rate : float
        Greatest learning rate.
    seed : int
        Of everything.
    """

    fields: int = 320
    held_out: int = 24
    side: int = 1000
    epochs: int = 40
    steps: int = 200
    batch_size: int = 8
    rate: float = 2e-3
    seed: int = 0


def make_model(settings, work, log=None):
    """Simulate, train, calibrate and test.

    Parameters
    ----------
    settings : Settings
        What the model depends on.
    work : path
        Folder for the state of the training. What is there already is used, so that a recipe that was stopped goes on.
    log : path, optional
        CSV file of the losses by epoch.

    Returns
    -------
    `~museml.Model`
    """
    make_folder(Path(work))
    network, history = train(settings, Path(work) / "checkpoint.npz", log)
    model = Model.from_network(network, make_card(settings), **PARTS, history=history)
    held_out = simulated_fields(settings.held_out, (settings.seed, 2), settings.side)
    model = replace(model, calibration=fit_odds(model, held_out) or model.calibration)
    scores = patches_scores(model, -(-settings.held_out // 3), 2 * settings.side)
    return replace(model, card=replace(model.card, scores=scores))


def train(settings, checkpoint, log=None):
    """Return the trained network and its history."""
    load_keras().utils.set_random_seed(settings.seed)
    pools = [simulated_fields(n, (settings.seed, i), settings.side) for i, n in enumerate((settings.fields, 8))]
    validation = patch_draw(pools[1], noisier=0)(np.random.default_rng(settings.seed), WATCHED)
    network = build_patches_network(len(QUANTITIES))
    options = {name: getattr(settings, name) for name in ("seed", "epochs", "steps", "batch_size", "rate")}
    options |= {"loss": patches_loss, "checkpoint": checkpoint, "resume": True, "log": log}
    return network, fit_redshift(network, patch_draw(pools[0]), validation, **options)


def make_card(settings):
    """Return the card, without scores."""
    text = ", ".join(f"{name}={value}" for name, value in asdict(settings).items())
    return ModelCard(
        name="patches",
        version="1.0",
        summary="components of radio images: boxes with objectness, flux, axes and position angle",
        task="Where are components in this patch of an image, and which flux, size and position angle do they have?",
        accepts=("patch",),
        classes=CLASSES,
        training_data=TRAINING_DATA,
        failures=FAILURES,
        recipe=f"python -m museml.recipes.patches -o patches.asdf ({text})",
        created=datetime.now(UTC).date().isoformat(),
    )


TRAINING_DATA = (
    "Simulated fields only (museml.simulation.fields): 0.7 to 1.6 times the sources of LoTSS, with counts of slopes "
    "from 1.9 to 2.3, points, resolved and double ones; noise of 60 to 115 uJy/beam that varies by 5 to 25 % over the "
    "field and is correlated over a beam; artefacts around bright sources with amplitudes of 0.4 to 12 % and radii of "
    "18 to 90 arcsec, none in one field of four; background and noise measured as in the detectors. Patches are "
    "turned and mirrored, and noise is added to every other one. Components from an S/N of 2 are to be found; of "
    "fainter ones nothing is asked. Calibrated on other fields drawn in the same way. The scores are of fields with "
    "the presets 'clean', 'mild' and 'strong' that it had not seen: completeness where 95 % of the whole list match a "
    "true component within a beam. No real image was used."
)
FAILURES = (
    "It knows only what is simulated: diffuse emission, bent or many-lobed galaxies and artefacts of other shapes than "
    "spokes, rings and bowls are unlike anything it saw. Components closer than about a beam are one box. Its "
    "probabilities hold for source counts and noise like those of LoTSS: in images that are confused, or with much "
    "fewer sources for their noise, they are too low or too high. Fluxes and sizes of single faint components are no "
    "better than the noise allows, and are drawn towards those of point sources."
)


@click.command()
@click.option("-o", "--output", required=True, type=click.Path(), help="The ASDF file to write.")
@click.option("--work", type=click.Path(), help="Folder to work in; by default the output's name with '.work'.")
@click.option("--fields", default=Settings.fields, show_default=True, help="Simulated fields for training.")
@click.option("--held-out", default=Settings.held_out, show_default=True, help="Fields for the calibration.")
@click.option("--side", default=Settings.side, show_default=True, help="Side of these fields in pixels.")
@click.option("--epochs", default=Settings.epochs, show_default=True, help="Epochs of training.")
@click.option("--steps", default=Settings.steps, show_default=True, help="Steps in an epoch.")
@click.option("--seed", default=Settings.seed, show_default=True, help="Seed of everything.")
@click.option("--log", type=click.Path(), help="CSV file of the losses by epoch.")
def main(output, work, log, **settings):
    """Make the model 'patches' from the installed package alone; stopped, it goes on where it was."""
    model = make_model(Settings(**settings), work or f"{output}.work", log)
    model.save(output)
    click.echo(f"{output}: {model.sha256}")


if __name__ == "__main__":
    main()

"""The model ``redshift-muse``. Run ``python -m museml.recipes.redshift -o redshift-muse.asdf`` to make it."""

from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import click
import numpy as np

from museml.data.redshift_bins import CLASSES, N_BINS
from museml.model import Model, ModelCard
from museml.networks.backend import load_keras
from museml.networks.redshift import build_redshift_network
from museml.output import make_folder
from museml.simulation.spectra import simulate_spectra
from museml.training.redshift import PREPARATION, make_pool, mixed_draw, redshift_loss, simulated_draw
from museml.training.redshift_calibration import calibrate_redshift
from museml.training.redshift_fit import fit_redshift
from museml.training.redshift_pool import read_pool
from museml.training.redshift_scores import redshift_scores

__all__ = ["Settings", "make_model"]

#: instruments and their shares of the spectra; most are of MUSE, the others keep it open to other ranges
SHARES = {"MUSE-extended": 0.86, "SDSS": 0.07, "BlueMUSE": 0.07}

WATCHED = 500  # spectra that are watched during the training
#: significance of the spectra of calibration and test: that of detected objects; fainter ones are in the training only
DETECTED = (5.0, 200.0)
BLENDS = 0.2  # of those in the training, so that they are not too few to learn from; in the test half as many


@dataclass(frozen=True)
class Settings:
    """What the model depends on.

    Attributes
    ----------
    pool : int
        Number of clean simulated spectra for training; each is observed anew whenever it is drawn.
    held_out : int
        Number for the calibration, and as many more for the test.
    epochs, steps, batch_size : int
        Epochs of so many steps, spectra per step.
    rate : float
        Greatest learning rate.
    seed : int
        Of everything.
    """

    pool: int = 120_000
    held_out: int = 4000
    epochs: int = 40
    steps: int = 150
    batch_size: int = 96
    rate: float = 2e-3
    seed: int = 0


def make_model(settings, work, processes=1):
    """Simulate, train, calibrate and test.

    Parameters
    ----------
    settings : Settings
        What the model depends on.
    work : path
        Folder for what is simulated and for the state of the training. What is there already is used,
        so that a recipe that was stopped goes on.
    processes : int
        Number of processes that simulate.

    Returns
    -------
    `~museml.Model`
    """
    folder = Path(work)
    make_folder(folder)
    pools = {
        name: read_pool(folder, round(share * settings.pool), (settings.seed, i), name, processes)
        for i, (name, share) in enumerate(SHARES.items())
    }
    network, history = train(settings, pools, folder / "checkpoint.npz")
    model = _smaller(Model.from_network(network, make_card(settings), **PARTS, history=history))
    options = {"snr": DETECTED, "blends": BLENDS / 2}
    held_out = [simulate_spectra(settings.held_out, (settings.seed, 98, i), **options) for i in range(2)]
    model = replace(model, calibration=calibrate_redshift(model, *held_out[0]))
    scores = redshift_scores(model, *held_out[1])
    return replace(model, card=replace(model.card, scores=scores))


#: what the model has beside network and card
PARTS = {"preparation": PREPARATION, "reading": "redshift"}


def train(settings, pools, checkpoint):
    """Return the trained network and its history."""
    load_keras().utils.set_random_seed(settings.seed)
    draw = mixed_draw([(simulated_draw(pool, blends=BLENDS), SHARES[name]) for name, pool in pools.items()])
    watched = make_pool(WATCHED, (settings.seed, 97), next(iter(SHARES)))
    validation = simulated_draw(watched, blends=BLENDS, shifted=0, binned=0)(
        np.random.default_rng(settings.seed), len(watched)
    )
    network = build_redshift_network(validation[0].shape[1:], N_BINS // 2)
    options = {name: getattr(settings, name) for name in ("seed", "epochs", "steps", "batch_size", "rate")}
    history = fit_redshift(network, draw, validation, loss=redshift_loss, checkpoint=checkpoint, resume=True, **options)
    return network, history


def _smaller(model):
    """Return a model whose weights have half the digits, which is enough."""
    return replace(model, weights={path: weight.astype(np.float16) for path, weight in model.weights.items()})


def make_card(settings):
    """Return the card, without scores."""
    text = ", ".join(f"{name}={value}" for name, value in asdict(settings).items())
    return ModelCard(
        name="redshift-muse",
        version="1.1",
        summary="class and redshift of MUSE spectra, z from 0 to 6.7",
        task="Is there a galaxy, a quasar, a star or nothing in this spectrum, at which redshift, and a second object?",
        accepts=("spectrum",),
        classes=CLASSES,
        training_data=TRAINING_DATA,
        failures=FAILURES,
        recipe=f"python -m museml.recipes.redshift -o redshift-muse.asdf ({text})",
        created=datetime.now(UTC).date().isoformat(),
    )


TRAINING_DATA = (
    "Simulated spectra only (museml.simulation.spectra): galaxies with emission lines, passive galaxies, Lyman alpha "
    "emitters, Lyman-break galaxies, type-2 nuclei, quasars, stars, and, one in eight, no object; one in five blended "
    "with a second object. 86 % are of MUSE (in nominal or extended mode), the others of SDSS and BlueMUSE. "
    "Significance (S/N of the brightest line and 7 times that of the continuum per channel, in quadrature) even in the "
    "logarithm from 3 to 200. Noise of exposures of 15 minutes to 140 hours, correlated between channels, reported "
    "wrongly by 0.55 to 1.6, with residuals of the sky, cosmic rays, wrong flux calibration and gaps. Calibrated and "
    "tested on others of MUSE, of a significance from 5 and one in ten blended. No real spectrum was used."
)
FAILURES = (
    "It knows only what is simulated: unlike objects get a redshift all the same, mostly with a low probability. "
    "Probabilities hold for the mix of the simulation from a significance of 5 on, which is even in the logarithm of "
    "the S/N and has more faint quasars and stars than the sky; fainter objects are called nothing too often, or get "
    "probabilities that are a little too high. Weakest from z = 1.5 to 2.9 where the continuum has an S/N below 3 per "
    "channel, and for lines with an S/N below 5. The redshift of Lyman alpha emitters is the systemic one, which the "
    "line does not tell better than some 200 km/s. Of two objects in a spectrum the second is often not found when it "
    "has less than a third of the significance."
)


@click.command()
@click.option("-o", "--output", required=True, type=click.Path(), help="The ASDF file to write.")
@click.option("--work", type=click.Path(), help="Folder to work in; by default the output's name with '.work'.")
@click.option("--pool", default=Settings.pool, show_default=True, help="Clean spectra to simulate for training.")
@click.option("--held-out", default=Settings.held_out, show_default=True, help="Spectra to calibrate, and to test.")
@click.option("--epochs", default=Settings.epochs, show_default=True, help="Epochs of training.")
@click.option("--steps", default=Settings.steps, show_default=True, help="Steps in an epoch.")
@click.option("--seed", default=Settings.seed, show_default=True, help="Seed of everything.")
@click.option("--processes", default=2, show_default=True, help="Processes that simulate.")
def main(output, work, processes, **settings):
    """Make the model 'redshift-muse' from the installed package alone; stopped, it goes on where it was."""
    model = make_model(Settings(**settings), work or f"{output}.work", processes)
    model.save(output)
    click.echo(f"{output}: {model.sha256}")


if __name__ == "__main__":
    main()

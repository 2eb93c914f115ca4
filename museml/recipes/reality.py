"""The model ``reality``: real line or residual. Run ``python -m museml.recipes.reality -o reality.asdf`` to make it."""

from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import partial
from itertools import product

import click
import numpy as np
from tqdm import tqdm

from museml.data.cutouts import CHANNELS, LENGTH, PIXELS, QUANTITIES, SPECTRA, pack, unpack
from museml.model import Model, ModelCard
from museml.networks.backend import load_keras
from museml.networks.reality import build_reality_network
from museml.training.fit import fit_network
from museml.training.reality_cubes import HARSH, REAL_CUBES, USUAL, real_trial, simulated_trial
from museml.training.reality_samples import PREPARATION, fit_evidence, stack_samples, stack_trials
from museml.training.reality_scores import reality_scores
from museml.training.trials import REAL

__all__ = ["Settings", "make_model", "make_samples", "train"]

CUTOUT = (CHANNELS, PIXELS, PIXELS, len(QUANTITIES))
SPECTRUM = (LENGTH, len(SPECTRA))
#: part, origin, residuals and number of the first cube, which is its seed: no part grows into another
SIMULATED = (
    ("training", "simulated", USUAL, 0),
    ("validation", "simulated", USUAL, 500),
    ("test", "simulated", USUAL, 600),
    ("test", "stronger", HARSH, 600),
)


@dataclass(frozen=True)
class Settings:
    """What the model depends on.

    Attributes
    ----------
    fields : int
        Number of simulated cubes for training; a quarter as many more for validation, as many for the test, and as
        many with stronger residuals for the test.
    rounds : int
        How often noise and lines are put into the sign-flipped copy of each real cube.
    shape : tuple
        Of the simulated cubes.
    threshold : float
        S/N from which detections are used.
    epochs : int
        At most so many.
    seed : int
        Of everything.
    """

    fields: int = 24
    rounds: int = 8
    shape: tuple = (3681, 40, 40)
    threshold: float = 3.8
    epochs: int = 30
    seed: int = 0


def make_model(settings, log=None):
    """Simulate, detect, train, calibrate and test.

    Each real cube is judged by a model that was trained without it, in the same way.

    Parameters
    ----------
    settings : Settings
        What the model depends on.
    log : path, optional
        CSV file of the losses by epoch.

    Returns
    -------
    `~museml.Model`
    """
    samples = make_samples(settings)
    model = train(settings, samples, samples["training"], log)
    scores = reality_scores(*judged(settings, samples, model))
    return replace(model, card=replace(model.card, scores=scores))


def judged(settings, samples, model):
    """Return detections of cubes that were not seen, and the probabilities that a model gives them."""
    training, parts = samples["training"], [(samples["test"], model)]
    for origin in REAL_CUBES:
        rest = training.rows(training.origin != origin)
        parts.append((training.rows(training.origin == origin), train(settings, samples, rest)))
    answers = [judge.predict(sample.batch)[:, REAL] for sample, judge in parts if len(sample)]
    return stack_samples([sample for sample, _ in parts if len(sample)]), np.concatenate(answers)


def train(settings, samples, training, log=None):
    """Return the calibrated `~museml.Model` of a training sample, with a card without scores."""
    load_keras().utils.set_random_seed(settings.seed)
    network = build_reality_network(CUTOUT, SPECTRUM)
    options = {"seed": settings.seed, "epochs": settings.epochs, "augment": turn, "log": log}
    parts = {"axis": training.batch.axis, "preparation": PREPARATION}
    validation = samples["validation"].arrays
    parts["history"] = fit_network(network, training.arrays, validation, **options)
    model = Model.from_network(network, make_card(settings, samples), **parts)
    answers = model.predict(samples["validation"].batch)[:, REAL]
    return replace(model, calibration=fit_evidence(samples["validation"], answers))


def make_samples(settings):
    """Return the `~museml.training.reality_samples.Sample` of each part: 'training', 'validation' and 'test'.

    The real cubes are in the part for training.
    """
    trials = {"training": [], "validation": [], "test": []}
    for part, origin, make in tqdm(_jobs(settings), desc="trials", unit="cube"):
        trials[part].append((origin, make()))
    return {part: stack_trials(found) for part, found in trials.items()}


def turn(inputs, rng):
    """Turn and mirror cut-outs on the sky, and mirror them with their spectra in wavelength, all in the same way."""
    cutouts, spectra = unpack(inputs)
    cutouts = np.rot90(cutouts, rng.integers(4), axes=(2, 3))
    cutouts = cutouts[:, :, :, ::-1] if rng.random() < 0.5 else cutouts
    if rng.random() < 0.5:
        cutouts, spectra = cutouts[:, ::-1], spectra[:, ::-1]
    return pack(cutouts, spectra)


def make_card(settings, samples):
    """Return the card, without scores."""
    counts = {part: np.bincount(sample.labels, minlength=2).tolist() for part, sample in samples.items()}
    numbers = "; ".join(f"{part}: {real} lines, {other} residuals" for part, (real, other) in counts.items())
    text = ", ".join(f"{name}={value}" for name, value in asdict(settings).items())
    return ModelCard(
        name="reality",
        version="2.0",
        summary="tells real line detections from residuals of sky, continuum and noise",
        task="Is this detection of the detector 'lines' a real emission line?",
        accepts=("cutout",),
        classes=("line", "residual"),
        training_data=TRAINING_DATA + f" Detections: {numbers}.",
        failures=FAILURES,
        recipe=f"python -m museml.recipes.reality -o reality.asdf ({text})",
        created=datetime.now(UTC).date().isoformat(),
    )


TRAINING_DATA = (
    "Detections by 'lines' in two kinds of cubes. (1) A 900 s exposure of Abell 478 and a part of a deep mosaic, both "
    "shipped with MPDAF, with the sign of the data changed and noise added: lines put in are real, all other peaks "
    "are residuals. (2) Simulated cubes "
    "with residuals of sky lines, of continua (stars, stellar populations, absorption lines, the Earth's atmosphere), "
    "of cosmic rays, of the instrument's slices, and at the edges of the notch filter of adaptive optics: lines put "
    "in are real, all other peaks are residuals. Lines are compact or extended up to 9 arcsec, up to 1000 km/s wide, "
    "alone or in the sets of galaxies, with S/N from 4 to 200. Rows are weighted so that the S/N alone tells nothing. "
    "The validation cubes are simulated. The scores are of cubes that the model had not seen: simulated ones of other "
    "seeds ('simulated'), some with stronger residuals than any in training ('stronger'), and the two real ones, "
    "each judged by a model trained without it in the same way."
)
FAILURES = (
    "Residuals of real cubes were few, and from two cubes only. It sees 250 Angstrom of one spectrum, 50 Angstrom of "
    "the image and 1.8 arcsec: lines wider than about 30 Angstrom and ripples of the continuum look alike to it, and "
    "so do smooth residuals of the sky and extended lines that fill the field. A line under a strong sky line tends "
    "to be called a residual. It does not know other samplings than 1.25 Angstrom and 0.2 arcsec."
)


def _jobs(settings):
    """Return part, origin and a function that makes the trial, for all cubes."""
    few, jobs = max(settings.fields // 4, 1), []
    for number, origin in product(range(settings.rounds), REAL_CUBES):
        seed = (settings.seed, 1, len(origin), number)
        jobs.append(("training", origin, partial(real_trial, origin, settings, seed)))
    for (part, origin, residuals, first), count in zip(SIMULATED, (settings.fields, few, few, few), strict=True):
        for number in range(first, first + count):
            seed = (settings.seed, 2, number)
            jobs.append((part, origin, partial(simulated_trial, settings, residuals, seed)))
    return jobs


@click.command()
@click.option("-o", "--output", required=True, help="The ASDF file to write.")
@click.option("--fields", default=Settings.fields, show_default=True, help="Simulated cubes for training.")
@click.option("--rounds", default=Settings.rounds, show_default=True, help="Rounds of the real cubes.")
@click.option("--epochs", default=Settings.epochs, show_default=True, help="Epochs of training at most.")
@click.option("--seed", default=Settings.seed, show_default=True, help="Seed of everything.")
@click.option("--log", type=click.Path(), help="CSV file of the losses by epoch.")
def main(output, fields, rounds, epochs, seed, log):
    """Make the model 'reality' from the installed package alone; this takes some minutes."""
    model = make_model(Settings(fields=fields, rounds=rounds, epochs=epochs, seed=seed), log)
    model.save(output)
    click.echo(f"{output}: {model.sha256}")


if __name__ == "__main__":
    main()

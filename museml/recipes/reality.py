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
#: part, origin, residuals, cubes per cube of training, and number of the first, its seed: no part grows into another
SIMULATED = (
    ("training", "simulated", USUAL, 1.0, 0),
    ("validation", "simulated", USUAL, 0.5, 500),
    ("validation", "stronger", HARSH, 0.25, 550),
    ("test", "simulated", USUAL, 0.25, 600),
    ("test", "stronger", HARSH, 0.25, 600),
)


@dataclass(frozen=True)
class Settings:
    """What the model depends on.

    Attributes
    ----------
    fields : int
        Number of simulated cubes for training; for validation half as many more, and for the test a quarter, and for
        both a quarter with stronger residuals.
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

    Each real cube is judged by a model that was trained without it, in the same way; what these say has a part in the
    calibration, too, since real cubes are not quite like simulated ones.

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
    real = judged(settings, samples)
    model = train(settings, samples, samples["training"], log)
    model = replace(model, calibration=calibrated(model, _usual(samples), *real))
    scores = reality_scores(*_joined(samples["test"], model, *real))
    return replace(model, card=replace(model.card, scores=scores))


def judged(settings, samples):
    """Return the detections of real cubes, and the probabilities that models give them that have not seen the cube."""
    training, found, answers = samples["training"], [], []
    for origin in REAL_CUBES:
        judge = train(settings, samples, training.rows(training.origin != origin))
        found.append(training.rows(training.origin == origin))
        answers.append(judge.predict(found[-1].batch)[:, REAL])
    return stack_samples(found), np.concatenate(answers)


def calibrated(model, simulated, real, answers):
    """Return the calibration of a model with which probabilities hold in simulated and in real cubes together."""
    first, more = model.calibration, fit_evidence(*_joined(simulated, model, real, answers))
    offset = more["scale"] * first["offset"][0] + more["offset"][0]
    return {"scale": more["scale"] * first["scale"], "offset": [offset, 0.0]}


def _joined(simulated, model, real, answers):
    """Return simulated and real detections as one sample, with what the model and others say of them."""
    return stack_samples([simulated, real]), np.concatenate([model.predict(simulated.batch)[:, REAL], answers])


def train(settings, samples, training, log=None):
    """Return the calibrated `~museml.Model` of a training sample, with a card without scores."""
    load_keras().utils.set_random_seed(settings.seed)
    network = build_reality_network(CUTOUT, SPECTRUM)
    options = {"seed": settings.seed, "epochs": settings.epochs, "augment": turn, "log": log}
    parts = {"axis": training.batch.axis, "preparation": PREPARATION}
    validation = samples["validation"].arrays
    parts["history"] = fit_network(network, training.arrays, validation, **options)
    model = Model.from_network(network, make_card(settings, samples), **parts)
    usual = _usual(samples)
    return replace(model, calibration=fit_evidence(usual, model.predict(usual.batch)[:, REAL]))


def _usual(samples):
    """Return the part of the validation without residuals stronger than those of training."""
    return samples["validation"].rows(samples["validation"].origin == "simulated")


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
        version="2.1",
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
    "The validation cubes are simulated, a third of them with residuals stronger than any in training; with the others "
    "and with the real cubes, as judged by models that had not seen them, the probabilities were calibrated. The "
    "scores are of cubes that the model had not seen: simulated ones of other "
    "seeds ('simulated'), some with stronger residuals than any in training ('stronger'), and the two real ones, "
    "each judged by a model trained without it in the same way."
)
FAILURES = (
    "Residuals of real cubes were few, and from two cubes only. It sees 250 Angstrom of one spectrum, 50 Angstrom of "
    "the image and 1.8 arcsec: lines wider than about 30 Angstrom and ripples of the continuum look alike to it, and "
    "so do smooth residuals of the sky and extended lines that fill the field. A line under a strong sky line tends "
    "to be called a residual. In cubes with residuals stronger than any that it knows one in ten of them gets p > 0.9. "
    "It does not know other samplings than 1.25 Angstrom and 0.2 arcsec."
)


def _jobs(settings):
    """Return part, origin and a function that makes the trial, for all cubes."""
    jobs = []
    for number, origin in product(range(settings.rounds), REAL_CUBES):
        seed = (settings.seed, 1, len(origin), number)
        jobs.append(("training", origin, partial(real_trial, origin, settings, seed)))
    for part, origin, residuals, share, first in SIMULATED:
        for number in range(first, first + max(int(share * settings.fields), 1)):
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

"""The model ``reality``: real line or residual. Run ``python -m museml.recipes.reality -o reality.asdf`` to make it."""

from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import click
import mpdaf
import numpy as np
from tqdm import tqdm

from museml.data.batch import Batch
from museml.data.cubes import open_cube
from museml.data.cutouts import PIXELS
from museml.data.preparation import prepare_input
from museml.data.psf import PSF
from museml.detectors.lines import LineDetector
from museml.model import Model, ModelCard
from museml.networks.backend import load_keras
from museml.networks.reality import build_reality_network
from museml.simulation.cubes import simulate_cube
from museml.simulation.objects import join, random_galaxies, random_lines
from museml.simulation.residuals import continuum_residuals, sky_residuals
from museml.training.calibration import fit_calibration
from museml.training.fit import fit_network
from museml.training.metrics import completeness_purity, rate, reliability, roc_area
from museml.training.trials import REAL, flip_cube, run_trial

__all__ = ["Sample", "Settings", "make_model", "make_samples"]

REAL_CUBES = {"A478": "minicube.fits", "mosaic": "subcub_mosaic.fits"}  # every mpdaf has them
PREPARATION = ({"step": "stretch", "scale": 1.0}, {"step": "append_mask"})
LINES_PER_VOXEL = 250 / (3681 * 40 * 40)
#: sorts of lines: share, S/N, intrinsic FWHM (km/s), FWHM on the sky (arcsec)
SORTS = (
    (0.50, (4, 10), (30, 300), (0.0, 0.6)),
    (0.15, (4, 12), (300, 1000), (0.0, 1.5)),
    (0.20, (10, 50), (30, 500), (0.0, 2.0)),
    (0.12, (6, 40), (30, 500), (1.0, 5.0)),
    (0.03, (40, 200), (100, 600), (0.0, 3.0)),
)
#: the same for galaxies, with several lines each; number per 250 lines instead of a share
GALAXIES = ((6, (4, 15), (0.0, 1.0)), (5, (20, 200), (0.3, 5.0)))
RATIO_SCATTER = 0.3  # dex, on top of that of star-forming galaxies: nebulae in clusters have [NII] as bright as H alpha
BRIGHT = 0.05  # of the field, where objects are
ON_OBJECTS = 0.3  # of the lines, which are put there


@dataclass(frozen=True)
class Settings:
    """What the model depends on.

    Attributes
    ----------
    fields : int
        Number of simulated cubes for training; a quarter as many more for validation, and for the test.
    rounds : int
        How often lines are put into each real cube and into its sign-flipped copy.
    shape : tuple
        Of the simulated cubes.
    threshold : float
        S/N from which detections are used.
    epochs : int
        At most so many.
    seed : int
        Of everything.
    """

    fields: int = 32
    rounds: int = 12
    shape: tuple = (3681, 40, 40)
    threshold: float = 3.8
    epochs: int = 60
    seed: int = 0


@dataclass(frozen=True)
class Sample:
    """Cut-outs with their labels and weights; ``origin`` says which cube each is from."""

    batch: Batch
    labels: np.ndarray
    weights: np.ndarray
    origin: np.ndarray
    snr: np.ndarray

    @property
    def arrays(self):
        """Input of the network, labels and weights."""
        return prepare_input(self.batch, PREPARATION), self.labels, self.weights


def make_model(settings, log=None):
    """Simulate, detect, train, calibrate and test.

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
    training, validation = samples["training"].arrays, samples["validation"].arrays
    load_keras().utils.set_random_seed(settings.seed)
    network = build_reality_network(training[0].shape[1:])
    options = {"seed": settings.seed, "epochs": settings.epochs, "augment": turn, "log": log}
    parts = {"axis": samples["training"].batch.axis, "preparation": PREPARATION}
    parts["history"] = fit_network(network, training, validation, **options)
    model = Model.from_network(network, make_card(settings, samples), **parts)
    outputs = np.log(np.maximum(model.predict(samples["validation"].batch), 1e-30))
    model = replace(model, calibration=fit_calibration(outputs, *validation[1:]))
    return replace(model, card=replace(model.card, scores=test_scores(model, samples["test"])))


def make_samples(settings):
    """Return the `Sample` of each part: 'training', 'validation' and 'test'.

    No part shares a pixel of a real cube or a simulation with another.
    """
    trials = {"training": [], "validation": [], "test": []}
    jobs = [*_real_jobs(settings), *_simulated_jobs(settings)]
    for job in tqdm(jobs, desc="trials", unit="cube"):
        for part, origin, trial, rows in job():
            trials[part].append((origin, trial, rows))
    return {part: _sample(found) for part, found in trials.items()}


def turn(inputs, rng):
    """Turn and mirror the images of cut-outs, shape (n, channels, y, x, quantities), all in the same way."""
    inputs = np.rot90(inputs, rng.integers(4), axes=(2, 3))
    return inputs[:, :, :, ::-1] if rng.random() < 0.5 else inputs


def test_scores(model, sample):
    """Return the scores on the test sample, by origin, and for all that the detector shows by default."""
    p_real = model.predict(sample.batch)[:, REAL]
    truth = sample.labels == REAL
    parts = {str(origin): sample.origin == origin for origin in np.unique(sample.origin)}
    parts[f"all with S/N > {LineDetector().threshold:g}"] = sample.snr > LineDetector().threshold
    scores = [score for name, rows in parts.items() for score in _scores(truth[rows], p_real[rows], name)]
    area = {"name": "area under the ROC curve", "value": roc_area(truth, p_real), "n": len(truth), "data": "all"}
    return (*(score for score in scores if score["n"]), area, *reliability(truth, p_real, "all"))


test_scores.__test__ = False  # a name that pytest would take for a test


def make_card(settings, samples):
    """Return the card, without scores."""
    counts = {part: np.bincount(sample.labels, minlength=2).tolist() for part, sample in samples.items()}
    numbers = "; ".join(f"{part}: {real} lines, {other} residuals" for part, (real, other) in counts.items())
    text = ", ".join(f"{name}={value}" for name, value in asdict(settings).items())
    return ModelCard(
        name="reality",
        version="1.0",
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
    "Detections by 'lines' in three kinds of cubes. (1) A 900 s exposure of Abell 478 and a part of a deep mosaic, "
    "both shipped with MPDAF: lines put in are real; other peaks are left out. (2) The same cubes with the sign of the "
    "data changed: lines put in are real, all other peaks are residuals. (3) Simulated cubes with continua, and with "
    "residuals of sky lines and of continua with absorption lines: lines put in are real, all other peaks are "
    "residuals. Lines are compact or extended up to 5 arcsec, up to 1000 km/s wide, alone or in the sets of galaxies, "
    "with S/N from 4 to 200. In the real cubes the parts of the sky for training, validation and test do not touch; "
    "their objects, and nearly all their residuals, are in the part for training."
)
FAILURES = (
    "Calibrated for as many real lines as residuals; where residuals prevail, probabilities are too high, and the "
    "other way round. Residuals of real cubes were few, and from two cubes only; bumps between the absorption lines of "
    "a bright continuum are what deceives it most. It sees 50 Angstrom and 1.8 arcsec: lines wider than about 30 "
    "Angstrom and ripples of the continuum look alike to it, and so do extended lines and smooth residuals of the "
    "sky. A line under a strong sky line tends to be called a residual. It does not know other samplings than 1.25 "
    "Angstrom and 0.2 arcsec."
)


def _scores(truth, p_real, name):
    survivors = rate("residuals with p > 0.9", int(np.sum(p_real[~truth] > 0.9)), int(np.sum(~truth)), name)
    return (*completeness_purity(truth, p_real, 0.5, name), survivors)


def _real_jobs(settings):
    folder = Path(mpdaf.__file__).parent / "data" / "sdetect"
    for number, (origin, file) in enumerate(REAL_CUBES.items()):
        for round_ in range(settings.rounds):
            for flipped in (False, True):
                seed = (settings.seed, 1, number, round_, int(flipped))
                yield lambda a=(settings, origin, folder / file, flipped, seed): _real_trial(*a)


def _real_trial(settings, origin, path, flipped, seed):
    cube = open_cube(path).to_mpdaf()
    cube = flip_cube(cube) if flipped else cube
    lines = draw_lines(cube, np.random.default_rng(seed))
    trial = run_trial(cube, lines, LineDetector(threshold=settings.threshold), residuals=flipped)
    return [(part, origin, trial, rows) for part, rows in _regions(trial, cube.shape)]


def _regions(trial, shape):
    """Divide the sky: one half for training, the two corners of the other for the rest, a cut-out's width apart."""
    half, middle = shape[2] / 2, shape[1] / 2
    aside = trial.x < half - PIXELS
    yield "training", trial.x >= half
    yield "validation", aside & (trial.y < middle - PIXELS / 2)
    yield "test", aside & (trial.y >= middle + PIXELS / 2)


def _simulated_jobs(settings):
    few = max(settings.fields // 4, 1)
    parts = ["training"] * settings.fields + ["validation"] * few + ["test"] * few
    for number, part in enumerate(parts):
        yield lambda a=(settings, part, (settings.seed, 2, number)): _simulated_trial(*a)


def _simulated_trial(settings, part, seed):
    rng = np.random.default_rng(seed)
    hours, psf = np.exp(rng.uniform(np.log(0.25), np.log(30))), PSF(rng.uniform(0.5, 1.1))
    options = {"n_lines": 0, "n_galaxies": 0, "n_continuum": 6, "correlated": rng.random() < 0.7}
    cube, _ = simulate_cube(settings.shape, rng, psf=psf, exposure_hours=hours, **options)
    data = open_cube(cube)
    cube.data = cube.data + sky_residuals(data, rng) + continuum_residuals(data, rng)
    trial = run_trial(cube, draw_lines(cube, rng), LineDetector(threshold=settings.threshold))
    return [(part, "simulated", trial, np.ones(len(trial.labels), bool))]


def draw_lines(cube, rng):
    """Draw the lines to put into a cube: of all sorts, alone and in galaxies."""
    count = LINES_PER_VOXEL * np.prod(cube.shape)
    drawn = []
    for share, snr, velocity, size in SORTS:
        for part in np.array_split(np.zeros(round(share * count) + 1), 5):
            drawn.append(random_lines(cube, len(part), rng, snr=snr, velocity=velocity, size=rng.uniform(*size)))
    for number, snr, size in GALAXIES:
        for _ in range(round(number * count / 250)):
            drawn.append(random_galaxies(cube, 1, rng, snr=snr, size=rng.uniform(*size)))
            drawn[-1]["flux"] *= 10 ** rng.normal(0, RATIO_SCATTER, len(drawn[-1]))
    return _onto_objects(join(drawn), cube, rng)


def _onto_objects(truth, cube, rng):
    """Move some of the drawn objects onto the brightest places of the field, where there is continuum."""
    white = np.abs(np.ma.filled(cube.data.mean(axis=0), 0))
    y, x = np.nonzero(white >= np.quantile(white, 1 - BRIGHT))
    for source in np.unique(truth["source"]):
        if rng.random() < ON_OBJECTS:
            place, rows = rng.integers(len(y)), truth["source"] == source
            truth["x"][rows], truth["y"][rows] = np.array([x[place], y[place]]) + rng.uniform(-0.5, 0.5, 2)
    return truth


def _sample(found):
    """Stack the chosen rows; in each origin lines and residuals weigh the same."""
    labels, snr = (np.concatenate([getattr(t, name)[rows] for _, t, rows in found]) for name in ("labels", "snr"))
    origin = np.concatenate([np.full(rows.sum(), name) for name, _, rows in found])
    batches = [(trial.batch, rows) for _, trial, rows in found]
    stacked = {name: np.concatenate([getattr(b, name)[r] for b, r in batches]) for name in ("values", "errors", "mask")}
    ids = tuple(str(number) for number in range(len(labels)))
    batch = replace(batches[0][0], ids=ids, flags=None, lines=None, **stacked)
    return Sample(batch, labels, _balanced(labels, origin), origin, snr)


def _balanced(labels, origin):
    weights = np.ones(len(labels))
    for name in np.unique(origin):
        for label in np.unique(labels):
            rows = (origin == name) & (labels == label)
            weights[rows] = (origin == name).sum() / 2 / max(rows.sum(), 1)
    return weights


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

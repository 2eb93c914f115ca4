"""Train the network for patches on a person's own images and catalogues."""

import json
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

import numpy as np

from museml.catalogs.reference import open_catalog
from museml.data.patches import QUANTITIES
from museml.errors import InputError, SettingError
from museml.model import Model, ModelCard, load_model
from museml.networks.backend import load_keras, to_array
from museml.networks.patches import build_patches_network
from museml.networks.patches_loss import patches_loss
from museml.settings import check_number
from museml.training.patches_catalogs import catalog_fields
from museml.training.patches_fields import simulated_fields
from museml.training.patches_samples import PREPARATION, patch_draw
from museml.training.patches_scores import fit_odds
from museml.training.redshift import mixed_draw
from museml.training.redshift_fit import fit_redshift, validation_loss

__all__ = ["PatchesTuning", "tune_patches"]

CLASSES = ("component", "nothing")
PARTS = 5  # of which one is held out
FEWEST = 30  # components to train on, and as many boxes to calibrate with
WATCHED = 32  # patches that are watched during the training
#: least and greatest value of each number
LIMITS = {
    "epochs": (1, 10_000), "steps": (1, 100_000), "batch_size": (1, 1024), "rate": (1e-9, 1), "simulated": (0, 0.95),
    "fields": (1, 100_000), "seed": (0, 2**31),
}  # fmt: skip
WHOLE = ("epochs", "steps", "batch_size", "fields", "seed")


@dataclass(frozen=True)
class PatchesTuning:
    """How a network for patches is trained on own images.

    Attributes
    ----------
    init : str
        Name or file of the model to begin with; 'none' for a new network.
    epochs, steps, batch_size : int
        Epochs of so many steps, patches per step.
    rate : float
        Greatest learning rate.
    simulated : float
        Share of simulated patches, so that the network does not forget what the own images lack.
    fields : int
        Number of simulated fields that these are from.
    seed : int
        Of everything.
    """

    init: str = "patches"
    epochs: int = 10
    steps: int = 60
    batch_size: int = 8
    rate: float = 5e-4
    simulated: float = 0.5
    fields: int = 16
    seed: int = 0

    def __post_init__(self):
        for name, (low, high) in LIMITS.items():
            value = getattr(self, name)
            check_number(name, value, low, high, example=getattr(type(self), name), whole=name in WHOLE)

    @classmethod
    def of(cls, settings):
        """Make it from a mapping, or raise `SettingError` for a name that is none of its own."""
        known = list(cls.__dataclass_fields__)
        unknown = [name for name in settings if name not in known]
        if unknown:
            raise SettingError(f"a training of patches has no setting {unknown[0]!r}; known: {', '.join(known)}")
        return cls(**settings)


def tune_patches(images, catalogs, settings=None, *, name="own", log=None):
    """Train a network on images and catalogues of them.

    Every fifth part of the images is held out; it tells when the network is best, and calibrates its probabilities.

    Parameters
    ----------
    images : list of `~museml.data.images.ImageData`
    catalogs : list of `~astropy.table.Table` or path
        One for each image, as `~museml.catalogs.reference.open_catalog` takes it; see
        `museml.training.patches_catalogs.catalog_fields`.
    settings : PatchesTuning
        How it is trained.
    name : str
        Of the model.
    log : path, optional
        CSV file of the losses by epoch.

    Returns
    -------
    `~museml.Model`
        If nothing was gained on the parts held out, its network is the one that the training began with.

    Raises
    ------
    InputError
        If there are fewer than 30 components, or catalogue and image do not belong together.
    """
    settings = settings or PatchesTuning()
    training, held_out = _split(images, catalogs, settings.seed)
    network, first = _network(settings)
    own = patch_draw(training)
    simulated = simulated_fields(settings.fields, (settings.seed, 0)) if settings.simulated else training
    draw = mixed_draw([(own, 1 - settings.simulated), (patch_draw(simulated), settings.simulated)])
    history = _fit(network, draw, held_out, settings, log)
    parts = {"preparation": PREPARATION, "reading": "boxes", "history": history}
    model = Model.from_network(network, _card(name, settings, training, first), **parts)
    calibration = fit_odds(model, held_out, FEWEST) or (first.calibration if first else model.calibration)
    return replace(model, calibration=calibration)


def _split(images, catalogs, seed):
    """Return fields for training and those that are held out."""
    pairs = zip(images, map(open_catalog, catalogs), strict=True)
    fields = [field for image, catalog in pairs for field in catalog_fields(image, catalog)]
    count = sum(field.number for field in fields)
    if count < FEWEST or len(fields) < 2:
        raise InputError(
            f"a training needs at least {FEWEST} components and an image of more than 512 pixels; there are {count} in "
            f"{len(fields)} parts; give more images"
        )
    order = np.random.default_rng(seed).permutation(len(fields))
    held = set(order[: max(len(fields) // PARTS, 1)])
    return [f for i, f in enumerate(fields) if i not in held], [f for i, f in enumerate(fields) if i in held]


def _network(settings):
    """Return the network to begin with, and the model that it is of, if it is of one."""
    load_keras().utils.set_random_seed(settings.seed)
    if settings.init == "none":
        return build_patches_network(len(QUANTITIES)), None
    first = load_model(settings.init)
    if first.reading != "boxes":
        raise SettingError(f"init must be a model for patches or 'none', not {settings.init!r}; give 'patches'")
    return first.network, first


def _fit(network, draw, held_out, settings, log):
    """Fit the network, and return the history; where nothing was gained it is as it was."""
    start = [to_array(weight.value) for weight in network.weights]
    validation = patch_draw(held_out, noisier=0)(np.random.default_rng(settings.seed), WATCHED)
    before = validation_loss(network, validation, settings.batch_size, patches_loss)
    options = {name: getattr(settings, name) for name in ("seed", "epochs", "steps", "batch_size", "rate")}
    options |= {"loss": patches_loss, "patience": settings.epochs, "log": log}
    history = fit_redshift(network, draw, validation, **options)
    if before <= min(history["val_loss"]):
        network.set_weights(start)
    return {**history, "val_loss_before": [before]}


def _card(name, settings, training, first):
    count = sum(field.number for field in training)
    origin = f"It began as {first.card.name} {first.card.version}." if first else "It began anew."
    return ModelCard(
        name=name,
        version="1.0",
        summary=f"components of images, trained on {count} of a catalogue",
        task="Where are components in this patch of an image, and which flux, size and position angle do they have?",
        accepts=("patch",),
        classes=CLASSES,
        training_data=f"{count} components of own images, as a catalogue tells them; "
        f"{settings.simulated:.0%} of the patches were simulated. {origin}",
        failures="Not known: it finds what the catalogue has, and leaves out what the catalogue lacks.",
        recipe=f"museml train patches ({json.dumps(asdict(settings))})",
        licence="",
        created=datetime.now(UTC).date().isoformat(),
        author="",
    )

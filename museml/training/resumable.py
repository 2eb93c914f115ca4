"""Fit a network on examples that are drawn anew, so that a fit that was stopped goes on where it was."""

import json
import zipfile
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from tqdm import tqdm

from museml.errors import OutputError
from museml.networks.backend import load_keras, to_array, tolerant
from museml.output import make_folder, whole_file

__all__ = ["FitSettings", "fit_drawn"]

STATE = "state.npz"
#: where training ends the rate is this part of the first
LEAST_RATE = 0.03


@dataclass(frozen=True)
class FitSettings:
    """How a network is fitted.

    Attributes
    ----------
    epochs : int
        At most so many.
    steps : int
        Batches in an epoch.
    batch_size : int
        Examples in a batch.
    rate : float
        First learning rate of Adam; it falls like a cosine to 3 % of it.
    patience : int
        Training stops when the loss of the validation has not fallen for so many epochs.
    seed : int
        Of what is drawn.
    """

    epochs: int = 30
    steps: int = 100
    batch_size: int = 64
    rate: float = 1e-3
    patience: int = 6
    seed: int = 0


@dataclass
class _State:
    """All that a fit depends on after an epoch."""

    epoch: int = 0
    best_epoch: int = 0
    best: list = None
    history: dict = field(default_factory=lambda: {"loss": [], "val_loss": [], "rate": []})


def fit_drawn(network, loss, draw, validation, settings, *, folder=None, resume=False, label="training", progress=True):
    """Fit a network, keep the weights of its best epoch.

    Parameters
    ----------
    network : `keras.Model`
        It is changed.
    loss : callable
        ``loss(targets, outputs)`` for Keras, of one value per example.
    draw : callable
        ``draw(rng, n)`` returns inputs and targets of ``n`` examples.
    validation : (ndarray, ndarray)
        Inputs and targets of examples that decide when training stops.
    settings : FitSettings
        How it is fitted.
    folder : path, optional
        Where the state is written after each epoch.
    resume : bool
        Whether to go on from the state in the folder, if there is one. The result is the same as if the fit had not
        been stopped.
    label : str
        What the progress bar on stderr says.
    progress : bool
        Whether there is one, if stderr is a terminal.

    Returns
    -------
    dict of list
        ``loss``, ``val_loss`` and ``rate`` by epoch.

    Raises
    ------
    OutputError
        If the state cannot be written, or belongs to another fit.
    """
    _compile(network, loss, settings)
    state = _State()
    path = None if folder is None else Path(folder) / STATE
    if path is not None:
        make_folder(folder)
        if resume and path.is_file():
            state = _read_state(path, network, settings)
    with tqdm(total=settings.epochs, initial=state.epoch, desc=label, disable=None if progress else True) as bar:
        while not _finished(state, settings):
            _run_epoch(network, draw, validation, settings, state)
            if path is not None:
                _write_state(path, network, settings, state)
            bar.set_postfix(loss=f"{state.history['loss'][-1]:.3f}", val=f"{state.history['val_loss'][-1]:.3f}")
            bar.update()
    if state.best is not None:
        network.set_weights(state.best)
    return state.history


def _compile(network, loss, settings):
    keras = load_keras()
    keras.utils.set_random_seed(settings.seed)
    schedule = keras.optimizers.schedules.CosineDecay(settings.rate, settings.epochs * settings.steps, alpha=LEAST_RATE)
    network.compile(keras.optimizers.Adam(schedule, clipnorm=1.0), loss)
    with tolerant():
        network.optimizer.build(network.trainable_variables)


def _finished(state, settings):
    return state.epoch >= settings.epochs or state.epoch - state.best_epoch >= settings.patience


def _run_epoch(network, draw, validation, settings, state):
    """Train for an epoch; what is drawn in it depends on the seed and the epoch only."""
    rng, loss = np.random.default_rng((settings.seed, state.epoch)), np.nan
    with tolerant():
        network.reset_metrics()
        for _ in range(settings.steps):
            loss = float(network.train_on_batch(*draw(rng, settings.batch_size)))  # the mean of the epoch so far
        value = float(network.evaluate(*validation, batch_size=settings.batch_size, verbose=0))
    state.epoch += 1
    state.history["loss"].append(loss)
    state.history["val_loss"].append(value)
    state.history["rate"].append(float(to_array(network.optimizer.learning_rate)))
    if value <= min(state.history["val_loss"]):
        state.best_epoch, state.best = state.epoch, [to_array(weight.value) for weight in network.weights]


def _variables(network):
    """Return all that changes in training: weights, random seeds of layers and the optimizer's memory."""
    return [*network.variables, *network.optimizer.variables]


def _write_state(path, network, settings, state):
    record = {"settings": asdict(settings), "epoch": state.epoch, "best_epoch": state.best_epoch}
    arrays = {f"variable{i}": to_array(variable.value) for i, variable in enumerate(_variables(network))}
    arrays |= {f"best{i}": weight for i, weight in enumerate(state.best or ())}
    arrays["record"] = np.array(json.dumps({**record, "history": state.history}))
    with whole_file(path) as part, open(part, "wb") as file:
        np.savez(file, **arrays)


def _read_state(path, network, settings):
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(file)
        record = json.loads(str(arrays["record"]))
        if record["settings"] != asdict(settings):
            raise ValueError("it was made with other settings")
        for i, variable in enumerate(_variables(network)):
            variable.assign(arrays[f"variable{i}"])
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        reason = " ".join(str(error).split())
        raise OutputError(f"training cannot go on from {str(path)!r}: {reason}; begin anew (--overwrite)") from error
    best = [arrays[f"best{i}"] for i in range(len(network.weights)) if f"best{i}" in arrays]
    return _State(record["epoch"], record["best_epoch"], best or None, record["history"])

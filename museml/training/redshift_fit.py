"""Fit a network to spectra that are drawn as it goes on: resumable, with a rate that falls to zero."""

import json
import queue
import threading
from contextlib import closing
from itertools import count
from pathlib import Path

import numpy as np
from tqdm import tqdm

from museml.errors import ModelError
from museml.networks.backend import load_keras, to_array, tolerant
from museml.output import whole_file

__all__ = ["ahead", "fit_redshift"]

WARM = 0.03  # of all steps, in which the rate rises
AHEAD = 4  # batches that are made ready before they are needed
AHEAD_NAME = "museml-ahead"  # of the thread that makes them


def fit_redshift(
    network,
    draw,
    validation,
    *,
    loss,
    seed=0,
    epochs=30,
    steps=200,
    batch_size=64,
    rate=1e-3,
    patience=None,
    checkpoint=None,
    resume=False,
    progress=True,
    log=None,
):
    """Fit a network to batches that are drawn.

    Parameters
    ----------
    network : `keras.Model`
        It is changed.
    draw : callable
        ``draw(rng, n)`` returns inputs and targets.
    validation : (ndarray, ndarray)
        Inputs and targets.
    loss : callable
        ``loss(targets, outputs)`` returns the loss of each row.
    seed : int
        Epoch e draws with the generator of the seed (seed, e), whether resumed or not.
    epochs, steps, batch_size : int
        Steps per epoch, spectra per step.
    rate : float
        Greatest learning rate of Adam; it rises at first and falls to zero as a cosine.
    patience : int, optional
        Stop when the validation loss has not fallen for so many epochs; the best weights are kept. By
        default the last ones are.
    checkpoint : path, optional
        File (``*.npz``) that holds all that is needed to go on, written after each epoch, whole or not at all.
    resume : bool
        Go on from the checkpoint, if it is there.
    progress : bool
        Show a bar on stderr, if that is a terminal.
    log : path, optional
        CSV file of losses and rate by epoch, which is written as they come.

    Returns
    -------
    dict of list
        ``loss``, ``val_loss`` and ``rate`` by epoch.
    """
    _compile(network, loss, rate, epochs * steps)
    state = _State(network, checkpoint, patience, log)
    if resume and checkpoint and Path(checkpoint).is_file():
        state.load()
    with tqdm(
        total=epochs * steps, initial=state.epoch * steps, disable=None if progress else True, unit="step"
    ) as bar:
        while state.epoch < epochs and not state.stopped:
            rng = np.random.default_rng((seed, state.epoch))
            with closing(ahead(draw, rng, steps, batch_size)) as batches:
                losses = [_step(network, batch, bar) for batch in batches]
            state.add(float(np.mean(losses)), validation_loss(network, validation, batch_size, loss))
            bar.set_postfix(loss=f"{state.history['loss'][-1]:.4f}", val=f"{state.history['val_loss'][-1]:.4f}")
    return state.finish()


def _compile(network, loss, rate, steps):
    keras = load_keras()
    warm = max(int(WARM * steps), 1)
    schedule = keras.optimizers.schedules.CosineDecay(
        rate / 50, max(steps - warm, 1), warmup_target=rate, warmup_steps=warm
    )
    network.compile(keras.optimizers.Adam(schedule, clipnorm=1.0), loss, jit_compile=False)
    network.optimizer.build(network.trainable_variables)


def _step(network, batch, bar):
    with tolerant():
        found = network.train_on_batch(*batch)
    bar.update()
    return found


def ahead(draw, rng, steps, size):
    """Draw batches in another thread, a few ahead; it ends with the one that takes them."""
    waiting, room, over = queue.Queue(), threading.Semaphore(AHEAD), threading.Event()

    def work():
        try:
            for _ in range(steps):
                room.acquire()
                if over.is_set():
                    return
                waiting.put(draw(rng, size))
        except BaseException as error:  # handed over to the thread that waits
            waiting.put(error)

    threading.Thread(target=work, name=AHEAD_NAME, daemon=True).start()
    try:
        yield from _taken(waiting, room, steps)
    finally:
        over.set()
        room.release()


def _taken(waiting, room, steps):
    """Take batches, or raise the error that came instead of one."""
    for _ in range(steps):
        batch = waiting.get()
        if isinstance(batch, BaseException):
            raise batch
        room.release()
        yield batch


def validation_loss(network, validation, batch_size, loss):
    """Return the mean loss of inputs and targets."""
    inputs, targets = validation
    total = 0.0
    for start in range(0, len(inputs), batch_size):
        part = slice(start, start + batch_size)
        with tolerant():
            total += float(np.sum(to_array(loss(targets[part], network(inputs[part], training=False)))))
    return total / max(len(inputs), 1)


class _State:
    """Where the training is: variables, history, best weights."""

    def __init__(self, network, path, patience, log=None):
        self.network, self.path, self.patience, self.log = network, path, patience, log
        self.history = {"loss": [], "val_loss": [], "rate": []}
        self.best = None

    @property
    def epoch(self):
        return len(self.history["loss"])

    @property
    def stopped(self):
        losses = self.history["val_loss"]
        return self.patience is not None and len(losses) - 1 - int(np.argmin(losses or [0])) >= self.patience

    def add(self, loss, val_loss):
        """Note an epoch, and write the checkpoint."""
        rate = float(to_array(self.network.optimizer.learning_rate))
        for name, value in {"loss": loss, "val_loss": val_loss, "rate": rate}.items():
            self.history[name].append(value)
        if val_loss <= min(self.history["val_loss"]):
            self.best = self._weights()
        if self.path:
            self._save()
        if self.log:
            Path(self.log).write_text(self._lines(), encoding="utf-8")

    def finish(self):
        """Put the best weights back, if they were asked for, and return the history."""
        if self.patience is not None and self.best:
            with tolerant():
                self.network.set_weights(self.best)
        return self.history

    def load(self):
        """Go back to what the checkpoint holds."""
        with np.load(self.path, allow_pickle=False) as file:
            self.history = json.loads(str(file["history"]))
            self.best = [file[f"best{i}"] for i in range(len(self.network.weights))]
            variables = self._variables()
            stored = [file[f"variable{i}"] for i in range(int(file["count"]))]
        if [v.shape for v in stored] != [tuple(v.shape) for v in variables]:
            raise ModelError(
                f"a checkpoint must be of the same network; that in '{self.path}' has other weights; "
                "delete it or give another folder"
            )
        with tolerant():
            for variable, value in zip(variables, stored, strict=True):
                variable.assign(value)

    def _lines(self):
        """Return the history as CSV."""
        rows = [("epoch", *self.history), *zip(count(1), *self.history.values(), strict=False)]
        return "".join(",".join(map(str, row)) + "\n" for row in rows)

    def _variables(self):
        return [*self.network.weights, *self.network.optimizer.variables]

    def _weights(self):
        return [to_array(weight.value) for weight in self.network.weights]

    def _save(self):
        values = [to_array(variable.value) for variable in self._variables()]
        parts = {f"variable{i}": value for i, value in enumerate(values)}
        parts |= {f"best{i}": value for i, value in enumerate(self.best)}
        with whole_file(self.path) as part, open(part, "wb") as file:
            np.savez(file, history=json.dumps(self.history), count=len(values), **parts)

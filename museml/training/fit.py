"""Fit a network: seeded, stopped when it no longer gains, with its history."""

import numpy as np

from museml.networks.backend import load_keras, tolerant

__all__ = ["fit_network"]


def fit_network(network, training, validation, *, seed=0, epochs=60, batch_size=64, rate=1e-3, patience=8, **options):
    """Fit a classifier with integer labels to logits, and keep its best weights.

    Parameters
    ----------
    network : `keras.Model`
        Gives logits; it is changed.
    training, validation : (ndarray, ndarray of int, ndarray)
        Inputs, labels and weights.
    seed : int
        For initial weights not yet made, order, augmentation and dropout.
    epochs, batch_size, rate, patience : number
        At most so many epochs, of Adam with this first learning rate; it stops when the validation
        loss has not fallen for ``patience`` epochs, and halves the rate after half of that.
    augment : callable, optional
        ``augment(inputs, rng)`` returns inputs changed in a way that keeps the label.
    log : path, optional
        CSV file of losses by epoch, which is written as they come.
    checkpoint : path, optional
        Keras weights file (``*.weights.h5``) of the best epoch so far.

    Returns
    -------
    dict of list
        Losses and accuracies by epoch.
    """
    keras = load_keras()
    keras.utils.set_random_seed(seed)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    network.compile(keras.optimizers.Adam(rate), loss, weighted_metrics=["accuracy"])
    batches = _batches(training, batch_size, np.random.default_rng(seed), options.get("augment"))
    with tolerant():
        history = network.fit(
            batches,
            steps_per_epoch=-(-len(training[0]) // batch_size),
            epochs=epochs,
            validation_data=validation,
            validation_batch_size=512,
            callbacks=_callbacks(keras, patience, options.get("log"), options.get("checkpoint")),
            shuffle=False,
            verbose=0,
        )
    return {name: [float(value) for value in values] for name, values in history.history.items()}


def _callbacks(keras, patience, log, checkpoint):
    callbacks = [
        keras.callbacks.EarlyStopping(patience=patience, restore_best_weights=True),
        keras.callbacks.ReduceLROnPlateau(factor=0.5, patience=max(patience // 2, 1)),
    ]
    if log:
        callbacks.append(keras.callbacks.CSVLogger(str(log)))
    if checkpoint:
        callbacks.append(keras.callbacks.ModelCheckpoint(str(checkpoint), save_best_only=True, save_weights_only=True))
    return callbacks


def _batches(parts, size, rng, augment):
    """Go through the rows in a new order each time, without end; batches are of one size."""
    count = len(parts[0])
    while True:
        order = rng.permutation(count)
        for start in range(0, count, size):
            rows = np.take(order, range(start, start + size), mode="wrap")
            inputs, *rest = (part[rows] for part in parts)
            yield (augment(inputs, rng) if augment else inputs, *rest)

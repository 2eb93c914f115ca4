"""The network that gives redshifts: features of a spectrum, correlated with rest-frame templates at every redshift."""

from museml.networks.backend import load_keras
from museml.networks.layers import own_layer

__all__ = ["build_redshift_network"]


def build_redshift_network(shape, redshifts, *, width=32, features=16, templates=32, hidden=48):
    """Build the network, with random weights.

    Convolutions turn the spectrum into features at a quarter of its sampling. `RedshiftCorrelation` correlates
    them with learned templates, which gives scores at each redshift. A small network, the same at
    every redshift, turns scores and what is best anywhere into logits. A second one, which also sees
    the first answer, looks for a second object.

    Parameters
    ----------
    shape : tuple
        (pixels, channels) of the input; pixels a multiple of 4.
    redshifts : int
        Number of redshifts, a step of four pixels apart. There are two bins in each step.
    width, features, templates, hidden : int
        Sizes of the convolutions, of the features that are correlated, of their templates, and of the
        network at each redshift.

    Returns
    -------
    `keras.Model`
        Its outputs are laid out as in `museml.data.redshift_bins`.
    """
    keras = load_keras()
    layers = keras.layers
    entry = layers.Input(shape, name="spectrum")
    scores = own_layer("RedshiftCorrelation")(templates, redshifts, name="templates")(_encode(entry, width, features))
    inner, context = _look(scores, hidden)
    first = _first(inner, context, redshifts)
    second = _second(inner, context, first, redshifts, hidden)
    answer = layers.Concatenate(name="answer")([first, second])
    return keras.Model(entry, answer, name="redshift")


def _encode(entry, width, features):
    layers = load_keras().layers
    x = layers.Conv1D(width // 2, 9, strides=2, padding="same", activation="silu", name="encode_1")(entry)
    x = layers.Conv1D(width, 7, strides=2, padding="same", activation="silu", name="encode_2")(x)
    for i in (3, 4):
        branch = layers.Conv1D(width, 5, padding="same", activation="silu", name=f"encode_{i}")(x)
        x = layers.Add(name=f"encode_{i}_sum")([x, branch])
    return layers.Conv1D(features, 3, padding="same", name="features")(x)


def _look(scores, hidden):
    """Return what is known at each redshift, and over all."""
    layers = load_keras().layers
    x = layers.Conv1D(hidden, 3, padding="same", activation="silu", name="look_1")(scores)
    pooled = [pool(name=f"context_{i}")(x) for i, pool in enumerate([layers.GlobalMaxPooling1D, _average()], 1)]
    context = layers.Dense(hidden, activation="silu", name="context_3")(layers.Concatenate(name="context")(pooled))
    overall = _spread(layers.Dense(hidden, name="look_2_overall")(context), "look_2_spread")
    x = layers.Add(name="look_2")([layers.Conv1D(hidden, 3, padding="same", name="look_2_near")(x), overall])
    return layers.Activation("silu", name="look_3")(x), context


def _average():
    return load_keras().layers.GlobalAveragePooling1D


def _spread(values, name):
    """Return values for the whole spectrum in a shape that is added at every redshift."""
    return load_keras().layers.Reshape((1, values.shape[-1]), name=name)(values)


def _first(inner, context, redshifts):
    """Return logits by class, redshift and half-step, and that of nothing."""
    layers = load_keras().layers
    x = layers.Conv1D(6, 3, padding="same", name="first")(inner)
    x = layers.Permute((2, 1, 3), name="first_classes")(layers.Reshape((redshifts, 3, 2), name="first_steps")(x))
    x = layers.Reshape((6 * redshifts,), name="first_flat")(x)
    return layers.Concatenate(name="first_all")([x, layers.Dense(1, name="nothing")(context)])


def _second(inner, context, first, redshifts, hidden):
    """Return logits by redshift and half-step of a second object, and that there is none."""
    layers = load_keras().layers
    seen = layers.Reshape((-1, 1), name="seen")(own_layer("LogProbability")(name="seen_log")(first))
    seen = layers.Reshape((3, redshifts, 2), name="seen_classes")(layers.Cropping1D((0, 1), name="seen_objects")(seen))
    seen = layers.Reshape((redshifts, 6), name="seen_flat")(layers.Permute((2, 1, 3), name="seen_steps")(seen))
    both = layers.Concatenate(name="second_in")([inner, seen])
    x = layers.Conv1D(hidden // 2, 5, padding="same", name="second_1")(both)
    overall = _spread(layers.Dense(hidden // 2, name="second_1_overall")(context), "second_1_spread")
    x = layers.Add(name="second_1_sum")([x, overall])
    x = layers.Activation("silu", name="second_1_silu")(x)
    x = layers.Conv1D(hidden // 2, 3, padding="same", activation="silu", name="second_2")(x)
    best = layers.GlobalMaxPooling1D(name="second_best")(x)
    x = layers.Reshape((2 * redshifts,), name="second_flat")(layers.Conv1D(2, 1, name="second")(x))
    none = layers.Dense(1, name="no_second")(layers.Concatenate(name="second_context")([context, best]))
    return layers.Concatenate(name="second_all")([x, none])

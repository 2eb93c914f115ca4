"""The network that finds components in images: one stage, fully convolutional, one box for each cell of pixels."""

from museml.networks.backend import load_keras

__all__ = ["build_patches_network"]


def build_patches_network(outputs, channels=2, *, stem=24, width=48, wide=64, fine=3, coarse=2):
    """Build the network, with random weights.

    Two strided convolutions lead to cells of four by four pixels. Pairs of convolutions with a shortcut (He et al.
    2016, CVPR, 770) look at what is near; a branch at half and at a quarter of the resolution sees what is around, such
    as a bright source with its artefacts, and is added to it.

    Parameters
    ----------
    outputs : int
        Number of values for each cell, see `museml.data.patches`.
    channels : int
        Number of values for each pixel.
    stem, width, wide : int
        Number of features at half the resolution of the image, in the cells, and in the branch.
    fine, coarse : int
        Number of pairs of convolutions in the cells, and at each step of the branch.

    Returns
    -------
    `keras.Model`
        Takes images of any shape whose sides are multiples of 16 pixels.
    """
    keras = load_keras()
    entry = keras.layers.Input((None, None, channels), name="patch")
    x = _convolution(entry, "half", stem, 5, strides=2)
    x = _convolution(x, "cells", width, 3, strides=2)
    x = _pairs(x, "fine", width, 1)
    around = _around(x, width, wide, coarse)
    x = keras.layers.Add(name="together")([x, around])
    x = _pairs(x, "last", width, fine)
    answer = keras.layers.Conv2D(outputs, 1, name="answer")(x)
    return keras.Model(entry, answer, name="patches")


def _around(x, width, wide, number):
    """Look at half and at a quarter of the resolution, and come back to it."""
    layers = load_keras().layers
    half = _pairs(_convolution(x, "coarse", wide, 3, strides=2), "coarse", wide, number)
    quarter = _pairs(_convolution(half, "coarsest", wide, 3, strides=2), "coarsest", wide, number)
    half = layers.Add(name="coarse_all")([half, layers.UpSampling2D(2, name="coarsest_up")(quarter)])
    return layers.UpSampling2D(2, name="coarse_up")(_convolution(half, "coarse_end", width, 1))


def _pairs(x, name, width, number):
    """Apply pairs of convolutions, each of which begins as nearly nothing beside its shortcut."""
    layers = load_keras().layers
    for i in range(1, number + 1):
        branch = _convolution(x, f"{name}_{i}a", width, 3)
        branch = layers.Conv2D(width, 3, padding="same", kernel_initializer=_small(), name=f"{name}_{i}b")(branch)
        x = layers.Activation("relu", name=f"{name}_{i}")(layers.Add(name=f"{name}_{i}_sum")([x, branch]))
    return x


def _convolution(x, name, width, size, **options):
    layer = load_keras().layers.Conv2D
    return layer(width, size, padding="same", activation="relu", kernel_initializer="he_normal", name=name, **options)(
        x
    )


def _small():
    return load_keras().initializers.VarianceScaling(0.2)

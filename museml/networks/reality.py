"""The network that tells real lines from residuals: one look along wavelength, one at the image."""

from museml.networks.backend import load_keras

__all__ = ["build_reality_network"]


def build_reality_network(shape, classes=2, width=24, dropout=0.3):
    """Build the network, with random weights.

    One branch weighs the pixels of each channel in several ways and looks at the spectra that result; the other weighs
    the channels of each pixel and looks at the images. Both begin with one linear step, which keeps it fast.

    Parameters
    ----------
    shape : tuple
        (channels, pixels, pixels, quantities) of the input.
    classes : int
        Number of outputs, which are logits.
    width : int
        Number of features in the convolutions.
    dropout : float
        Part of the features left out in each step of training.

    Returns
    -------
    `keras.Model`
    """
    layers = load_keras().layers
    entry = layers.Input(shape, name="cutout")
    both = layers.Concatenate(name="both")(
        [_spectra(layers, entry, shape, width), _images(layers, entry, shape, width)]
    )
    both = layers.Dropout(dropout, name="dropout")(both)
    both = layers.Dense(width, activation="silu", name="mixed")(both)
    answer = layers.Dense(classes, name="answer")(both)
    return load_keras().Model(entry, answer, name="reality")


def _spectra(layers, entry, shape, width):
    """Spectra through learned apertures, then convolutions along wavelength."""
    branch = layers.Conv3D(16, (1, *shape[1:3]), name="apertures")(entry)
    branch = layers.Reshape((shape[0], 16), name="spectra")(branch)
    branch = layers.Conv1D(width, 5, strides=2, activation="silu", name="spectra_1")(branch)
    branch = layers.Conv1D(width, 3, strides=2, activation="silu", name="spectra_2")(branch)
    return layers.Dense(width, activation="silu", name="spectra_3")(layers.Flatten(name="spectra_flat")(branch))


def _images(layers, entry, shape, width):
    """Images through learned filters, then convolutions in the plane of the sky."""
    branch = layers.Conv3D(16, (shape[0], 1, 1), name="filters")(entry)
    branch = layers.Reshape((*shape[1:3], 16), name="images")(branch)
    branch = layers.Conv2D(width, 3, activation="silu", name="images_1")(branch)
    branch = layers.Conv2D(width, 3, strides=2, activation="silu", name="images_2")(branch)
    return layers.Dense(width, activation="silu", name="images_3")(layers.Flatten(name="images_flat")(branch))

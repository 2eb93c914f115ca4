"""The network that tells real lines from residuals: one look along wavelength, one at the image."""

from dataclasses import dataclass

from museml.networks.backend import load_keras

__all__ = ["build_reality_network"]

VIEWS = 16  # learned apertures, and learned filters


def build_reality_network(shape, classes=2, width=24, dropout=0.3, decay=2e-3):
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
    decay : float
        Weight of the squared weights in the loss.

    Returns
    -------
    `keras.Model`
    """
    layers, parts = load_keras().layers, _Parts(width, dropout, decay)
    entry = layers.Input(shape, name="cutout")
    both = layers.Concatenate(name="both")([_spectra(parts, entry, shape), _images(parts, entry, shape)])
    both = layers.Dropout(dropout, name="dropout")(both)
    answer = layers.Dense(classes, name="answer")(parts.layer("Dense", "mixed")(both))
    return load_keras().Model(entry, answer, name="reality")


@dataclass(frozen=True)
class _Parts:
    """Makes layers that have the same settings all through the network."""

    width: int
    dropout: float
    decay: float

    def layer(self, kind, name, *sizes, **options):
        """Return a layer with ``width`` features and a smooth activation."""
        return self._decaying(kind, name, self.width, *sizes, activation="silu", **options)

    def linear(self, name, size):
        """Return a linear combination of a whole axis."""
        return self._decaying("Conv3D", name, VIEWS, size)

    def end(self, name, branch):
        """Close a branch: all features together, some left out."""
        layers = load_keras().layers
        branch = layers.Dropout(self.dropout, name=f"{name}_dropout")(layers.Flatten(name=f"{name}_flat")(branch))
        return self.layer("Dense", f"{name}_end")(branch)

    def _decaying(self, kind, name, *sizes, **options):
        keras = load_keras()
        decay = keras.regularizers.L2(self.decay)
        return getattr(keras.layers, kind)(*sizes, name=name, kernel_regularizer=decay, **options)


def _spectra(parts, entry, shape):
    """Spectra through learned apertures, then convolutions along wavelength."""
    branch = parts.linear("apertures", (1, *shape[1:3]))(entry)
    branch = load_keras().layers.Reshape((shape[0], VIEWS), name="spectra")(branch)
    branch = parts.layer("Conv1D", "spectra_1", 5, strides=2)(branch)
    branch = parts.layer("Conv1D", "spectra_2", 3, strides=2)(branch)
    return parts.end("spectra", branch)


def _images(parts, entry, shape):
    """Images through learned filters, then convolutions in the plane of the sky."""
    branch = parts.linear("filters", (shape[0], 1, 1))(entry)
    branch = load_keras().layers.Reshape((*shape[1:3], VIEWS), name="images")(branch)
    branch = parts.layer("Conv2D", "images_1", 3)(branch)
    branch = parts.layer("Conv2D", "images_2", 3, strides=2)(branch)
    return parts.end("images", branch)

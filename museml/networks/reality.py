"""The network that tells real lines from residuals: it looks along wavelength, at the image, and at what is around."""

import math
from dataclasses import dataclass

from museml.networks.backend import load_keras

__all__ = ["build_reality_network"]

VIEWS = 16  # learned apertures, and learned filters


def build_reality_network(cutout, spectrum, classes=2, width=24, dropout=0.3, decay=2e-3):
    """Build the network, with random weights.

    One branch weighs the pixels of each channel in several ways and looks at the spectra that result; the second weighs
    the channels of each pixel and looks at the images; the third looks at the long spectra. The first two begin with
    one linear step, which keeps them fast.

    Parameters
    ----------
    cutout : tuple
        (channels, pixels, pixels, quantities) of the cut-out, which comes first in the input.
    spectrum : tuple
        (channels, quantities) of the spectra, which follow.
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
    near, far = math.prod(cutout), math.prod(spectrum)
    entry = layers.Input((near + far, 1), name="cutout_and_spectra")
    voxels = layers.Reshape(cutout, name="voxels")(layers.Cropping1D((0, far), name="near")(entry))
    long = layers.Reshape(spectrum, name="long_spectra")(layers.Cropping1D((near, 0), name="far")(entry))
    views = [_spectra(parts, voxels, cutout), _images(parts, voxels, cutout), _context(parts, long)]
    views = layers.Dropout(dropout, name="dropout")(layers.Concatenate(name="together")(views))
    answer = layers.Dense(classes, name="answer")(parts.layer("Dense", "mixed")(views))
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

    def linear(self, name):
        """Return linear combinations of the last axis."""
        return self._decaying("Dense", name, VIEWS)

    def end(self, name, branch):
        """Close a branch: all features together, some left out."""
        layers = load_keras().layers
        branch = layers.Dropout(self.dropout, name=f"{name}_dropout")(layers.Flatten(name=f"{name}_flat")(branch))
        return self.layer("Dense", f"{name}_end")(branch)

    def _decaying(self, kind, name, *sizes, **options):
        keras = load_keras()
        decay = keras.regularizers.L2(self.decay)
        return getattr(keras.layers, kind)(*sizes, name=name, kernel_regularizer=decay, **options)


def _spectra(parts, voxels, shape):
    """Spectra through learned apertures, then convolutions along wavelength."""
    branch = load_keras().layers.Reshape((shape[0], math.prod(shape[1:])), name="planes")(voxels)
    branch = parts.linear("apertures")(branch)
    branch = parts.layer("Conv1D", "spectra_1", 5, strides=2)(branch)
    branch = parts.layer("Conv1D", "spectra_2", 3, strides=2)(branch)
    return parts.end("spectra", branch)


def _images(parts, voxels, shape):
    """Images through learned filters, then convolutions in the plane of the sky."""
    layers = load_keras().layers
    branch = layers.Permute((2, 3, 1, 4), name="by_pixel")(voxels)
    branch = layers.Reshape((*shape[1:3], shape[0] * shape[3]), name="pixels")(branch)
    branch = parts.linear("filters")(branch)
    branch = parts.layer("Conv2D", "images_1", 3)(branch)
    branch = parts.layer("Conv2D", "images_2", 3, strides=2)(branch)
    return parts.end("images", branch)


def _context(parts, branch):
    """Long spectra: what the neighbourhood of the line does, with coarser and coarser convolutions."""
    for number, size in enumerate((7, 5, 5), 1):
        branch = parts.layer("Conv1D", f"context_{number}", size, strides=2)(branch)
    return parts.end("context", branch)

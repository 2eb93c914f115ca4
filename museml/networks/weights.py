"""Weights by variable path: bounds and checksum."""

import hashlib
import json

import numpy as np

from museml.errors import ModelError

__all__ = ["check_shapes", "digest_weights"]

MAX_WEIGHTS = 10_000
MAX_BYTES = 1 << 30


def check_shapes(weights):
    """Raise `ModelError` if the weights are too many or too big; no data are read."""
    sizes = [_size(weight) for weight in weights.values()]
    if len(sizes) > MAX_WEIGHTS or sum(sizes) > MAX_BYTES:
        raise ModelError(
            f"a model may have {MAX_WEIGHTS} weights and {MAX_BYTES} bytes, "
            f"this one has {len(sizes)} and {sum(sizes)}; get it anew from its origin"
        )


def digest_weights(weights):
    """Return the SHA-256 of names, shapes, types and bytes, in the order of the names."""
    digest = hashlib.sha256()
    for path in sorted(weights):
        weight = np.ascontiguousarray(weights[path])
        little = weight.astype(weight.dtype.newbyteorder("<"))
        digest.update(json.dumps([path, weight.shape, little.dtype.str]).encode())
        digest.update(little.tobytes())
    return digest.hexdigest()


def _size(weight):
    size = np.dtype(weight.dtype).itemsize
    for length in weight.shape:
        size *= int(length)
    return size

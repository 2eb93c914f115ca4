"""The loss of the network that finds components: association by boxes, cross-entropy, and errors of the parameters."""

import math

from museml.networks.backend import load_keras

__all__ = ["patches_loss"]

INSIDE = 1.0  # distance in cells up to which a component counts as found by the cell
SURE = 5.0  # S/N from which the parameters of a component count in full
SCALE = 50.0  # makes of the mean over all cells about that over those with a component
ERROR = 0.3  # in the logarithm and in cells, from which errors count linearly (Huber 1964)
LONGEST = 4.0  # logarithm of the longest axis, so that a box stays finite


def patches_loss(targets, outputs):
    """Return the loss of each patch.

    Of the components near to it a cell answers for the one that its box fits best (DIoU; Zheng et al. 2020, AAAI 34,
    12993). All cells within one cell of a component are to find it: so the answer for a faint one is not shared among
    those that might hold its centre, and what is found twice is removed later. The wanted objectness is 1, not
    (1 + DIoU) / 2, so that it is the probability of a component and not that times the quality of its box, which falls
    with the S/N. Cells that are farther from a component than one and up to 1.5 may think
    as they like, but have to know where it is; those of which it is not known whether there is one do not count.

    Parameters
    ----------
    targets : tensor, shape (n, y, x, 2, 8)
        See `museml.data.patches.encode`.
    outputs : tensor, shape (n, y, x, 8)
        Of the network.

    Returns
    -------
    tensor, shape (n,)
    """
    ops = load_keras().ops
    said = outputs[..., None, 1:]
    overlap = ops.where(targets[..., -1] > 0, _diou(ops, targets[..., :-1], ops.stop_gradient(said)), -2.0)
    second = ops.cast(overlap[..., 1] > overlap[..., 0], outputs.dtype)[..., None]
    target = targets[..., 0, :] * (1 - second) + targets[..., 1, :] * second
    snr, away = target[..., -1], ops.maximum(ops.abs(target[..., 0]), ops.abs(target[..., 1]))
    there, real = (ops.cast(part, outputs.dtype) for part in (snr > 0, (snr > 0) & (away <= INSIDE)))
    counts = ops.maximum(real, ops.cast(snr == 0, outputs.dtype))
    loss = counts * _cross_entropy(ops, outputs[..., 0], real) + there * _errors(ops, target, outputs[..., 1:])
    return SCALE * ops.mean(loss, axis=(1, 2))


def _cross_entropy(ops, logit, real):
    return ops.softplus(logit) - real * logit


def _errors(ops, target, said):
    """Return the errors of place, box and parameters, weighted by how well they can be known."""
    weight = ops.minimum(target[..., -1] / SURE, 1.0) ** 2
    errors = [_huber(ops, target[..., i] - said[..., i]) for i in range(5)]
    round_to_long = ops.minimum(target[..., 3] - target[..., 4], 1.0)
    turned = sum((target[..., i] - said[..., i]) ** 2 for i in (5, 6))
    return weight * (sum(errors) + round_to_long * turned + 1 - _diou(ops, target[..., :-1], said))


def _huber(ops, error):
    size = ops.abs(error)
    return ops.where(size < ERROR, size**2 / (2 * ERROR), size - ERROR / 2)


def _diou(ops, one, other):
    """Return the DIoU of the boxes around ellipses, in the order of `museml.data.patches.QUANTITIES` from ``x`` on."""
    (low, high), (other_low, other_high) = _box(ops, one), _box(ops, other)
    shared = _area(ops, ops.maximum(low, other_low), ops.minimum(high, other_high))
    union = _area(ops, low, high) + _area(ops, other_low, other_high) - shared
    around = ops.minimum(low, other_low), ops.maximum(high, other_high)
    diagonal = ops.sum((around[1] - around[0]) ** 2, axis=-1)
    apart = ops.sum((one[..., :2] - other[..., :2]) ** 2, axis=-1)
    return shared / union - apart / diagonal


def _box(ops, values):
    """Return the lower and the upper corner in cells; the box of a round beam is one cell wide."""
    major, minor = (ops.exp(2 * ops.clip(values[..., i], -1.0, LONGEST)) for i in (3, 4))
    cosine, sine = values[..., 5], values[..., 6]
    difference = (major - minor) / 2 * cosine / ops.sqrt(cosine**2 + sine**2 + 1e-6)
    squares = ops.stack([(major + minor) / 2 - difference, (major + minor) / 2 + difference], axis=-1)
    half = ops.sqrt(ops.maximum(squares, math.exp(-2))) / 2
    return values[..., :2] - half, values[..., :2] + half


def _area(ops, low, high):
    sides = ops.maximum(high - low, 0.0)
    return sides[..., 0] * sides[..., 1]

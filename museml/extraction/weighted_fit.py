"""A linear model fitted to the pixels of each plane by weighted least squares, all planes at once."""

from dataclasses import dataclass

import numpy as np

__all__ = ["Pixels", "WeightedFit"]

RIDGE = 1e-6  # of a parameter's own power: what the data do not tell stays finite


@dataclass(frozen=True)
class Pixels:
    """Pixels of a block of planes.

    Attributes
    ----------
    data, var : ndarray, shape (planes, pixels)
        0 where invalid.
    valid : ndarray, shape (planes, pixels)
        1 where valid, else 0.
    """

    data: np.ndarray
    var: np.ndarray
    valid: np.ndarray

    @classmethod
    def of(cls, data, var):
        """Make them from arrays that are NaN where invalid."""
        valid = np.isfinite(data)
        return cls(np.where(valid, data, 0), np.where(valid, var, 0), valid.astype(np.float32))

    def without(self, bad):
        """Return the pixels of which some are not valid any more."""
        good = ~bad
        return Pixels(self.data * good, self.var * good, self.valid * good)

    def planes(self, chosen):
        """Return some of the planes."""
        return Pixels(self.data[chosen], self.var[chosen], self.valid[chosen])

    def weight(self):
        """Return 1 / variance of each pixel, averaged over the planes, each relative to its own mean; 0 where none."""
        inverse = np.divide(1, self.var, out=np.zeros_like(self.var), where=self.valid > 0)
        mean = inverse.sum(axis=1) / np.maximum(self.valid.sum(axis=1), 1)
        inverse /= np.where(mean > 0, mean, 1)[:, None]
        return inverse.sum(axis=0) / np.maximum(self.valid.sum(axis=0), 1)


class WeightedFit:
    """A linear model of the light in pixels, the same for all planes of a block.

    The weights are the same for all planes but 0 where a voxel is invalid, so that noise in the variances does
    not get into the fluxes.

    Parameters
    ----------
    columns : ndarray, shape (parameters, pixels)
        What each parameter adds to the pixels.
    weight : ndarray, shape (pixels,)
        Weight of the pixels.

    Attributes
    ----------
    columns : ndarray, shape (parameters, pixels)
        As given.
    """

    def __init__(self, columns, weight):
        self.columns = columns.astype(np.float32)
        self._weighted = (columns * weight).astype(np.float32)
        first, second = np.triu_indices(len(columns))
        self._unpack = np.zeros((len(columns), len(columns)), int)
        self._unpack[first, second] = self._unpack[second, first] = np.arange(len(first))
        self._pairs = (columns[first] * self._weighted[second]).astype(np.float32)
        self._squares = self._weighted[first] * self._weighted[second]

    def __call__(self, pixels):
        """Fit all planes.

        Parameters
        ----------
        pixels : Pixels

        Returns
        -------
        values : ndarray, shape (planes, parameters)
            The parameters.
        variance : ndarray, shape (planes,)
            Of the first parameter, if the pixels are independent.
        seen : ndarray, shape (planes,)
            The part of the information on the first parameter that is in valid pixels.
        """
        inverse, power = self._inverse(pixels.valid @ self._pairs.T)
        values = inverse @ (pixels.data @ self._weighted.T)[..., None]
        first = inverse[:, :1]
        variance = first @ (pixels.var @ self._squares.T)[:, self._unpack] @ first.swapaxes(1, 2)
        full = np.maximum(self._pairs[self._unpack[0, 0]].sum(), 1e-30)
        return values[..., 0], variance[:, 0, 0], power[:, 0] / full

    def of_one(self, pixels):
        """Return the first parameter, the only one, where the light is 1 in all valid pixels, shape (planes,)."""
        return (pixels.valid @ self._weighted[0]) / np.maximum(pixels.valid @ self._pairs[0], 1e-30)

    def model(self, values):
        """Return the model's light, shape (planes, pixels)."""
        return values.astype(np.float32) @ self.columns

    def weights(self):
        """Return the weights of the pixels in the first parameter where all are valid."""
        inverse, _ = self._inverse(self._pairs.sum(axis=1, dtype=float)[None])
        return inverse[0, 0] @ self._weighted

    def _inverse(self, packed):
        """Return the inverse of the normal equations, and their diagonal."""
        normal = packed.astype(float)[:, self._unpack]
        power = np.einsum("nii->ni", normal).copy()
        size = np.sqrt(np.maximum(power, RIDGE * np.maximum(power.max(axis=1, keepdims=True), 1e-30)))
        scaled = normal / (size[:, :, None] * size[:, None, :])
        scaled += RIDGE * np.eye(len(self.columns))
        return np.linalg.inv(scaled) / (size[:, :, None] * size[:, None, :]), power

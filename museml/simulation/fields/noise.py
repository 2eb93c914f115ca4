"""The noise of a restored interferometric image: correlated over a beam, of a level that varies over the field."""

import numpy as np
from scipy.signal import oaconvolve

from museml.simulation.fields.ellipses import covariance

__all__ = ["RmsField", "noise_blocks"]

REACH = 4.5  # standard deviations of the kernel at which it ends
WAVES = 8  # of which the variation of the noise consists
LENGTHS = (500.0, 3000.0)  # of these waves, pixels


class RmsField:
    """The standard deviation of the noise at any place of a field, a median level times smooth waves.

    Parameters
    ----------
    level : float
        Its median, Jy/beam.
    variation : float
        Standard deviation of its logarithm over the field.
    rng : `~numpy.random.Generator`
        Source of randomness.
    """

    def __init__(self, level, variation, rng):
        length, direction = np.exp(rng.uniform(*np.log(LENGTHS), WAVES)), rng.uniform(0, 2 * np.pi, WAVES)
        self.level, self.phase = level, rng.uniform(0, 2 * np.pi, WAVES)
        self.kx, self.ky = 2 * np.pi / length * np.cos(direction), 2 * np.pi / length * np.sin(direction)
        self.amplitude = variation * np.sqrt(2 / WAVES)

    def at(self, x, y):
        """Return the standard deviation at positions in pixels."""
        x, y = np.asarray(x, float)[..., None], np.asarray(y, float)[..., None]
        waves = np.cos(self.kx * x + self.ky * y + self.phase).sum(axis=-1)
        return self.level * np.exp(self.amplitude * waves)

    def block(self, first, shape):
        """Return it for a block of rows that begins with row ``first``."""
        x, y = np.arange(shape[1]), np.arange(first, first + shape[0])
        across, along = np.outer(self.kx, x), np.outer(self.ky, y) + self.phase[:, None]
        waves = np.cos(along).T @ np.cos(across) - np.sin(along).T @ np.sin(across)
        return (self.level * np.exp(self.amplitude * waves)).astype(np.float32)


def noise_blocks(shape, beam, rng, count=512):
    """Draw noise of standard deviation 1, block by block.

    Parameters
    ----------
    shape : (int, int)
        Rows and columns of the field.
    beam : (float, float, float)
        FWHM of the major and minor axis in pixels, and angle in degrees.
    rng : `~numpy.random.Generator`
        Source of randomness.
    count : int
        Rows in one block; the noise does not depend on it.

    Yields
    ------
    first : int
        First row of a block.
    noise : ndarray, float32
        The block.

    Notes
    -----
    White noise is convolved with a Gaussian that is narrower than the beam by sqrt(2) along each axis. So the
    autocorrelation is the beam, and the power spectrum the beam's transform, as in the residuals of an interferometer
    whose dirty beam has that shape. (White noise convolved with the beam itself would be too smooth.) In such noise no
    filter finds point sources better than the value at the peak does.
    """
    kernel = _kernel(beam)
    pad = [length // 2 for length in kernel.shape]
    width = shape[1] + 2 * pad[1]
    above = rng.standard_normal((2 * pad[0], width), dtype=np.float32)
    for first in range(0, shape[0], count):
        rows = min(count, shape[0] - first)
        white = np.concatenate([above, rng.standard_normal((rows, width), dtype=np.float32)])
        above = white[rows:]
        yield first, oaconvolve(white, kernel, mode="valid")


def _kernel(beam):
    """Return the kernel, with the sum of squares 1."""
    matrix = covariance(*beam) / 2
    half = [int(np.ceil(REACH * matrix[axis, axis] ** 0.5)) for axis in (1, 0)]
    y, x = np.mgrid[-half[0] : half[0] + 1, -half[1] : half[1] + 1]
    (a, b), (_, c) = np.linalg.inv(matrix)
    kernel = np.exp(-0.5 * (a * x**2 + 2 * b * x * y + c * y**2))
    return (kernel / np.sqrt((kernel**2).sum())).astype(np.float32)

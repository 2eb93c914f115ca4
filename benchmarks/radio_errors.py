"""Artefacts of another kind than museml's simulator makes, for bench_radio.py: phase errors of an interferometer.

No setting was chosen on them and no network has seen them.
"""

import numpy as np
from astropy.stats import gaussian_fwhm_to_sigma

__all__ = ["add_phase_errors"]

ANTENNAS, TIMES, HOURS = 40, 240, 8.0
SIZE = 512  # pixels of a pattern
FAINTEST = 0.02  # Jy/beam, of the sources that have them
PHASE = 20.0  # degrees, of each antenna; errors stay alike for about half an hour
DECLINATION = np.deg2rad(55)


def add_phase_errors(field, seed):
    """Add to a field what is left around its bright sources when each antenna's phase is wrong.

    Parameters
    ----------
    field : `museml.simulation.fields.Field`
        Its image is changed.
    seed : int
        The same seed makes the same errors.
    """
    rng = np.random.default_rng(seed)
    u, v = _tracks(rng, field.pixel_scale, field.beam.major)
    weight = np.exp(-2 * (np.pi * field.beam.major / field.pixel_scale * gaussian_fwhm_to_sigma) ** 2 * (u**2 + v**2))
    for row in field.components[field.components["peak"] > FAINTEST]:
        pattern = row["peak"] * _pattern(u, v, weight, _errors(rng))
        _add(field.data, pattern.astype(np.float32), row["x"], row["y"])


def _tracks(rng, pixel_scale, beam):
    """Return the baselines in cycles per pixel while the sky turns, those of a pair of antennas in a row."""
    longest = 0.9 * pixel_scale / beam
    place = longest / 2 * rng.uniform(size=(ANTENNAS, 1)) ** 0.7 * _unit(rng.uniform(0, 2 * np.pi, ANTENNAS))
    first, second = np.triu_indices(ANTENNAS, 1)
    east, north = (place[first] - place[second]).T[..., None]
    hour = np.linspace(-HOURS / 2, HOURS / 2, TIMES) * np.pi / 12
    turned = np.sin(DECLINATION)
    u = east * np.cos(hour) - north * turned * np.sin(hour)
    return u, turned * east * np.sin(hour) + (turned**2 * np.cos(hour) + np.cos(DECLINATION) ** 2) * north


def _unit(angle):
    return np.stack([np.cos(angle), np.sin(angle)], axis=-1)


def _errors(rng):
    """Return what the phase errors add to the visibilities of a source of one Jy."""
    nodes = rng.normal(0, np.deg2rad(PHASE), (ANTENNAS, int(2 * HOURS) + 1))
    times = np.linspace(0, nodes.shape[1] - 1, TIMES)
    phase = np.array([np.interp(times, np.arange(nodes.shape[1]), node) for node in nodes])
    first, second = np.triu_indices(ANTENNAS, 1)
    return np.exp(1j * (phase[first] - phase[second])) - 1


def _pattern(u, v, weight, errors):
    """Return the image of the errors around a source of one Jy/beam, falling to zero at its edge."""
    grid = np.zeros((SIZE, SIZE), complex)
    cells = tuple(np.rint(SIZE * axis).astype(int) % SIZE for axis in (v, u))
    np.add.at(grid, cells, weight * errors)
    image = np.fft.fftshift(np.fft.fft2(grid).real) / weight.sum()
    edge = np.hanning(SIZE + 2)[1:-1]
    return image * np.sqrt(np.outer(edge, edge))


def _add(image, pattern, x, y):
    """Add a pattern around a position."""
    low = np.rint([y, x]).astype(int) - SIZE // 2
    target = tuple(slice(max(a, 0), max(min(a + SIZE, n), 0)) for a, n in zip(low, image.shape, strict=True))
    source = tuple(slice(t.start - a, t.stop - a) for t, a in zip(target, low, strict=True))
    image[target] += pattern[source]

"""What calibration leaves around bright sources: spokes, rings and negative bowls."""

from dataclasses import dataclass, replace

import numpy as np

from museml.errors import SettingError

__all__ = ["PRESETS", "Artefact", "Artefacts", "choose_artefacts", "draw_artefacts"]

REACH = 5.0  # radii at which an artefact ends
SCATTER = 0.2  # of radius and strength from source to source, in the natural logarithm
NARROWEST = 1.1  # FWHM of a spoke in beams
BEAT = 0.37  # ratio of two wave numbers, so that a spoke is not regular
RINGS = (1.8, 3.5)  # distance of rings in beams
WAVES = (2.0, 5.0)  # length of the ups and downs along a spoke in beams


@dataclass(frozen=True)
class Artefacts:
    """How strong artefacts are, and what they look like.

    Attributes
    ----------
    strength : float
        Amplitude near the source, in units of its peak.
    radius : float
        Distance in arcsec in which they fall by a factor of e.
    faintest : float
        Peak in Jy/beam of the faintest sources that have them.
    spokes, rings, bowl : float
        Amplitudes of the three kinds in units of ``strength``.
    n_spokes : int
        How many spokes a source has on average.
    """

    strength: float
    radius: float = 30.0
    faintest: float = 0.02
    spokes: float = 1.0
    rings: float = 0.35
    bowl: float = 0.1
    n_spokes: float = 8.0


#: name -> what artefacts there are
PRESETS = {
    "clean": Artefacts(0.0),
    "mild": Artefacts(0.025, radius=30.0, faintest=0.025, n_spokes=10),
    "strong": Artefacts(0.085, radius=38.0, faintest=0.006, n_spokes=18),
}


def choose_artefacts(artefacts, radius=None):
    """Return the `Artefacts` that a preset's name stands for, with another radius if one is given."""
    if not isinstance(artefacts, Artefacts):
        if artefacts not in PRESETS:
            raise SettingError(f"artefacts must be Artefacts or one of {', '.join(PRESETS)}; not {artefacts!r}")
        artefacts = PRESETS[artefacts]
    return artefacts if radius is None else replace(artefacts, radius=float(radius))


@dataclass(frozen=True)
class Artefact:
    """The artefacts around one source; lengths in pixels."""

    x: float
    y: float
    radius: float
    beam: float
    spokes: np.ndarray  # rows of (direction, amplitude, wave number, phase)
    ring: tuple  # (amplitude, wave number, phase, parts around, phase of these)
    bowl: float

    def add_to(self, image, first):
        """Add them to a block of rows that begins with row ``first`` of the field."""
        half = REACH * self.radius
        rows = slice(max(int(self.y - half) - first, 0), max(min(int(self.y + half) + 1 - first, len(image)), 0))
        columns = slice(max(int(self.x - half), 0), max(min(int(self.x + half) + 1, image.shape[1]), 0))
        if rows.start < rows.stop and columns.start < columns.stop:
            dx = np.arange(columns.start, columns.stop, dtype=np.float32) - np.float32(self.x)
            dy = (np.arange(rows.start, rows.stop, dtype=np.float32) + first - np.float32(self.y))[:, None]
            image[rows, columns] += self.values(dx, dy)

    def values(self, dx, dy):
        """Return their brightness at distances from the source."""
        r = np.hypot(dx, dy)
        fall = np.exp(-r / self.radius)
        amplitude, number, phase, parts, turn = self.ring
        around = 1 + np.cos(parts * np.arctan2(dy, dx) + turn)
        brightness = amplitude * around * np.cos(number * r + phase)
        for spoke in self.spokes:
            brightness += self._spoke(spoke, dx, dy, r)
        core = 1 - np.exp(-0.5 * (r / self.beam) ** 2)  # none within the source itself
        return core * (fall * brightness - self.bowl * np.exp(-0.5 * (r / self.radius) ** 2))

    def _spoke(self, spoke, dx, dy, r):
        direction, amplitude, number, phase = spoke
        along, across = dx * np.cos(direction) + dy * np.sin(direction), dx * np.sin(direction) - dy * np.cos(direction)
        profile = np.exp(-0.5 * (across / (0.425 * NARROWEST * self.beam)) ** 2)
        beads = 0.3 + np.cos(number * r + phase) + 0.5 * np.cos(BEAT * number * r + 2 * phase)
        return np.where(along > 0, amplitude * profile * beads, 0)


def draw_artefacts(x, y, peak, artefacts, beam, pixel_scale, rng):
    """Draw the artefacts around bright components.

    Parameters
    ----------
    x, y : array_like
        Positions in pixels.
    peak : array_like
        Peaks in Jy/beam.
    artefacts : Artefacts
        What they are like.
    beam : float
        FWHM in pixels.
    pixel_scale : float
        In arcsec.
    rng : `~numpy.random.Generator`
        Source of randomness.

    Returns
    -------
    list of Artefact
    """
    bright = np.flatnonzero(np.asarray(peak) > artefacts.faintest) if artefacts.strength else []
    return [_draw(x[row], y[row], peak[row], artefacts, beam, pixel_scale, rng) for row in bright]


def _draw(x, y, peak, artefacts, beam, pixel_scale, rng):
    scale = peak * artefacts.strength * np.exp(rng.normal(0, SCATTER))
    number = 1 + rng.poisson(artefacts.n_spokes - 1)
    waves = 2 * np.pi / (beam * rng.uniform(*WAVES, number))
    sign = np.where(rng.uniform(size=number) < 0.65, 1, -1)
    amplitude = artefacts.spokes * scale * sign * rng.uniform(0.3, 1.0, number)
    turns = rng.uniform(0, 2 * np.pi, (2, number))
    ring = (0.5 * artefacts.rings * scale, 2 * np.pi / (beam * rng.uniform(*RINGS)), rng.uniform(0, 2 * np.pi))
    ring = (*ring, rng.integers(2, 9), rng.uniform(0, 2 * np.pi))
    radius = artefacts.radius / pixel_scale * np.exp(rng.normal(0, SCATTER))
    spokes = np.stack([turns[0], amplitude, waves, turns[1]], axis=1)
    return Artefact(x, y, radius, beam, spokes, ring, artefacts.bowl * scale)

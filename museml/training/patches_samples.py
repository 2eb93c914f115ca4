"""Patches drawn from fields for training: any place, turned and mirrored, with more noise."""

import numpy as np
from scipy.ndimage import gaussian_filter

from museml.data.patches import BEAM, encode, patch_batch
from museml.data.preparation import prepare_input

__all__ = ["PREPARATION", "draw_patches", "patch_draw"]

#: the noise is about linear then
PREPARATION = ({"step": "stretch", "scale": 3.0}, {"step": "append_mask"})
SIDE = 256  # of a patch in pixels
NOISIER = 0.5  # part of the patches to which noise is added
MORE = 1.0  # most noise added, in units of that in the image
BLANK = 0.1  # part of the patches with a piece without data


def patch_draw(fields, side=SIDE, noisier=NOISIER):
    """Return a function that draws patches; see `draw_patches`.

    Returns
    -------
    callable
        ``draw(rng, n)`` returns inputs and targets.
    """

    def draw(rng, n):
        values, targets = draw_patches(fields, rng, n, side, noisier)
        return prepare_input(patch_batch(values), PREPARATION), targets

    return draw


def draw_patches(fields, rng, n, side=SIDE, noisier=NOISIER):
    """Draw patches of fields.

    Parameters
    ----------
    fields : list of `~museml.training.patches_fields.PatchField`
        They are chosen with the frequency of their areas.
    rng : `~numpy.random.Generator`
        Source of randomness.
    n : int
        How many.
    side : int
        Of the patches.
    noisier : float
        Part of the patches to which noise is added, so that their components become fainter.

    Returns
    -------
    values : ndarray, shape (n, side, side)
        In units of the noise.
    targets : ndarray, shape (n, side / 4, side / 4, 2, 8)
        See `museml.data.patches.encode`.
    """
    areas = np.array([field.values.size for field in fields], float)
    chosen = rng.choice(len(fields), n, p=areas / areas.sum())
    drawn = [_patch(fields[row], rng, side, noisier) for row in chosen]
    return np.stack([values for values, _ in drawn]), np.stack([targets for _, targets in drawn])


def _patch(field, rng, side, noisier):
    values, components = _cut(field, rng, side)
    values, components = _turn(values, components, rng)
    if rng.random() < noisier:
        values, components = _with_noise(values, components, rng.uniform(0, MORE), rng)
    if rng.random() < BLANK:
        _blank(values, rng)
    components = components[_on_data(values, components)]
    return values, encode(components, values.shape)


def _cut(field, rng, side):
    """Cut a patch out at any place, filled up with nothing where the field is smaller."""
    ny, nx = field.values.shape
    top, left = (int(rng.integers(max(length - side, 0) + 1)) for length in (ny, nx))
    values = np.full((side, side), np.nan, np.float32)
    part = field.values[top : top + side, left : left + side]
    values[: part.shape[0], : part.shape[1]] = part
    components = field.components - np.array([left, top, 0, 0, 0, 0, 0], np.float32)
    near = np.all((components[:, :2] > -side / 8) & (components[:, :2] < side * 9 / 8), axis=1)
    return values, components[near]


def _turn(values, components, rng):
    """Mirror a patch along x or y and exchange these, at random; angles count from +y counter-clockwise."""
    side, components = len(values), components.copy()
    x, y, angle = components[:, 0], components[:, 1], components[:, 4 + 1]
    for axis, place in ((1, x), (0, y)):
        if rng.random() < 0.5:
            values = np.flip(values, axis)
            place[:], angle[:] = side - 1 - place, -angle
    if rng.random() < 0.5:
        values, angle[:] = values.T, 90 - angle
        components[:, :2] = components[:, 1::-1]
    return values.copy(), components


def _with_noise(values, components, more, rng):
    """Add noise as a restored image has it, and return what has the noise 1 again."""
    noise = gaussian_filter(rng.standard_normal(values.shape, np.float32), BEAM / np.sqrt(8 * np.log(2)) / np.sqrt(2))
    noise *= more / noise.std()
    level, components = np.sqrt(1 + more**2), components.copy()
    for column in (2, 6):
        known = components[:, 6] > 0 if column == 6 else slice(None)
        components[known, column] /= level
    return (values + noise) / level, components


def _blank(values, rng):
    """Remove the data of a rectangle."""
    top, left = rng.integers(0, len(values), 2)
    height, width = rng.integers(4, len(values) // 2, 2)
    values[top : top + height, left : left + width] = np.nan


def _on_data(values, components):
    """Tell which components are not on a place without data."""
    place = np.clip(np.rint(components[:, 1::-1]).astype(int), 0, len(values) - 1)
    return np.isfinite(values[tuple(place.T)])

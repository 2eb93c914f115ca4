"""Tiles: their cores cover an image exactly, whatever its shape."""

import numpy as np
import pytest

from museml.data.tiles import tiles
from museml.errors import SettingError


@pytest.mark.parametrize("seed", range(20))
def test_every_pixel_and_every_place_has_one_owner(seed):
    rng = np.random.default_rng(seed)
    shape, size, margin = rng.integers(1, 60, 2), rng.integers(1, 40, rng.integers(1, 3)), rng.integers(0, 15)
    owned, cores = np.zeros(shape, int), np.zeros(shape, int)
    rows, columns = np.indices(shape)
    x, y = rng.uniform(-3, shape[1] + 3, 500), rng.uniform(-3, shape[0] + 3, 500)
    owners = np.zeros(500, int)
    for tile in tiles(shape, size, margin):
        cores[tile.core_rows, tile.core_columns] += 1
        owned += tile.owns(columns, rows)
        owners += tile.owns(x, y)
    assert np.all(cores == 1)
    assert np.all(owned == 1)
    assert np.all(owners == 1)


@pytest.mark.parametrize("seed", range(5))
def test_a_window_is_the_core_with_its_margin_inside_the_image(seed):
    rng = np.random.default_rng(seed)
    shape, size, margin = rng.integers(5, 90, 2), rng.integers(3, 30), rng.integers(0, 12)
    for tile in tiles(shape, size, margin):
        for window, core, length in zip(
            (tile.rows, tile.columns), (tile.core_rows, tile.core_columns), shape, strict=True
        ):
            assert window.start == max(core.start - margin, 0)
            assert window.stop == min(core.start + size + margin, length)
        assert tile.shape == np.empty(shape)[tile.rows, tile.columns].shape
        assert tile.offset == (tile.columns.start, tile.rows.start)


def test_what_lies_on_a_seam_belongs_to_the_tile_above_it():
    first, second = tiles((10, 20), 10, 3)
    assert not first.owns(9.5, 5)
    assert second.owns(9.5, 5)


@pytest.mark.parametrize(("size", "margin"), [(0, 1), (10, -1)])
def test_impossible_tiles_are_refused(size, margin):
    with pytest.raises(SettingError, match="at least 1 and a margin"):
        tiles((10, 10), size, margin)

import numpy as np
import pytest
from astropy.table import Table

from museml.data.cubes import open_cube
from museml.data.cutouts import CHANNELS, PIXELS, cut, open_cutouts
from museml.errors import InputError, PredictionFlag

MIDDLE = (CHANNELS // 2, PIXELS // 2, PIXELS // 2)


@pytest.fixture
def lines(truth):
    return truth[truth["kind"] == "line"]


def detection(cube, z, y, x):
    return Table({"id": [7], "x": [float(x)], "y": [float(y)], "wave": [open_cube(cube).wave[z]]})


def test_a_line_is_in_the_middle(cube, lines):
    signal = cut(open_cube(cube), lines).values[..., 0]
    middle = signal[(slice(None), slice(18, 23), slice(3, 6), slice(3, 6))].mean(axis=(1, 2, 3))
    assert (middle > 0.3).all()
    assert abs(signal[:, :10].mean()) < 0.1


def test_noise_has_unit_scatter(cube, lines):
    signal = cut(open_cube(cube), lines).values[:, :10, :, :, 0]
    assert signal.std() == pytest.approx(1, abs=0.1)


def test_cutouts_are_free_of_scale(cube, lines):
    bright = cube.copy()
    bright.data, bright.var = cube.data * 8, cube.var * 64
    once, again = (cut(open_cube(c), lines) for c in (cube, bright))
    assert np.allclose(once.values, again.values, atol=1e-4)


def test_the_level_of_the_continuum_is_seen(cube):
    sigma = np.sqrt(cube.var)
    cube.data = cube.data + 5 * sigma
    batch = cut(open_cube(cube), detection(cube, 300, 15, 15))
    assert np.median(batch.values[..., 1]) == pytest.approx(5, abs=0.3)
    assert abs(np.median(batch.values[..., 0])) < 0.2


def test_a_sky_line_is_seen_as_noise(cube):
    var = cube.var.copy()
    var[298:303] *= 9
    cube.var = var
    noise = cut(open_cube(cube), detection(cube, 300, 15, 15)).values[0, :, 4, 4, 2]
    assert noise[MIDDLE[0]] - noise[5] == pytest.approx(np.log(3), abs=0.1)


def test_what_is_outside_of_the_cube_is_masked(cube):
    batch = cut(open_cube(cube), detection(cube, 0, 0, 29))
    mask = batch.mask[0, ..., 0]
    assert mask[: MIDDLE[0]].all()
    assert mask[:, :4].all()
    assert mask[:, :, 5:].all()
    assert not mask[MIDDLE[0] :, 4:, :5].any()
    assert np.isfinite(batch.values).all()


def test_masked_voxels_are_masked(cube):
    cube.data[300, 15, 15] = np.ma.masked
    batch = cut(open_cube(cube), detection(cube, 300, 15, 15))
    assert batch.mask[(0, *MIDDLE, 0)]
    assert batch.values[(0, *MIDDLE, 0)] == 0


@pytest.mark.parametrize("wave", [np.nan, 1000.0, 20000.0])
def test_a_row_without_a_place_is_flagged(cube, wave):
    table = detection(cube, 300, 15, 15)
    table["wave"] = wave
    batch = cut(open_cube(cube), table)
    assert batch.mask.all()
    assert batch.flags[0] == PredictionFlag.NO_DATA


def test_rows_do_not_depend_on_each_other(cube, lines):
    data = open_cube(cube)
    together = cut(data, lines)
    for i in range(len(lines)):
        assert np.array_equal(cut(data, lines[i : i + 1]).values[0], together.values[i])


def test_no_rows_give_an_empty_batch(cube, lines):
    batch = cut(open_cube(cube), lines[:0])
    assert len(batch) == 0
    assert batch.values.shape == (0, CHANNELS, PIXELS, PIXELS, 3)


def test_a_pair_or_a_batch_is_opened(cube, lines):
    (batch,) = open_cutouts((cube, lines))
    assert batch.ids == tuple(str(i) for i in lines["id"])
    assert open_cutouts(batch) == [batch]


def test_anything_else_is_refused(cube):
    with pytest.raises(InputError, match=r"must be a Batch or a pair \(cube, detections\), not Cube; make them"):
        open_cutouts(cube)

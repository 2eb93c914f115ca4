import numpy as np
import pytest
from astropy.table import Table

from museml.data.cubes import open_cube
from museml.data.cutouts import CHANNELS, LENGTH, PIXELS, cut, cut_parts, open_cutouts, pack, unpack
from museml.errors import InputError, PredictionFlag

MIDDLE = (CHANNELS // 2, PIXELS // 2, PIXELS // 2)


@pytest.fixture
def lines(truth):
    return truth[truth["kind"] == "line"]


def detection(cube, z, y, x):
    return Table({"id": [7], "x": [float(x)], "y": [float(y)], "wave": [open_cube(cube).wave[z]]})


def voxels(cube, table):
    """Return the cut-outs alone."""
    return unpack(cut(open_cube(cube), table).values)[0]


def spectra(cube, table):
    return unpack(cut(open_cube(cube), table).values)[1]


def test_a_line_is_in_the_middle(cube, lines):
    signal = voxels(cube, lines)[..., 0]
    middle = signal[(slice(None), slice(18, 23), slice(3, 6), slice(3, 6))].mean(axis=(1, 2, 3))
    assert (middle > 0.3).all()
    assert abs(signal[:, :10].mean()) < 0.1


def test_noise_has_unit_scatter(cube, lines):
    signal = voxels(cube, lines)[:, :10, :, :, 0]
    assert signal.std() == pytest.approx(1, abs=0.1)


def test_cutouts_are_free_of_scale(cube, lines):
    bright = cube.copy()
    bright.data, bright.var = cube.data * 8, cube.var * 64
    once, again = (cut(open_cube(c), lines) for c in (cube, bright))
    assert np.allclose(once.values, again.values, atol=1e-4)


def test_the_level_of_the_continuum_is_seen(cube):
    sigma = np.sqrt(cube.var)
    cube.data = cube.data + 5 * sigma
    values = voxels(cube, detection(cube, 300, 15, 15))
    assert np.median(values[..., 1]) == pytest.approx(5, abs=0.3)
    assert abs(np.median(values[..., 0])) < 0.2


def test_a_cube_with_its_sign_changed_has_the_same_level(cube):
    cube.data = cube.data + 5 * np.sqrt(cube.var)
    flipped = cube.copy()
    flipped.data = -cube.data
    place = detection(cube, 300, 15, 15)
    for quantities, odd in ((voxels, 1), (spectra, 2)):
        once, again = quantities(cube, place), quantities(flipped, place)
        assert np.allclose(once[..., :odd], -again[..., :odd], atol=1e-4)
        assert np.allclose(once[..., odd:], again[..., odd:], atol=1e-4)


def test_the_spectrum_is_that_of_a_point_source(cube, lines):
    signal = spectra(cube, lines)[..., 0]
    middle = signal[:, LENGTH // 2 - 2 : LENGTH // 2 + 3].max(axis=1)
    assert (middle > 3).all()
    assert signal[:, :40].std() == pytest.approx(1, abs=0.15)


def test_light_that_fills_the_field_is_seen_as_such(cube, lines):
    place = detection(cube, 300, 15, 15)
    before = spectra(cube, place)
    cube.data[298:303] += np.sqrt(cube.var[298:303])
    after = spectra(cube, place)
    middle = slice(LENGTH // 2 - 2, LENGTH // 2 + 3)
    added = (after - before)[0, middle]
    assert (added[:, 1] > 2).all()
    assert np.allclose(added[:, 1], added[:, 0], rtol=0.1)
    assert np.allclose((after - before)[0, :40, :2], 0, atol=0.1)


def test_a_sky_line_is_seen_as_noise(cube):
    var = cube.var.copy()
    var[298:303] *= 9
    cube.var = var
    place = detection(cube, 300, 15, 15)
    for noise in (voxels(cube, place)[0, :, 4, 4, 2], spectra(cube, place)[0, :, 2]):
        assert noise[len(noise) // 2] - noise[5] == pytest.approx(np.log(3), abs=0.1)


def test_what_is_outside_of_the_cube_tells_nothing(cube):
    values = voxels(cube, detection(cube, 0, 0, 29))[0]
    outside = np.ones(values.shape[:3], bool)
    outside[MIDDLE[0] :, 4:, :5] = False
    assert (values[outside][:, [0, 2]] == (0, 3)).all()
    assert (values[~outside][:, 2] < 3).all()
    assert np.isfinite(values).all()


def test_masked_voxels_tell_nothing(cube):
    cube.data[300, 15, 15] = np.ma.masked
    values = voxels(cube, detection(cube, 300, 15, 15))[(0, *MIDDLE)]
    assert values[0] == 0
    assert values[2] == 3


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
    assert [part.shape for part in unpack(batch.values)] == [(0, CHANNELS, PIXELS, PIXELS, 3), (0, LENGTH, 4)]


def test_parts_are_the_whole_and_each_block_is_read_once(cube, lines, monkeypatch):
    data, starts = open_cube(cube), []
    whole, read = cut(data, lines), data.block
    monkeypatch.setattr(data, "block", lambda start, stop: starts.append(start) or read(start, stop))
    parts = list(cut_parts(data, lines, rows=2))
    assert len(starts) == len(set(starts))
    assert sorted(np.concatenate([rows for rows, _ in parts])) == list(range(len(lines)))
    for rows, batch in parts:
        assert len(batch) <= 2
        assert np.array_equal(batch.values, whole.values[rows])
        assert batch.ids == tuple(whole.ids[row] for row in rows)


def test_packing_can_be_undone():
    rng = np.random.default_rng(0)
    parts = rng.normal(size=(2, CHANNELS, PIXELS, PIXELS, 3)), rng.normal(size=(2, LENGTH, 4))
    for before, after in zip(parts, unpack(pack(*parts)), strict=True):
        assert np.array_equal(before, after)


def test_a_pair_or_a_batch_is_opened(cube, lines):
    (batch,) = open_cutouts((cube, lines))
    assert batch.ids == tuple(str(i) for i in lines["id"])
    assert open_cutouts(batch) == [batch]


def test_anything_else_is_refused(cube):
    with pytest.raises(InputError, match=r"must be a Batch or a pair \(cube, detections\), not Cube; make them"):
        open_cutouts(cube)

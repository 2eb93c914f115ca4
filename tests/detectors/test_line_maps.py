import numpy as np
import pytest

from museml.detectors.line_grid import STEP, WIDTHS, LineGrid
from museml.detectors.line_maps import DOUBLET, Doublet, LineMaps

WAVE = 7000 + 1.25 * np.arange(240)
FIRST = 7150.0  # of the doublet


def maps(root, ratio, seed=3):
    """Return the maps of pure noise but for a doublet of flux 1 and ``ratio`` at one pixel, without noise there."""
    spectra = np.random.default_rng(seed).standard_normal((len(WAVE), 20, 20)).astype(np.float32)
    lines = [np.exp(-0.5 * ((WAVE - FIRST * np.exp(k * DOUBLET * STEP)) / 1.4) ** 2) for k in (0, 1)]
    spectra[:, 10, 10] = 9 * (lines[0] + ratio * lines[1]) * root
    return LineMaps(spectra, LineGrid.of(WAVE, "vacuum", root))


def doublet(found):
    place = np.array([found.grid.place(FIRST)])
    here = np.array([10])
    return [values[0] for values in (*found.pair(0, place, here, here), *found.line(0, place, here, here))]


def test_a_doublet_is_more_than_its_first_line():
    pair, _, line, _ = doublet(maps(np.ones(len(WAVE)), 1.0))
    assert pair == pytest.approx(np.sqrt(2) * line, rel=0.1)


def test_a_line_under_which_the_noise_is_high_does_not_count():
    root = np.where(WAVE > FIRST + 3.5, 0.1, 1.0)
    pair, pair_scale, line, line_scale = doublet(maps(root, 1.0))
    assert pair == pytest.approx(line, rel=0.1)
    assert pair_scale < 0.7 * line_scale


def test_the_noise_of_a_doublet_is_as_expected_beside_a_sky_line():
    root = 1 / (1 + 6 * np.exp(-0.5 * ((WAVE - FIRST - 3) / 2) ** 2))
    both = maps(root, 0.0).doublet
    steps = slice(*np.rint(np.log([7100, 7200]) / STEP - np.ceil(np.log(WAVE[0]) / STEP)).astype(int))
    single = np.std(maps(root, 0.0).single[steps])
    assert np.std(both[steps]) == pytest.approx(single, rel=0.1)


def test_weights_of_a_doublet_give_its_flux():
    grid = LineGrid.of(WAVE, "vacuum", np.ones(len(WAVE)))
    pair = Doublet.of(grid, WIDTHS[0], np.full(len(grid), 2.0))
    weights, scale = pair.weights(1.5)
    expected = np.array([0.4, 0.6])[:, None] * 2.0
    assert np.sum(weights[:, 50] * (expected[:, 0] + expected[::-1, 0] * pair.overlap[50])) == pytest.approx(scale[50])


def test_the_highest_around_reaches_to_the_neighbours():
    found = maps(np.ones(len(WAVE)), 1.0)
    step = round(found.grid.place(FIRST))
    assert found.around[step, 11, 9] >= found.single[step, 10, 10]
    assert found.around[step, 13, 10] < found.single[step, 10, 10]

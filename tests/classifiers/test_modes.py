import numpy as np
import pytest

from museml.classifiers.modes import RIGHT, Grid, clear, find_mode, mass_within, ranked

GRID = Grid(-0.004, 3.5e-4, 5860)


def bumps(*parts):
    """Return one row of p(z) with Gaussian modes of given mass, place and width in ln(1+z)."""
    shape = [np.exp(-0.5 * ((GRID.lnz - lnz) / width) ** 2) for _, lnz, width in parts]
    return sum(mass * values / values.sum() for (mass, _, _), values in zip(parts, shape, strict=True))[None]


def test_modes_come_by_mass_and_know_place_width_and_probability():
    pz = bumps((0.5, 0.7, 8e-4), (0.3, 1.4, 4e-4), (0.15, 0.2, 4e-4))
    found = []
    for _ in range(3):
        found.append(find_mode(pz, GRID))
        pz = clear(pz, GRID, found[-1])
    assert [mode.p[0] for mode in found] == pytest.approx([0.5, 0.3, 0.15], abs=1e-3)
    assert [mode.lnz[0] for mode in found] == pytest.approx([0.7, 1.4, 0.2], abs=1e-5)
    assert found[0].spread[0] == pytest.approx(8e-4, rel=0.05)
    assert pz.sum() < 0.06


def test_a_wide_mode_is_one_mode_but_p_counts_what_is_right():
    pz = bumps((0.9, 0.9, 0.006), (0.05, 1.5, 3e-4))
    mode = find_mode(pz, GRID)
    assert mode.p[0] == pytest.approx(0.9 * 0.595, abs=0.02)  # within 0.005 of 0.006
    second = find_mode(clear(pz, GRID, mode), GRID)
    assert second.lnz[0] == pytest.approx(1.5, abs=1e-3)


def test_one_sure_cell_has_the_error_of_a_cell():
    pz = np.zeros((1, GRID.size))
    pz[0, 2000] = 1
    mode = find_mode(pz, GRID)
    assert mode.lnz[0] == pytest.approx(GRID.lnz[2000])
    assert mode.spread[0] == pytest.approx(GRID.step / np.sqrt(12))
    assert mode.p[0] == 1


@pytest.mark.parametrize("cell", [0, GRID.size - 1])
def test_modes_at_the_ends_and_empty_rows(cell):
    pz = np.zeros((2, GRID.size))
    pz[0, cell] = 0.7
    mode = find_mode(pz, GRID)
    assert mode.p == pytest.approx([0.7, 0.0])
    assert np.isfinite(mode.lnz).all()


def test_mass_counts_parts_of_cells():
    flat = np.full((1, GRID.size), 1 / GRID.size)
    expected = 2 * RIGHT / (GRID.size * GRID.step)
    assert mass_within(flat, GRID, np.array([0.5]), RIGHT)[0] == pytest.approx(expected, rel=1e-6)


def test_modes_are_ranked_by_probability():
    wide, narrow = bumps((0.55, 0.9, 0.02)), bumps((0.4, 1.5, 3e-4))
    first = find_mode(wide + narrow, GRID)
    modes = ranked([first, find_mode(clear(wide + narrow, GRID, first), GRID)])
    assert modes[0].p[0] >= modes[1].p[0]
    assert modes[0].lnz[0] == pytest.approx(1.5, abs=1e-3)

"""Detectors on cubes as they come: the gap of the lasers' filter, rotated fields, bad variances."""

import numpy as np
import pytest

from museml.data.cubes import open_cube
from museml.detectors.continuum import ContinuumDetector
from museml.detectors.lines import LineDetector
from museml.errors import DetectionFlag, MusemlWarning
from museml.simulation.cubes import inject_lines, simulate_cube
from museml.simulation.objects import truth_table

SHAPE = (320, 36, 40)
START = 5650.0  # the gap of the notch filter, 5800-5970 Angstrom, is in the middle


@pytest.fixture(scope="module")
def cube():
    """Return a cube with two bright continuum sources."""
    empty, _ = simulate_cube(SHAPE, 5, n_lines=0, n_galaxies=0, n_continuum=0, start=START)
    columns = {"x": np.array([12.0, 27.0]), "y": np.array([17.0, 19.0]), "slope": np.zeros(2)}
    truth = truth_table(open_cube(empty), "continuum", columns)
    truth["flux"] = 5e5
    return inject_lines(empty, truth)


@pytest.mark.parametrize("content", [np.nan, 0.0])
def test_nothing_is_found_in_the_gap_of_the_notch_filter_or_at_its_edges(cube, content):
    cube, wave = cube.copy(), START + 1.25 * np.arange(SHAPE[0])
    gap = (wave > 5800) & (wave < 5970)
    edges = ((wave > 5797) & (wave < 5973)) & ~gap
    cube.data.data[gap] = content
    cube.var.data[gap] = 0
    cube.data.data[edges] *= 0.4
    lines, continuum = LineDetector().detect(cube), ContinuumDetector().detect(cube)
    assert not np.any((lines["wave"] > 5780) & (lines["wave"] < 5990))
    assert len(continuum) == 2
    assert np.isfinite(continuum["mag"]).all()


def test_a_rotated_field_has_no_sources_at_its_edges(cube):
    cube = cube.copy()
    y, x = np.mgrid[: SHAPE[1], : SHAPE[2]]
    outside = np.abs(x - 20) + np.abs(y - 18) > 17
    cube.data.data[:, outside] = np.nan
    cube.var.data[:, outside] = np.nan
    found = ContinuumDetector().detect(cube)
    assert len(found) == 2
    assert np.allclose(sorted(found["x"]), [12, 27], atol=0.3)
    assert np.all(found["flags"] & DetectionFlag.MASKED)
    assert len(LineDetector().detect(cube)) == 0


def test_channels_with_wrong_variances_make_no_sources(cube):
    cube = cube.copy()
    cube.data.data[[50, 51, 200]] *= 20
    cube.var.data[[50, 51, 200]] *= 1e-3
    with pytest.warns(MusemlWarning, match="3 channels"):
        opened = open_cube(cube)
    found = ContinuumDetector().detect(opened)
    assert len(found) == 2
    assert len(LineDetector().detect(opened)) == 0

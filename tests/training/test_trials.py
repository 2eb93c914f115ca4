import numpy as np
import pytest
from astropy.table import Table

from museml.data.cubes import open_cube
from museml.detectors.lines import LineDetector
from museml.simulation.cubes import inject_lines, simulate_cube
from museml.simulation.objects import random_lines
from museml.training.trials import REAL, RESIDUAL, UNCLEAR, flip_cube, label_detections, noisier, run_trial


@pytest.fixture(scope="module")
def empty():
    return simulate_cube((500, 30, 30), seed=4, n_lines=0, n_galaxies=0, n_continuum=0)[0]


def test_bright_injected_lines_are_real(empty):
    truth = random_lines(empty, 5, 1, snr=(20, 30))
    trial = run_trial(empty, truth, LineDetector(threshold=8.0))
    assert (trial.labels == REAL).all()
    assert len(trial.labels) >= 4
    assert len(trial.batch) == len(trial.labels)


def test_noise_is_a_residual(empty):
    trial = run_trial(empty, random_lines(empty, 1, 1, snr=(20, 30)), LineDetector(threshold=3.5))
    assert (trial.labels == RESIDUAL).sum() > 3
    assert len(trial.detections) == len(trial.labels)


def test_noise_is_added_as_the_variances_tell(empty):
    more = noisier(empty, 0.75, np.random.default_rng(0))
    assert np.allclose(more.var / empty.var, 1.5625, rtol=1e-4)
    assert np.std(more.data / np.sqrt(more.var)) == pytest.approx(np.std(empty.data / np.sqrt(empty.var)), rel=0.02)


def test_a_bright_peak_with_a_little_injected_light_is_unclear(empty):
    line = random_lines(empty, 1, 2, snr=(40, 41))
    before = open_cube(inject_lines(empty, line))
    line["flux"] *= 0.2
    after = open_cube(inject_lines(before.to_mpdaf(), line))
    place = Table({name: line[name] for name in ("wave", "x", "y")})
    assert label_detections(before, after, place)[0] == UNCLEAR
    assert label_detections(open_cube(empty), before, place)[0] == REAL


def test_flipping_changes_the_sign_of_a_copy(empty):
    flipped = flip_cube(empty)
    assert np.array_equal(flipped.data.data, -empty.data.data)
    assert np.array_equal(flipped.var, empty.var)

import numpy as np
import pytest
from scipy.special import expit, logit

from museml.detectors.lines import LineDetector
from museml.errors import DetectionFlag
from museml.simulation.cubes import simulate_cube
from museml.simulation.objects import random_lines
from museml.training.reality_samples import fit_evidence, list_probability, stack_samples, stack_trials
from museml.training.reality_scores import remaining
from museml.training.trials import REAL, run_trial


@pytest.fixture(scope="module")
def sample():
    trials = []
    for seed in (1, 2):
        cube = simulate_cube((400, 30, 30), seed=seed, n_lines=0, n_galaxies=0, n_continuum=0)[0]
        lines = random_lines(cube, 40, seed, snr=(4, 9))
        trials.append(("few", run_trial(cube, lines, LineDetector(threshold=3.6))))
    return stack_trials(trials)


def test_weights_take_the_meaning_from_the_ratio(sample):
    real, snr = sample.labels == REAL, np.asarray(sample.detections["snr"])
    faint = snr < np.quantile(snr[real], 0.2)
    assert sample.weights[faint & real].sum() / sample.weights[faint].sum() == pytest.approx(0.5, abs=0.2)
    assert real[faint].mean() < real.mean()
    assert sample.weights.mean() == pytest.approx(1)


def test_rows_and_stacks_keep_what_belongs_together(sample):
    parts = [sample.rows(sample.cube == cube) for cube in (0, 1)]
    again = stack_samples(parts)
    assert np.array_equal(again.batch.values, sample.batch.values)
    assert np.array_equal(again.labels, sample.labels)
    assert len(set(again.cube)) == 2
    assert list(again.detections["snr"]) == list(sample.detections["snr"])


def test_in_a_list_bright_lines_are_probable_and_faint_peaks_are_not(sample):
    probability = list_probability(sample, np.full(len(sample), 0.5))
    snr = np.asarray(sample.detections["snr"])
    assert (probability[snr > 7] > 0.85).all()
    assert probability[snr < 4].mean() < 0.5
    assert not (np.asarray(sample.detections["flags"]) & DetectionFlag.FIT_FAILED).all()


def test_a_biased_model_is_calibrated_also_where_it_is_certain(sample):
    real = sample.labels == REAL
    evidence = np.random.default_rng(0).normal(np.where(real, 1, -1), 1)  # its logarithm of the odds is twice that
    answers = expit(2 * evidence - 1.5)
    answers[real.argmax()] = 1.0
    calibration = fit_evidence(sample, answers)
    trusted = expit(calibration["scale"] * logit(answers.clip(1e-9, 1 - 1e-9)) + calibration["offset"][0])
    errors = [abs(list_probability(sample, p).mean() - real.mean()) for p in (trusted, answers)]
    assert errors[0] < 0.5 * errors[1]


def test_what_remains_is_counted_at_equal_completeness():
    truth = np.array([True] * 10 + [False] * 10)
    snr = np.r_[np.full(8, 6.0), 4.5, 4.5, np.full(4, 6.0), np.full(6, 4.5)]
    perfect, useless = np.where(truth, 0.9, 0.1), np.full(20, 0.5)
    assert remaining(truth, snr, perfect)[0]["value"] == 0
    assert remaining(truth, snr, useless)[0]["value"] == 1
    assert remaining(truth, snr, useless)[0]["n"] == 4
    assert remaining(truth[:10], snr[:10], perfect[:10]) == []

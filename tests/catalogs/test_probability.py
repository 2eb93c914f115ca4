import numpy as np
import pytest

from museml.catalogs.probability import probability_real, source_probability


def simulated_list(true, level, seed=0):
    """Return S/N, score and truth of a list: false ones fall as exp(-5 S/N), true ones as a power."""
    rng = np.random.default_rng(seed)
    snr = np.r_[5 * rng.random(true) ** (-1 / 1.5), 5 + rng.exponential(0.2, rng.poisson(level))]
    return snr, 5 * (snr - 5) / np.log(10) - np.log10(level), np.arange(len(snr)) < true


@pytest.mark.parametrize(("true", "level"), [(100, 20), (30, 100), (5, 0.5)])
def test_probabilities_are_true_whatever_the_mixture(true, level):
    lists = [simulated_list(true, level, seed) for seed in range(20)]
    probability = np.concatenate([probability_real(snr, score) for snr, score, _ in lists])
    truth = np.concatenate([one[2] for one in lists])
    assert probability.sum() == pytest.approx(truth.sum(), rel=0.1)
    for low in (0.0, 0.25, 0.5, 0.75):
        rows = (probability >= low) & (probability < low + 0.25)
        if rows.sum() > 100:
            assert truth[rows].mean() == pytest.approx(probability[rows].mean(), abs=0.12)


def test_evidence_shifts_the_odds():
    snr, score, _ = simulated_list(20, 20)
    plain = probability_real(snr, score)
    for shift in (-3.0, 3.0):
        one = np.zeros(len(snr))
        one[-1] = shift
        assert np.sign(probability_real(snr, score, one)[-1] - plain[-1]) == np.sign(shift)


def test_where_more_false_ones_are_expected_less_is_sure():
    snr = np.linspace(5, 7, 20)
    score = 5 * (snr - 5) / np.log(10) - np.log10(5)
    sky = np.repeat([False, True], 20)
    probability = probability_real(np.tile(snr, 2), np.tile(score, 2) - 1.5 * sky, group=sky)
    assert (probability[~sky] > probability[sky]).all()


def test_numbers_too_small_to_be_held_and_empty_lists():
    assert probability_real([50.0], [600.0])[0] == 1
    assert len(probability_real([], [])) == 0


def test_a_line_with_a_continuum_is_surer_than_either():
    kind = ["line", "line", "continuum", "line", "line"]
    together = source_probability([1, 2, 1, 3, 1], kind, np.ma.masked_array([0.6, 0.7, 0.9, 0.0, 0.5], [0, 0, 0, 1, 0]))
    assert np.allclose(together[[0, 1, 2, 4]], [0.96, 0.7, 0.96, 0.96])
    assert together.mask.tolist() == [False, False, False, True, False]
    assert len(source_probability([], [], [])) == 0

import numpy as np
import pytest
from scipy.optimize import nnls

from museml.classifiers.nonnegative import misfit, solve_nonnegative


@pytest.fixture(scope="module")
def problems():
    rng = np.random.default_rng(0)
    design = rng.uniform(size=(20, 30, 4)) + 0.2
    data = np.einsum("nik,nk->ni", design, np.maximum(rng.normal(size=(20, 4)), 0)) + rng.normal(0, 0.3, (20, 30))
    return design, data


def normal(design, data):
    return np.einsum("nij,nik->jkn", design, design), np.einsum("nij,ni->jn", design, data)


def test_the_solution_is_that_of_one_problem_at_a_time(problems):
    x = solve_nonnegative(*normal(*problems), sweeps=500)
    alone = np.array([nnls(design, data)[0] for design, data in zip(*problems, strict=True)]).T
    np.testing.assert_allclose(x, alone, atol=1e-4)
    assert np.any(x == 0)


def test_the_misfit_never_grows_and_is_that_of_the_data(problems):
    matrix, vector = normal(*problems)
    x, last = np.zeros_like(vector), np.zeros(len(problems[0]))
    for _ in range(5):
        x = solve_nonnegative(matrix, vector, x, sweeps=1)
        now = misfit(matrix, vector, x)
        assert np.all(now <= last + 1e-9)
        last = now
    direct = np.sum((problems[1] - np.einsum("nik,kn->ni", problems[0], x)) ** 2, axis=1)
    np.testing.assert_allclose(last + np.sum(problems[1] ** 2, axis=1), direct)


def test_a_component_that_no_data_see_stays_zero():
    matrix, vector = np.diag([1.0, 0.0])[..., None], np.array([[2.0], [5.0]])
    np.testing.assert_allclose(solve_nonnegative(matrix, vector)[:, 0], [2, 0])

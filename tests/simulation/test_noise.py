import numpy as np
import pytest

from museml.simulation.noise import LAG_ONE, noise_cube, noise_curve


def test_noise_falls_with_the_root_of_the_exposure_time():
    wave = np.array([5000.0, 7000.0])
    assert noise_curve(wave, 4.0) == pytest.approx(noise_curve(wave, 1.0) / 2)


def test_noise_is_high_at_the_blue_end_and_on_the_oxygen_line_of_the_sky():
    blue, clean, sky = noise_curve([4760.0, 7100.0, 5577.3])
    assert blue > 3 * clean
    assert sky > 2 * clean


def test_noise_continues_flat_outside_the_range():
    assert noise_curve(3000.0) == noise_curve(4000.0)


@pytest.mark.parametrize("correlated", [False, True])
def test_noise_cube_has_the_deviation_asked_for_in_each_channel(correlated):
    sigma = np.linspace(1, 20, 30)
    noise = noise_cube(sigma, (30, 50, 50), np.random.default_rng(1), correlated)
    assert noise.std(axis=(1, 2)) == pytest.approx(sigma, rel=0.08)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_neighbours_are_correlated_only_if_asked(axis):
    def lag_one(correlated):
        noise = noise_cube(np.ones(60), (60, 60, 60), np.random.default_rng(2), correlated)
        noise = np.moveaxis(noise, axis, 0)
        return np.mean(noise[1:] * noise[:-1])

    assert lag_one(False) == pytest.approx(0, abs=0.02)
    assert lag_one(True) == pytest.approx(LAG_ONE, abs=0.02)

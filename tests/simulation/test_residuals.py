import numpy as np
import pytest

from museml.data.cubes import open_cube
from museml.simulation.cubes import simulate_cube
from museml.simulation.residuals import continuum_residuals, sky_residuals


@pytest.fixture(scope="module")
def field():
    cube = simulate_cube((800, 24, 30), seed=2, n_lines=0, n_galaxies=0, n_continuum=0, start=6000.0)[0]
    return open_cube(cube)


def test_sky_residuals_are_where_the_noise_is(field):
    residuals = sky_residuals(field, 1)
    noise = np.sqrt(np.median(field.block(0, 800)[1], axis=(1, 2)))
    strength = np.sqrt((residuals**2).mean(axis=(1, 2))) / noise
    sky = noise > 1.3 * np.median(noise)
    assert strength[sky].mean() > 2 * strength[~sky].mean()
    assert 0.1 < strength[sky].mean() < 3


def test_sky_residuals_fill_the_field(field):
    residuals = sky_residuals(field, 1)
    brightest = residuals[np.abs(residuals).mean(axis=(1, 2)).argmax()]
    assert (brightest != 0).all()


def test_continua_have_absorption_lines(field):
    residuals = continuum_residuals(field, 1, n=1)
    spectrum = residuals.sum(axis=(1, 2))
    dip = spectrum / np.median(spectrum)
    assert spectrum.min() > 0
    assert dip.min() < 0.9


@pytest.mark.parametrize("draw", [sky_residuals, continuum_residuals])
def test_the_seed_decides(field, draw):
    assert np.array_equal(draw(field, 3), draw(field, 3))
    assert not np.array_equal(draw(field, 3), draw(field, 4))

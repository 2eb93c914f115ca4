import numpy as np
import pytest

from museml.data.cubes import open_cube
from museml.simulation.continuum_features import draw_continuum
from museml.simulation.cubes import simulate_cube
from museml.simulation.residuals import (
    NOTCH,
    continuum_residuals,
    cosmic_rays,
    notch_edges,
    sky_residuals,
    slice_residuals,
)


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


def test_cosmic_rays_are_sharper_than_the_psf(field):
    spots = cosmic_rays(field, 1, strength=(50, 60))
    noise = np.sqrt(np.median(field.block(0, 800)[1], axis=(1, 2)))[:, None, None]
    place = np.unravel_index((spots / noise).argmax(), spots.shape)
    around = (spots / noise)[tuple(slice(max(p - 3, 0), p + 4) for p in place)]
    assert 40 < around.max() < 70
    assert (around > around.max() / 2).sum() <= 12


def test_slices_leave_stripes(field):
    stripes = slice_residuals(field, 2, n=30)
    touched = stripes[np.abs(stripes).max(axis=(1, 2)) > 0]
    assert 0 < len(touched) < len(stripes)
    along = [np.ptp(touched, axis=axis).max(axis=1) < 1e-4 for axis in (1, 2)]
    assert np.any(along, axis=0).mean() > 0.5


def test_the_notch_filter_leaves_a_gap_with_bad_edges():
    cube = simulate_cube((400, 12, 12), seed=2, n_lines=0, n_galaxies=0, n_continuum=0, start=5650.0)[0]
    field = open_cube(cube)
    added = notch_edges(field, 1, strength=(4, 5))
    gap = (field.wave >= NOTCH[0]) & (field.wave < NOTCH[1])
    assert np.isnan(added[gap]).all()
    assert np.isfinite(added[~gap]).all()
    touched = np.abs(added[~gap]).max(axis=(1, 2)) > 0
    distance = np.min(np.abs(field.wave[~gap, None] - NOTCH), axis=1)
    assert touched[distance < 3].all()
    assert not touched[distance > 20].any()


def test_starlight_has_no_emission_lines():
    wave = 4750 + 1.25 * np.arange(3681)
    for seed in range(5):
        spectrum = draw_continuum(wave, np.random.default_rng(seed))
        assert np.median(spectrum) == pytest.approx(1, abs=0.5)
        assert np.isfinite(spectrum).all()


@pytest.mark.parametrize("draw", [sky_residuals, continuum_residuals, cosmic_rays, slice_residuals])
def test_the_seed_decides(field, draw):
    assert np.array_equal(draw(field, 3), draw(field, 3))
    assert not np.array_equal(draw(field, 3), draw(field, 4))

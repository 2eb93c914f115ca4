import numpy as np
import pytest

from museml.data.cubes import open_cube
from museml.data.psf import DEFAULT_PSF, PSF, cube_psf
from museml.simulation.cubes import inject_lines, simulate_cube
from museml.simulation.objects import truth_table

SEEING = PSF(0.66, slope=-5e-5, beta=2.5)


def field(sources, seed=0, shape=(400, 45, 50), start=4750.0):
    """Return a cube without FSF keywords, with sources given as x, y, flux and size."""
    empty, _ = simulate_cube(shape, seed, n_lines=0, n_galaxies=0, n_continuum=0, psf=SEEING, start=start)
    x, y, flux, size = np.array(sources, float).reshape(-1, 4).T
    columns = {"source": np.arange(len(x)) + 1, "x": x, "y": y, "size": size, "slope": np.zeros(len(x))}
    truth = truth_table(open_cube(empty), "continuum", columns)
    truth["flux"] = flux
    cube = inject_lines(empty, truth, psf=SEEING)
    cube.primary_header.remove("FSFMODE")
    return open_cube(cube)


@pytest.fixture(scope="module")
def starry():
    return field([(14.3, 20.6, 2e6, 0.0), (36.2, 30.1, 4e6, 0.6)])


def test_the_psf_is_that_of_the_star_and_not_of_a_brighter_galaxy(starry):
    star, middle = starry.star, np.mean(starry.wave)
    assert np.hypot(star.x - 14.3, star.y - 20.6) < 0.1
    assert star.psf.fwhm_at(middle) == pytest.approx(SEEING.fwhm_at(middle), rel=0.03)
    assert star.psf.beta == pytest.approx(2.5, abs=0.3)
    assert 0 < star.fwhm_err < 0.02


def test_the_width_changes_with_wavelength_as_the_data_say():
    cube = field([(24.3, 20.6, 2e7, 0.0)], shape=(1600, 41, 41))
    ends = cube.wave[[0, -1]]
    assert np.allclose(cube.star.psf.fwhm_at(ends), SEEING.fwhm_at(ends), rtol=0.04)
    assert cube.star.psf.slope == pytest.approx(SEEING.slope, rel=0.4)


def test_a_star_is_used_and_a_setting_or_the_header_overrule_it(starry):
    assert cube_psf(starry) == (starry.star.psf, "star")
    assert cube_psf(starry, 0.9) == (PSF(0.9), "setting")
    assert cube_psf(open_cube(simulate_cube((20, 20, 20))[0]))[1] == "header"


@pytest.mark.parametrize(
    "sources",
    [[], [(24, 22, 3e4, 0.0)], [(24, 22, 4e6, 1.2)], [(24, 22, 2e6, 0.0), (29, 22, 6e5, 0.0)], [(2, 2, 2e6, 0.0)]],
    ids=["empty field", "too faint", "a galaxy", "a pair", "at the edge"],
)
def test_without_a_bright_isolated_point_source_the_default_is_used(sources):
    assert cube_psf(field(sources)) == (DEFAULT_PSF, "default")


def test_a_star_with_missing_pixels_is_not_used(starry):
    cube = starry.to_mpdaf().copy()
    cube.data[:, 20:22, 14:16] = np.ma.masked
    star = open_cube(cube).star
    assert star is None or abs(star.x - 14.3) > 5

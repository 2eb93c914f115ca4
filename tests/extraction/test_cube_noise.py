import numpy as np
import pytest

from museml.data.cubes import open_cube
from museml.data.psf import PSF
from museml.detection import Detections
from museml.extraction import extract_sources, measure_noise
from museml.simulation.cubes import simulate_cube
from museml.simulation.noise import LAG_ONE


def detections_at(cube, x, y):
    """Return a line source at each position."""
    n = len(x)
    ra, dec = cube.pixel_to_sky(x, y)
    columns = {
        "id": np.arange(1, n + 1), "source": np.arange(1, n + 1), "kind": ["line"] * n, "ra": ra, "dec": dec,
        "x": np.asarray(x, float), "y": np.asarray(y, float), "wave": np.full(n, cube.wave[50]),
        "fwhm": np.full(n, 4.0), "snr": np.full(n, 5.0), "flux": np.ones(n), "flux_err": np.ones(n),
        "score": np.ones(n), "n_false": np.ones(n),
    }  # fmt: skip
    return Detections.from_columns(columns, meta={"PLUGIN": "truth", "PLUGIN_V": "1"})


@pytest.fixture(scope="module", params=[False, True])
def empty(request):
    """Return whether the noise is correlated, and a cube of nothing else."""
    nothing = {"n_lines": 0, "n_galaxies": 0, "n_continuum": 0}
    return request.param, open_cube(
        simulate_cube((320, 50, 50), seed=8, correlated=request.param, psf=PSF(0.7), **nothing)[0]
    )


def test_the_correlation_of_the_noise_is_found(empty):
    correlated, cube = empty
    correlation = measure_noise(cube, Detections.empty()).correlation
    assert correlation[3, 3] == 1
    assert correlation[3, 4] == pytest.approx(LAG_ONE * correlated, abs=0.015)
    assert correlation[2, 3] == correlation[4, 3]
    assert correlation[4, 4] == pytest.approx(LAG_ONE**2 * correlated, abs=0.015)


def test_the_variance_of_empty_positions_is_that_of_their_scatter(empty):
    _, cube = empty
    x, y = (axis.ravel() for axis in np.meshgrid([12.3, 18.7, 31.0, 38.4], [9.2, 25.1, 31.5, 40.8]))
    sources = list(extract_sources(cube, detections_at(cube, x, y), np.arange(1, 17)))
    for name in sources[0].spectra:
        chi2 = [np.mean(source.spectra[name].data ** 2 / source.spectra[name].var) for source in sources]
        assert np.mean(chi2) == pytest.approx(1, abs=0.1)
    assert "MUSE_DEBLEND" in sources[0].spectra


def test_wrong_variances_are_scaled(empty):
    _, cube = empty
    wrong = cube.to_mpdaf().copy()
    wrong.var = wrong.var / 4
    wrong.data[100] *= 3
    (source,) = extract_sources(open_cube(wrong), detections_at(cube, [25.0], [25.0]), [1])
    pulls = source.spectra["MUSE_PSF"].data / np.sqrt(source.spectra["MUSE_PSF"].var)
    assert pulls.std() == pytest.approx(1, abs=0.1)
    assert abs(pulls[100]) < 4


def test_too_little_data_tell_no_correlation():
    tiny = simulate_cube((20, 5, 5), seed=1, n_lines=0, n_galaxies=0, n_continuum=0)[0]
    correlation = measure_noise(open_cube(tiny), Detections.empty()).correlation
    assert correlation.sum() == correlation[3, 3] == 1

import numpy as np
import pytest
from astropy.io import fits

from museml.data.cubes import open_cube
from museml.detectors.continuum import ContinuumDetector
from museml.errors import DetectionFlag, InputError
from museml.simulation.cubes import inject_lines, simulate_cube
from museml.simulation.objects import truth_table

SHAPE = (60, 24, 40)


@pytest.fixture(scope="module")
def cube():
    empty, _ = simulate_cube(SHAPE, 2, n_lines=0, n_galaxies=0, n_continuum=0)
    columns = {"x": np.array([9.0, 31.0]), "y": np.array([12.0, 12.0]), "slope": np.zeros(2)}
    truth = truth_table(open_cube(empty), "continuum", columns)
    truth["flux"] = 2e5
    return inject_lines(empty, truth)


def exposures():
    """Return a map of 10 exposures, of which the columns from 24 on have 4."""
    return np.where(np.arange(SHAPE[2]) < 24, 10, 4) * np.ones(SHAPE, np.int16)


def write(cube, path, values=None, name="EXP"):
    cube.write(str(path), savemask="none")
    if values is not None:
        fits.append(path, values, fits.Header({"EXTNAME": name}))
    return path


@pytest.mark.parametrize("values", [exposures(), exposures()[0]], ids=["cube", "image"])
@pytest.mark.parametrize("where", ["extension", "file beside", "file given"])
def test_shallow_sources_are_flagged_wherever_the_map_is(cube, tmp_path, values, where):
    path, other = tmp_path / "a.fits", tmp_path / ("a_EXPMAP.fits" if where == "file beside" else "other.fits")
    write(cube, path, values if where == "extension" else None)
    if where != "extension":
        fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(values, name="DATA")]).writeto(other)
    found = ContinuumDetector().detect(open_cube(path, exposures=other if where == "file given" else None))
    found.sort("x")
    assert (found["flags"] & DetectionFlag.LOW_EXPOSURE).tolist() == [0, DetectionFlag.LOW_EXPOSURE]


def test_without_a_map_nothing_is_flagged(cube):
    assert open_cube(cube).exposures is None
    assert not np.any(ContinuumDetector().detect(cube)["flags"] & DetectionFlag.LOW_EXPOSURE)


def test_a_map_of_another_cube_is_refused(cube, tmp_path):
    path = write(cube, tmp_path / "a.fits", np.ones((3, 4), np.int16), name="NEXP")
    with pytest.raises(InputError, match=r"exposure map must have the shape of its cube.*has \(3, 4\); take the map"):
        open_cube(path).low_exposure([1], [1])

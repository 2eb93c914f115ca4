import numpy as np
import pytest
from astropy.table import Table, vstack
from mpdaf.MUSE import FSFModel
from mpdaf.obj import Cube

from museml.data.cubes import open_cube
from museml.data.psf import PSF
from museml.errors import SettingError
from museml.simulation.cubes import inject_lines, simulate_cube, write_cube
from museml.simulation.injected import InjectedCube
from museml.simulation.objects import TRUTH, random_continua, random_galaxies, random_lines

NOTHING = {"n_lines": 0, "n_galaxies": 0, "n_continuum": 0}


@pytest.fixture(scope="module")
def blank():
    return simulate_cube((300, 30, 30), 1, **NOTHING)[0]


def test_same_seed_same_cube_other_seed_another():
    one, two, other = (simulate_cube((200, 20, 20), seed, n_lines=3) for seed in (5, 5, 6))
    assert np.array_equal(one[0].data, two[0].data)
    assert np.array_equal(one[1]["flux"], two[1]["flux"])
    assert not np.array_equal(one[0].data, other[0].data)


def test_default_grid_is_that_of_muse(blank):
    cube = open_cube(blank)
    assert cube.medium == "air"
    assert cube.wave[[0, 1]] == pytest.approx([4750.0, 4751.25])
    assert cube.pixel_scale == pytest.approx(0.2)
    ra, dec = cube.pixel_to_sky(0.0, 0.0)
    _, north = cube.pixel_to_sky(0.0, 1.0)
    assert (north - dec) * 3600 == pytest.approx(0.2, rel=1e-4)
    assert cube.pixel_to_sky(1.0, 0.0)[0] < ra


def test_cube_survives_the_file_and_mpdaf_reads_the_psf(tmp_path):
    cube, _ = simulate_cube((50, 12, 12), 1, n_lines=1, n_galaxies=0, psf=PSF(0.7, slope=-3e-5, beta=2.5))
    cube.write(tmp_path / "cube.fits", savemask="nan")
    back = Cube(str(tmp_path / "cube.fits"))
    assert np.array_equal(back.data, cube.data)
    assert back.unit == cube.unit
    fsf = FSFModel.read(back)
    assert fsf.get_fwhm(9000.0) == pytest.approx(0.7 - 3e-5 * 2000)
    assert fsf.get_beta(7000.0) == pytest.approx(2.5)


def test_truth_has_its_columns_and_units():
    _, truth = simulate_cube((3681, 12, 12), 2, n_lines=2, n_galaxies=2, n_emitters=1, n_continuum=2, n_pairs=1)
    assert truth.colnames == list(TRUTH)
    assert [str(truth[name].unit) for name in ("x", "ra", "wave")] == ["pix", "deg", "Angstrom"]
    assert list(truth["id"]) == list(range(1, len(truth) + 1))
    assert len(set(truth["source"])) == 2 + 2 + 1 + 3
    assert set(truth["kind"]) == {"line", "galaxy", "continuum"}


def test_truth_positions_agree_with_the_wcs(blank):
    truth = random_lines(blank, 4, 3)
    x, y = open_cube(blank).sky_to_pixel(truth["ra"], truth["dec"])
    assert np.allclose(x, truth["x"], atol=1e-3)
    assert np.allclose(y, truth["y"], atol=1e-3)


def test_injected_flux_and_place_are_those_of_the_truth(blank):
    truth = random_lines(blank, 1, 4)
    truth["x"], truth["y"] = 15.3, 13.8
    added = (inject_lines(blank, truth).data - blank.data).data.astype(float)
    wave = open_cube(blank).wave
    z, y, x = np.indices(added.shape)
    assert added.sum() * 1.25 == pytest.approx(truth["flux"][0], rel=1e-3)
    assert np.average(wave[z], weights=added) == pytest.approx(truth["wave"][0], abs=0.02)
    assert np.average(x, weights=added) == pytest.approx(15.3, abs=0.02)
    assert np.average(y, weights=added) == pytest.approx(13.8, abs=0.02)


def test_injected_line_has_the_signal_to_noise_of_the_truth(blank):
    truth = random_lines(blank, 1, 5, snr=(8.0, 8.0))
    added = (inject_lines(blank, truth).data - blank.data).data
    assert np.sqrt((added**2 / blank.var).sum()) == pytest.approx(8.0, rel=1e-3)


def test_injection_leaves_the_cube_and_its_variance_alone(blank):
    before = blank.data.copy()
    after = inject_lines(blank, random_lines(blank, 2, 6))
    assert np.array_equal(blank.data, before)
    assert np.array_equal(after.var, blank.var)


def test_injection_needs_only_place_width_and_flux(blank):
    truth = random_lines(blank, 2, 7)["x", "y", "wave", "fwhm", "flux"]
    added = (inject_lines(blank, truth).data - blank.data).sum() * 1.25
    assert added == pytest.approx(truth["flux"].sum(), rel=0.05)


def test_extended_object_is_wider_and_keeps_its_flux(blank):
    truth = random_lines(blank, 1, 8)
    truth["x"] = truth["y"] = 15.0
    point = (inject_lines(blank, truth).data - blank.data).sum(axis=0)
    truth["size"] = 1.0
    extended = (inject_lines(blank, truth).data - blank.data).sum(axis=0)
    assert extended.max() < 0.6 * point.max()
    assert extended.sum() == pytest.approx(point.sum(), rel=0.02)


def test_lines_of_a_galaxy_share_position_and_redshift_in_air():
    cube, _ = simulate_cube((3681, 8, 8), 9, **NOTHING)
    truth = random_galaxies(cube, 3, 9, z=(0.1, 0.4))
    for source in set(truth["source"]):
        rows = truth[truth["source"] == source]
        assert len(set(rows["x"])) == len(set(rows["z"])) == 1
    halpha = truth[truth["line"] == "HALPHA"][0]
    assert halpha["wave"] == pytest.approx(6562.80 * (1 + halpha["z"]), abs=0.3)


def test_emitters_have_lyman_alpha_alone():
    _, truth = simulate_cube((3681, 12, 12), 10, n_lines=0, n_galaxies=0, n_continuum=0, n_emitters=3)
    assert set(truth["line"]) == {"LYALPHA"}
    assert all((truth["z"] > 3.0) & (truth["z"] < 6.5))


def test_continuum_has_flux_and_slope_of_the_truth(blank):
    truth = random_continua(blank, 1, 11)
    truth["x"] = truth["y"] = 15.0
    spectrum = (inject_lines(blank, truth).data - blank.data).data.astype(float).sum(axis=(1, 2))
    wave = open_cube(blank).wave
    assert spectrum.sum() * 1.25 == pytest.approx(truth["flux"][0], rel=1e-3)
    slope = np.log(spectrum[-1] / spectrum[0]) / np.log(wave[-1] / wave[0])
    assert slope == pytest.approx(truth["slope"][0], abs=0.02)


def test_companions_are_at_the_distance_asked_for(blank):
    truth = random_continua(blank, 3, 12, pairs=3, separation=(6.0, 7.0))
    distance = np.hypot(truth["x"][3:] - truth["x"][:3], truth["y"][3:] - truth["y"][:3])
    assert all((distance >= 6.0) & (distance <= 7.0))


def test_a_galaxy_may_have_a_continuum(blank):
    truth = random_galaxies(blank, 1, 13, z=(0.31, 0.32), continuum=True)
    assert truth["kind"][-1] == "continuum"
    assert set(truth["source"]) == {1}


def test_a_redshift_range_without_lines_is_refused(blank):
    with pytest.raises(SettingError, match="must bring a line into the cube"):
        random_galaxies(blank, 1, z=(0.6, 0.61))


def test_injection_respects_masked_voxels(blank):
    masked = blank.copy()
    masked.mask[:, :, :15] = True
    after = inject_lines(masked, random_lines(blank, 3, 14))
    assert after.mask[:, :, :15].all()


@pytest.mark.parametrize("correlated", [False, True])
def test_cube_written_block_by_block_is_the_one_made_in_memory(tmp_path, monkeypatch, correlated):
    monkeypatch.setattr("museml.simulation.cubes.VOXELS", 37 * 14 * 16)
    objects = {"n_lines": 4, "n_galaxies": 1, "n_continuum": 2, "galaxy_continuum": True, "correlated": correlated}
    cube, truth = simulate_cube((400, 14, 16), 15, **objects)
    written = write_cube(tmp_path / "cube.fits", (400, 14, 16), 15, **objects)
    back = Cube(str(tmp_path / "cube.fits"))
    assert np.array_equal(written["flux"], truth["flux"])
    assert np.allclose(back.data, cube.data, rtol=1e-6)
    assert np.array_equal(back.var, cube.var)
    assert back.unit == cube.unit
    assert back.wcs.isEqual(cube.wcs)
    assert back.wave.isEqual(cube.wave)
    assert open_cube(back).psf == open_cube(cube).psf
    assert np.array_equal(Table.read(tmp_path / "cube_truth.ecsv")["id"], truth["id"])


def test_injected_cube_reads_as_the_copy_with_the_objects(blank):
    truth = vstack([random_lines(blank, 3, 16), random_continua(blank, 2, 17)])
    view, copy = InjectedCube(blank, truth), open_cube(inject_lines(blank, truth))
    for block in ((0, 100), (90, 91), (100, 300)):
        assert np.allclose(view.block(*block)[0], copy.block(*block)[0], rtol=1e-5, atol=1e-4)
        assert np.array_equal(view.block(*block)[1], copy.block(*block)[1])
    part = slice(7, 21), slice(12, 30)
    assert np.allclose(view.block(40, 80, *part)[0], copy.block(40, 80)[0][:, *part], rtol=1e-5, atol=1e-4)


def test_continuum_sources_keep_the_distance_asked_for(blank):
    truth = random_continua(blank, 9, 18, apart=5.0)
    distance = np.hypot(*(np.subtract.outer(truth[name], truth[name]) for name in "xy"))
    assert distance[np.triu_indices(9, 1)].min() >= 5.0
    with pytest.raises(SettingError, match="do not fit into the field 20 pixels apart"):
        random_continua(blank, 9, 18, apart=20.0)

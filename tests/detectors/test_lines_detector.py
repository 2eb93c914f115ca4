import numpy as np
import pytest

from museml.data.cubes import open_cube
from museml.data.psf import PSF
from museml.detection import Detections
from museml.detectors import line_search
from museml.detectors.lines import LineDetector
from museml.errors import DetectionFlag, SettingError
from museml.simulation.cubes import inject_lines, simulate_cube
from museml.simulation.objects import random_continua, random_lines, scale_to_snr

NOTHING = {"n_lines": 0, "n_galaxies": 0, "n_continuum": 0}
START = 6900.0  # a range of few sky lines


def noise(shape=(400, 30, 30), seed=1, start=START, **settings):
    return simulate_cube(shape, seed, start=start, **(NOTHING | settings))[0]


def one_line(cube, snr=20.0, seed=2, **place):
    truth = random_lines(cube, 1, seed, snr=(snr, snr))
    for name, value in {"x": 14.3, "y": 15.8, "wave": 7150.4, "fwhm": 4.0, **place}.items():
        truth[name] = value
    return scale_to_snr(truth, snr, cube)


@pytest.fixture(scope="module")
def blank():
    return noise()


@pytest.fixture(scope="module")
def truth(blank):
    return one_line(blank)


@pytest.fixture(scope="module")
def found(blank, truth):
    return LineDetector().detect(inject_lines(blank, truth))


def test_a_bright_line_is_found_once_where_it_is(found, truth, blank):
    assert len(found) == 1
    assert found["x"][0] == pytest.approx(14.3, abs=0.2)
    assert found["y"][0] == pytest.approx(15.8, abs=0.2)
    assert found["wave"][0] == pytest.approx(7150.4, abs=0.4)
    assert found["fwhm"][0] == pytest.approx(4.0, rel=0.25)
    ra, dec = open_cube(blank).pixel_to_sky(found["x"], found["y"])
    assert found["ra"][0] == pytest.approx(ra[0])
    assert found["dec"][0] == pytest.approx(dec[0])


def test_its_flux_is_right_within_the_error(found, truth):
    row = found[0]
    assert row["snr"] == pytest.approx(20, abs=3)
    assert row["flux_err"] == pytest.approx(truth["flux"][0] / 20, rel=0.4)
    assert abs(row["flux"] - truth["flux"][0]) < 3 * row["flux_err"]


def test_it_is_surely_not_false_and_nothing_is_flagged(found):
    assert found["n_false"][0] < 1e-6
    assert found["flags"][0] == 0
    assert found["kind"][0] == "line"
    assert found.meta["MEDIUM"] == "air"


def test_fluxes_are_unbiased_and_errors_true(blank):
    pulls = []
    for seed in range(4):
        truth = random_lines(blank, 8, seed, snr=(10, 30))
        found = LineDetector().detect(inject_lines(blank, truth))
        for row in found:
            distance = np.hypot(truth["x"] - row["x"], truth["y"] - row["y"]) + np.abs(truth["wave"] - row["wave"]) / 2
            if distance.min() < 2:
                pulls.append((row["flux"] - truth["flux"][distance.argmin()]) / row["flux_err"])
    assert len(pulls) > 24
    assert abs(np.median(pulls)) < 0.7
    assert np.std(pulls) < 1.6


def test_noise_alone_gives_next_to_nothing(blank):
    assert len(LineDetector().detect(blank)) <= 1


def test_the_number_of_false_detections_is_as_expected():
    cube = noise((1000, 40, 40))
    found = LineDetector(threshold=4.0).detect(cube)
    assert 0.4 < len(found) / found["n_false"].max() < 2
    assert np.all(np.diff(found["n_false"]) >= 0)


def test_correlated_noise_does_not_raise_the_false_detections():
    found = LineDetector(threshold=4.0).detect(noise((1000, 40, 40), correlated=True))
    assert 0.4 < len(found) / found["n_false"].max() < 2
    assert len(found) < 40


def test_signal_to_noise_in_correlated_noise_is_what_the_scatter_says():
    cube = noise(correlated=True)
    found = LineDetector().detect(inject_lines(cube, one_line(cube)))
    assert 10 < found["snr"][0] < 15  # 20 by the variances alone


def test_faint_lines_are_found_at_the_rate_of_an_ideal_filter():
    cube = noise((1200, 50, 50), seed=3)
    truth = random_lines(cube, 60, 4, snr=(7.0, 9.0))
    found = LineDetector().detect(inject_lines(cube, truth))
    near = [
        np.any((np.hypot(found["x"] - row["x"], found["y"] - row["y"]) < 3) & (abs(found["wave"] - row["wave"]) < 5))
        for row in truth
    ]
    assert np.mean(near) > 0.9
    assert len(found) < 66


def test_a_very_bright_line_is_still_one(blank):
    assert len(LineDetector().detect(inject_lines(blank, one_line(blank, snr=150.0)))) == 1


def test_lines_close_together_are_two(blank):
    truth = one_line(blank, x=12.0)
    other = one_line(blank, x=12.0, wave=7165.0)
    found = LineDetector().detect(inject_lines(inject_lines(blank, truth), other))
    assert sorted(found["wave"]) == pytest.approx([7150.4, 7165.0], abs=0.6)


@pytest.mark.parametrize("second", [{"x": 19.5}, {"x": 19.5, "snr": 10.0}, {"wave": 7154.9, "snr": 15.0}])
def test_neighbours_are_told_apart_and_have_their_own_flux(blank, second):
    """One and a half FWHM of the PSF, or of the line."""
    pair = one_line(blank, snr=30.0, fwhm=3.0), one_line(blank, **({"snr": 30.0, "fwhm": 3.0} | second))
    found = LineDetector().detect(inject_lines(inject_lines(blank, pair[0]), pair[1]))
    found.sort(["wave"] if "wave" in second else ["x"])
    assert len(found) == 2
    for row, (truth,) in zip(found, pair, strict=True):
        assert abs(row["flux"] - truth["flux"]) < 3.5 * row["flux_err"]
        assert row["x"] == pytest.approx(truth["x"], abs=0.4)
        assert row["wave"] == pytest.approx(truth["wave"], abs=0.5)
    assert (found["source"][0] == found["source"][1]) == ("wave" in second)


def test_parts_of_a_blend_that_do_not_stand_out_are_not_listed(blank):
    rng = np.random.default_rng(10)
    truth = random_lines(blank, 4, rng, snr=(20, 150), velocity=(100, 500), size=rng.uniform(0, 4))
    found = LineDetector().detect(inject_lines(blank, truth))
    assert found["snr"].min() >= 5
    assert len(found) >= 4


def test_an_extended_object_is_one(blank):
    truth = one_line(blank, snr=30.0)
    truth["size"] = 0.5
    assert len(LineDetector().detect(inject_lines(blank, scale_to_snr(truth, 30.0, blank)))) == 1


def test_continuum_sources_are_not_lines(blank):
    cube = inject_lines(blank, random_continua(blank, 3, 5, snr=(100.0, 200.0)))
    assert len(LineDetector().detect(cube)) <= 1


def test_absorption_makes_no_emission(blank):
    truth = one_line(blank, snr=50.0)
    truth["flux"] *= -1
    assert len(LineDetector().detect(inject_lines(blank, truth))) <= 1


def test_residuals_count_as_expected_false_detections(blank):
    dark = one_line(blank, snr=15.0)
    dark["flux"] *= -1
    bright = one_line(blank, snr=12.0, x=6.0, y=6.0, wave=7300.0)
    found = LineDetector().detect(inject_lines(inject_lines(blank, dark), bright))
    assert found["n_false"][0] >= 1


def test_a_default_psf_is_flagged_and_a_setting_is_not():
    cube = noise()
    cube = inject_lines(cube, one_line(cube))
    for key in [key for key in cube.primary_header if key.startswith("FSF")]:
        del cube.primary_header[key]
    assert LineDetector().detect(cube)["flags"][0] & DetectionFlag.DEFAULT_PSF
    for psf in (0.7, PSF(0.7)):
        assert not LineDetector(psf=psf).detect(cube)["flags"][0] & DetectionFlag.DEFAULT_PSF


def test_a_wrong_psf_costs_signal_to_noise(blank, truth, found):
    broad = LineDetector(psf=2.0).detect(inject_lines(blank, truth))
    assert broad["snr"][0] < 0.85 * found["snr"][0]


def test_lines_at_the_border_and_at_the_ends_are_flagged(blank):
    for place in ({"x": 1.0}, {"wave": 6903.0}):
        found = LineDetector().detect(inject_lines(blank, one_line(blank, **place)))
        assert found["flags"][0] & DetectionFlag.EDGE


def test_lines_beside_masked_voxels_are_flagged_and_measured(blank):
    truth = one_line(blank)
    cube = inject_lines(blank, truth)
    cube.mask[:, 15:17, 15] = True
    row = LineDetector().detect(cube)[0]
    assert row["flags"] & DetectionFlag.MASKED
    assert abs(row["flux"] - truth["flux"][0]) < 4 * row["flux_err"]


def test_lines_on_the_sky_line_at_5577_are_flagged():
    cube = noise(start=5400.0)
    cube = inject_lines(cube, one_line(cube, wave=5578.0, snr=30.0))
    assert LineDetector().detect(cube)["flags"][0] & DetectionFlag.SKY


@pytest.mark.parametrize("wave", [5500.0, 5577.3])
def test_a_residual_of_the_sky_over_the_whole_field_is_not_a_line(wave):
    cube = noise(start=5400.0)
    channel = int((wave - 5400) / 1.25)
    cube.data[channel - 1 : channel + 2] += np.sqrt(cube.var[channel, 0, 0])
    assert len(LineDetector().detect(cube)) <= 1


def test_a_nebula_that_fills_most_of_the_field_is_found():
    cube = noise((400, 20, 20))
    line = np.exp(-0.5 * ((open_cube(cube).wave - 7150) / 1.7) ** 2)
    cube.data[:, :, 6:] += 3 * np.sqrt(cube.var[200, 0, 0]) * line[:, None, None]
    found = LineDetector().detect(cube)
    assert len(found) >= 1
    assert found["wave"][0] == pytest.approx(7150, abs=1)


def test_answer_does_not_depend_on_the_blocks_read_and_the_file(blank, truth, found, tmp_path, monkeypatch):
    path = tmp_path / "cube.fits"
    inject_lines(blank, truth).write(path, savemask="nan")
    monkeypatch.setattr(line_search, "CHANNELS", 93)
    other = LineDetector().detect(path)
    assert len(other) == 1
    assert other["flux"][0] == pytest.approx(found["flux"][0], rel=0.02)
    assert other["snr"][0] == pytest.approx(found["snr"][0], rel=0.03)


def test_the_cube_is_not_changed(blank):
    before = blank.data.copy()
    LineDetector().detect(blank)
    assert np.array_equal(before, blank.data)


@pytest.mark.parametrize("shape", [(30, 20, 20), (400, 2, 2), (2, 30, 30), (5, 30, 30), (2, 1, 2), (400, 1, 30)])
def test_small_cubes_are_no_problem(shape):
    assert len(LineDetector().detect(noise(shape))) <= 2


def test_a_voxel_with_a_variance_of_next_to_nothing_does_no_harm():
    cube = noise((200, 20, 20))
    cube.var[100:105, 5, 5] = 1e-20
    assert len(LineDetector().detect(cube)) <= 1


def test_a_constant_cube_gives_an_empty_table():
    cube = noise((100, 10, 10))
    cube.data[:] = 3.0
    found = LineDetector().detect(cube)
    assert isinstance(found, Detections)
    assert len(found) == 0
    assert set(Detections.empty().colnames) <= set(found.colnames)


def test_a_cube_that_is_mostly_masked_is_searched_where_it_is_not(blank, truth):
    cube = inject_lines(blank, truth)
    cube.mask[:, :, :8] = cube.mask[:, :8] = cube.mask[:100] = True
    found = LineDetector().detect(cube)
    assert found["x"][0] == pytest.approx(14.3, abs=0.3)
    assert len(found) <= 2


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"threshold": 2.0}, "threshold must be a number from"),
        ({"threshold": np.nan}, "threshold must be a number from"),
        ({"widths": ()}, "widths must be"),
        ({"widths": (-1.0,)}, "widths must be"),
        ({"block": 3}, "block must be a whole number from 20"),
        ({"psf": -1.0}, "psf must be"),
        ({"engine": "fortran"}, "engine must be 'auto', 'numpy' or 'keras', not 'fortran'"),
    ],
)
def test_bad_settings_are_refused(blank, setting, message):
    with pytest.raises(SettingError, match=message):
        LineDetector(**setting).detect(blank)

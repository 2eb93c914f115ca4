import errno

import numpy as np
import pytest
from astropy.table import vstack

from museml.data.cubes import open_cube
from museml.data.linelist import LINES
from museml.data.spectral import to_air
from museml.detectors import filtered_cube, set_choice, set_search
from museml.detectors.filtered_cube import FilteredCube
from museml.detectors.line_grid import STEP, WIDTHS, LineGrid
from museml.detectors.line_sets import LineSetDetector
from museml.detectors.lines import LineDetector
from museml.detectors.set_evidence import set_evidence
from museml.detectors.set_members import LINES as SET_LINES
from museml.detectors.set_members import SETS
from museml.errors import OutputError, SettingError
from museml.simulation.cubes import inject_lines, simulate_cube
from museml.simulation.objects import random_lines, scale_to_snr

NOTHING = {"n_lines": 0, "n_galaxies": 0, "n_continuum": 0}
FAINT = ("HBETA", "OIII5008", "HALPHA", "NII6585", "OII3727", "OII3729")


def galaxy(cube, z, snr, names=FAINT, x=9.3, y=11.2):
    """Return the truth of a galaxy whose lines have given S/N."""
    truth = random_lines(cube, len(names), seed=1)
    truth["wave"] = to_air(np.array([LINES[name].wave for name in names]) * (1 + z), "vacuum")
    truth["x"], truth["y"], truth["fwhm"] = x, y, 3.5
    return scale_to_snr(truth, snr, cube)


@pytest.fixture(scope="module")
def blank():
    return simulate_cube((3681, 22, 24), seed=6, **NOTHING)[0]


@pytest.fixture(scope="module")
def faint(blank):
    return galaxy(blank, 0.3, np.array([3.4, 3.6, 3.8, 3.0, 2.6, 2.6]))


@pytest.fixture(scope="module")
def seen(blank, faint):
    bright = galaxy(blank, 0.62, np.array([4.0, 12.0, 4.0]), ("HBETA", "OIII5008", "OIII4960"), x=17.6, y=5.4)
    return inject_lines(blank, vstack([faint, bright]))


@pytest.fixture(scope="module")
def found(seen):
    return LineSetDetector().detect(seen)


def nearest(found, z):
    return found[np.abs(found["z"] - z) < 0.01]


def test_a_galaxy_is_found_with_its_redshift_in_vacuum(found):
    rows = nearest(found, 0.62)
    assert len(set(rows["source"])) == 1
    assert rows["z"][0] == pytest.approx(0.62, abs=2e-4)
    assert rows["p_z"][0] > 0.99
    assert rows["p_z"][0] <= rows["p_real"][0]
    assert rows["x"][0] == pytest.approx(17.6, abs=0.4)
    assert rows["y"][0] == pytest.approx(5.4, abs=0.4)


def test_its_lines_have_their_wavelengths_and_fluxes(found, blank):
    line = nearest(found, 0.62)
    line = line[np.argmax(line["snr"])]
    one = galaxy(blank, 0.62, 12.0, ("OIII5008",), x=17.6, y=5.4)
    assert line["wave"] == pytest.approx(one["wave"][0], abs=1.0)
    assert line["flux"] == pytest.approx(one["flux"][0], rel=0.3)
    assert line["flux_err"] == pytest.approx(one["flux"][0] / 12, rel=0.3)


def test_faint_lines_are_found_together_though_none_stands_alone(found, seen, faint):
    alone = LineDetector(threshold=5).detect(seen)
    near = np.hypot(alone["x"] - 9.3, alone["y"] - 11.2) < 3
    assert not np.any(near)
    rows = nearest(found, 0.3)
    assert len(rows) >= 3
    assert rows["z"][0] == pytest.approx(0.3, abs=5e-4)
    assert rows["p_z"][0] > 0.8
    assert np.hypot(rows["x"][0] - 9.3, rows["y"][0] - 11.2) < 1.5


def test_sources_are_ranked_by_what_is_sure(found):
    assert np.all(np.diff(found["n_false"]) >= 0)
    for source in set(found["source"]):
        assert len(set(found["p_z"][found["source"] == source])) == 1


def test_noise_has_no_sets():
    blank = simulate_cube((3681, 14, 14), seed=8, **NOTHING)[0]
    assert len(LineSetDetector(min_p_z=0.5).detect(blank)) == 0


def test_many_unrelated_lines_are_not_put_together_and_keep_other_redshifts():
    cube, _ = simulate_cube((3681, 18, 18), seed=6, **(NOTHING | {"n_lines": 20}))
    rows = LineSetDetector(min_p_z=0.005).detect(cube)
    assert len(set(rows["source"][rows["p_z"] > 0.9])) <= 1
    other = rows[~np.ma.getmaskarray(rows["z_2"])]
    assert len(other)
    assert np.all(other["p_z_2"] > 0)
    assert np.all(np.abs(other["z_2"] - other["z"]) > 1e-3)


def test_the_filtered_cube_is_the_same_in_memory_and_in_a_file(monkeypatch):
    rng = np.random.default_rng(1)
    information = rng.uniform(1, 2, (20, 6, 7)).astype(np.float32)
    signal = rng.normal(size=information.shape).astype(np.float32) * np.sqrt(information)
    information[:, 0, 0] = signal[:, 0, 0] = 0
    first = FilteredCube(signal.shape)
    monkeypatch.setattr(filtered_cube, "IN_MEMORY", 10)
    second = FilteredCube(signal.shape)
    for kept in (first, second):
        kept.add(0, signal[:12], information[:12])
        kept.add(12, signal[12:], information[12:])
    parts = [kept.part(slice(1, 4), slice(0, 7)) for kept in (first, second)]
    np.testing.assert_array_equal(*parts)
    assert first.part(slice(0, 1), slice(0, 1)).max() == 0
    assert first.depth[0, 0] == 0
    assert first.depth.max() == pytest.approx(1, abs=0.1)


def test_tiles_of_the_field_do_not_matter(seen, monkeypatch):
    cube = open_cube(seen)
    kept = FilteredCube(cube.shape)
    LineDetector().search(cube, kept)
    whole = set_search.search_sets(kept, cube.wave, "air")[0]
    monkeypatch.setattr(set_search, "PIXELS", 250)
    tiled = set_search.search_sets(kept, cube.wave, "air")[0]
    for z in (0.3, 0.62):
        best = [part.snr[np.abs(part.lnz - np.log1p(z)) < 2e-4].max() for part in (whole, tiled)]
        assert best[0] == pytest.approx(best[1], rel=0.15)


def test_a_line_has_its_signal_to_noise_ratio_on_the_grid():
    wave = 4750 + 1.25 * np.arange(3681)
    grid = LineGrid.of(wave, "air", np.full(len(wave), 2.0))
    spectra = np.random.default_rng(2).standard_normal((len(wave), 20)).astype(np.float32)
    line = np.exp(-0.5 * ((wave - 7000) / 1.6) ** 2)
    spectra[:, 0] += 10 * line / np.sqrt(np.sum(line**2))
    snr, scale = grid.filtered(spectra, WIDTHS[0])
    place = grid.place(np.interp(7000, wave, grid.vacuum))
    assert abs(np.argmax(snr[:, 0]) - place) < 2
    assert snr[:, 0].max() == pytest.approx(10, abs=2.5)
    assert snr[:, 0].max() / scale[int(place)] == pytest.approx(10 * np.sqrt(1.25 * 1.6 * np.sqrt(np.pi)) / 2, rel=0.5)
    assert np.std(snr[:, 5]) == pytest.approx(1, abs=0.15)


def test_more_lines_of_a_set_are_more_evidence_and_an_unrelated_line_is_none():
    number = {line: k for k, line in enumerate(SET_LINES)}
    halpha, nii, oiii = (number[key] for key in ((6564.6, "line"), (6585.3, "line"), (5008.2, "line")))
    snr = np.zeros((3, len(SET_LINES)), np.float32)
    snr[:, halpha], snr[1:, nii], snr[1:, oiii] = 6.0, 2.5, 3.0
    nearby = np.maximum(snr, 0.5)
    nearby[2, halpha], snr[2, halpha] = 9.0, 2.0
    nothing, scale = np.zeros(3), np.ones_like(snr)
    places = (np.zeros(3), *(nothing.astype(int) for _ in range(2)), nothing, nothing, nothing.astype(int))
    candidates = set_search.Candidates(*places, snr, scale, nearby)
    evidence = set_evidence(candidates, np.full(snr.shape, 1e-4))[0].max(axis=1)
    assert evidence[1] > evidence[0] + 1
    assert evidence[2] < evidence[1] - 3


def test_every_set_is_made_of_known_lines():
    assert sum(one.prior for one in SETS) == pytest.approx(1)
    for one in SETS:
        assert all(0 <= line < len(SET_LINES) for lines, _, _ in one.features for line, _ in lines)
    assert np.log(3729.88 / 3727.09) / STEP > 4


def test_settings_are_checked():
    with pytest.raises(SettingError, match="min_p_z must be a number from 0 to 1"):
        LineSetDetector(min_p_z=2).check_settings()


def test_pixels_without_data_do_not_change_the_significance():
    wave = 4750 + 1.25 * np.arange(400)
    grid = LineGrid.of(wave, "vacuum", np.ones(400))
    spectra = np.random.default_rng(1).normal(size=(400, 3000)).astype(np.float32)
    whole, _ = grid.filtered(spectra, WIDTHS[0])
    spectra[:, 1000:] = 0
    part, _ = grid.filtered(spectra, WIDTHS[0])
    assert part[:, :1000].std() == pytest.approx(whole[:, :1000].std(), rel=0.05)


def test_no_source_is_found_where_there_are_no_data(blank):
    cube = inject_lines(blank, galaxy(blank, 0.62, np.array([10.0, 30.0, 10.0]), ("HBETA", "OIII5008", "OIII4960")))
    cube.mask[:, :, 12:] = True
    found = LineSetDetector(min_p_z=0.5).detect(cube)
    assert len(set(found["source"])) == 1
    assert found["x"][0] == pytest.approx(9.3, abs=0.5)


def test_a_bright_source_is_one_source_at_its_place(blank):
    cube = inject_lines(blank, galaxy(blank, 0.62, np.array([30.0, 90.0, 30.0]), ("HBETA", "OIII5008", "OIII4960")))
    found = LineSetDetector(min_p_z=0.5).detect(cube)
    assert len(set(found["source"])) == 1
    assert found["x"][0] == pytest.approx(9.3, abs=0.4)
    assert found["y"][0] == pytest.approx(11.2, abs=0.4)


def test_a_large_cube_without_room_for_a_temporary_file_is_refused(monkeypatch):
    def full(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(filtered_cube, "IN_MEMORY", 10)
    monkeypatch.setattr(filtered_cube.os, "posix_fallocate", full)
    with pytest.raises(OutputError, match="No space left on device; set TMPDIR"):
        FilteredCube((20, 6, 7))


def test_kinds_of_sources_that_a_field_shows_are_expected_in_it():
    names = [one.name for one in SETS]
    found = [set_choice.Solution(0, names.index("Lyman alpha"), 5.0, 0.99, 0.01, 1.0, (), ())] * 20
    before, after = set_choice.PRIOR, set_choice.shares(found)
    assert after.sum() == pytest.approx(1)
    assert after[names.index("Lyman alpha")] > 2 * before[names.index("Lyman alpha")]
    assert np.all(after[[name != "Lyman alpha" for name in names]] > 0)

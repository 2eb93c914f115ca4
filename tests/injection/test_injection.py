import numpy as np
import pytest
from astropy.table import Table
from scipy.stats import norm

import museml
from museml.data.cubes import open_cube
from museml.data.psf import PSF
from museml.errors import InputError, OutputError, SettingError
from museml.injection import running
from museml.injection.completeness import fit_completeness
from museml.injection.recovered import compare
from museml.injection.wanted import Wanted
from museml.simulation.cubes import inject_lines, simulate_cube
from museml.simulation.objects import random_lines

NOTHING = {"n_lines": 0, "n_galaxies": 0, "n_continuum": 0}
LINES = {"detector": "lines", "number": 90, "seed": 1, "progress": False}


@pytest.fixture(scope="module")
def blank():
    return simulate_cube((300, 36, 36), 1, **NOTHING)[0]


@pytest.fixture(scope="module")
def done(blank, tmp_path_factory):
    folder = tmp_path_factory.mktemp("injection") / "lines"
    return folder, museml.inject(blank, folder, **LINES)


def test_bright_lines_are_found_and_faint_ones_are_not(done):
    objects = done[1].objects
    assert objects["recovered"][objects["snr"] > 8].mean() > 0.9
    assert objects["recovered"][objects["snr"] < 3].mean() < 0.2
    assert 4.0 < done[1].limits["snr_50"][0] < 6.0
    assert done[1].limits["snr_90"][0] > done[1].limits["snr_50"][0]


def test_flux_and_place_of_bright_lines_are_those_put_in(done):
    bright = done[1].objects[(done[1].objects["snr"] > 8) & (done[1].objects["recovered"] == 1)]
    assert np.ma.median(np.ma.asarray(bright["found_flux"] / bright["flux"])) == pytest.approx(1, abs=0.06)
    assert np.ma.median(np.ma.asarray(bright["offset"])) < 0.1
    assert np.abs(bright["found_wave"] - bright["wave"]).max() < 4


def test_intervals_hold_the_completeness_and_narrow_with_numbers(done):
    table = done[1].completeness
    assert np.all((table["low"] <= table["completeness"]) & (table["completeness"] <= table["high"]))
    width, sure = table["high"] - table["low"], table["completeness"] == 1
    assert np.corrcoef(table["number"][sure], width[sure])[0, 1] < -0.5


def test_files_hold_what_is_returned(done):
    folder, recovery = done
    assert len(Table.read(folder / "injected.fits")) == len(recovery.objects)
    assert len(Table.read(folder / "completeness.ecsv")) == len(recovery.completeness)
    assert (folder / "completeness.png").stat().st_size > 10_000


def test_a_stopped_injection_goes_on_with_the_same_result(done, blank):
    folder, first = done
    rounds = sorted((folder / "rounds").glob("*.fits"))
    kept = rounds[0].stat().st_mtime_ns
    rounds[-1].unlink()
    (folder / "injected.fits").unlink()
    again = museml.inject(blank, folder, **LINES, resume=True)
    assert rounds[0].stat().st_mtime_ns == kept
    assert np.array_equal(again.objects["recovered"], first.objects["recovered"])
    assert np.array_equal(again.objects["flux"], first.objects["flux"])


def test_only_the_same_injection_is_resumed_and_nothing_is_replaced_unasked(done, blank, tmp_path):
    with pytest.raises(OutputError, match="holds an injection already"):
        museml.inject(blank, done[0], **LINES)
    with pytest.raises(OutputError, match="differs from this one in objects, seed"):
        museml.inject(blank, done[0], **LINES | {"seed": 2, "number": 80}, resume=True)
    (tmp_path / "injected.fits").write_text("mine")
    with pytest.raises(OutputError, match="no injection of museml left"):
        museml.inject(blank, tmp_path, **LINES, overwrite=True)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kind": "star"}, "kind must be one of line, galaxy, emitter, continuum, not 'star'"),
        ({"number": 0}, "number must be a whole number from 1"),
        ({"snr": (3, 5), "flux": (10, 20)}, "as S/N or as flux, not both"),
        ({"snr": (5, 3)}, "snr must be two numbers"),
        ({"wave": (3000, 5000)}, "wave must lie within the cube's"),
        ({"classifier": "lines"}, "redshifts can be judged of the kinds galaxy and emitter"),
        ({"resume": True, "overwrite": True}, "either resumed or replaced"),
        ({"seed": -1}, "seed must be a whole number from 0"),
    ],
)
def test_settings_that_break_a_rule_are_refused_before_the_work(blank, tmp_path, settings, message):
    with pytest.raises(SettingError, match=message):
        museml.inject(blank, tmp_path / "out", **LINES | settings)
    assert not (tmp_path / "out").exists()


def test_objects_have_the_flux_wavelength_and_width_asked_for(blank):
    cube = open_cube(blank)
    wanted = Wanted(number=30, flux=(500.0, 900.0), wave=(4800.0, 4900.0), size=(0.5, 1.0))
    truth = wanted.draw(cube, 30, np.random.default_rng(1), PSF(0.7))
    assert len(truth) > 5
    for name, (low, high) in {"flux": wanted.flux, "wave": wanted.wave, "size": wanted.size}.items():
        assert np.all((truth[name] >= low) & (truth[name] <= high))


def test_no_object_is_put_where_nothing_is_valid(blank, tmp_path):
    masked = blank.copy()
    masked.mask[:, :, :30] = True
    truth = Wanted().draw(open_cube(masked), 10, np.random.default_rng(1), PSF(0.7))
    assert len(truth)
    assert np.all(truth["snr"] > 0)
    assert truth["x"].min() > 29
    masked.mask[:, :, :] = True
    masked.mask[0, 0, :2] = False
    with pytest.raises(InputError, match="must have room for objects"):
        museml.inject(masked, tmp_path / "out", **LINES | {"wave": (5000.0, 5100.0)})


def test_a_detection_of_the_cube_itself_is_not_taken_for_the_object(blank):
    truth = random_lines(blank, 1, 3, snr=(12.0, 12.0))
    real = inject_lines(blank, truth)
    found = museml.detect(real, "lines")
    objects = compare(truth, "line", found, found, open_cube(real), PSF(0.7))
    assert objects["confused"][0] == 1
    assert objects["recovered"][0] == 0


def test_galaxies_are_found_by_any_line_and_their_redshifts_judged(tmp_path):
    cube, _ = simulate_cube((3681, 26, 26), 2, **NOTHING)
    wanted = {"kind": "galaxy", "number": 2, "per_round": 1, "snr": (25.0, 40.0), "z": (0.1, 0.35), "progress": False}
    recovery = museml.inject(cube, tmp_path / "out", **wanted, detector="lines", classifier="lines")
    objects, whole = recovery.objects, recovery.completeness[:2]
    assert list(objects["recovered"]) == [1, 1]
    assert np.all(objects["n_found"] >= 2)
    assert list(objects["right"]) == [1, 1]
    assert whole["n_right"].sum() == 2
    assert np.array(objects["found_z"]) == pytest.approx(np.array(objects["z"]), abs=0.005)


def test_continuum_sources_are_looked_for_in_continuum(tmp_path):
    cube, _ = simulate_cube((400, 60, 60), 4, **NOTHING)
    wanted = {"kind": "continuum", "number": 8, "snr": (40.0, 60.0), "progress": False}
    recovery = museml.inject(cube, tmp_path / "out", **wanted, detector="continuum")
    assert recovery.objects["recovered"].mean() > 0.8
    assert np.ma.getmaskarray(recovery.objects["wave"]).all()


def test_fit_finds_the_function_that_the_objects_follow():
    rng = np.random.default_rng(1)
    x = np.exp(rng.uniform(np.log(1), np.log(30), 4000))
    p = 0.95 * norm.cdf(np.log(x / 5) / 0.3)
    fit = fit_completeness(x, rng.random(4000) < p)
    assert fit["half"] == pytest.approx(5, rel=0.05)
    assert fit["width"] == pytest.approx(0.3, rel=0.2)
    assert fit["ceiling"] == pytest.approx(0.95, abs=0.015)
    assert fit["half_err"] < 0.05


def test_too_few_objects_give_no_fit():
    assert np.isnan(fit_completeness([1.0, 2.0], [0, 1])["half"])
    assert np.isnan(fit_completeness(np.arange(1.0, 30.0), np.ones(29))["half"])


def test_a_single_object_has_a_bin_of_its_own(blank, tmp_path):
    recovery = museml.inject(blank, tmp_path / "out", **LINES | {"number": 1, "snr": (20.0, 21.0)})
    assert recovery.completeness["number"][0] == 1
    assert recovery.completeness["completeness"][0] == 1
    assert np.isnan(recovery.limits["snr_50"][0])


def test_objects_that_all_lie_on_those_of_the_cube_tell_nothing(blank, tmp_path, monkeypatch):
    monkeypatch.setattr(running, "compare", confused)
    with pytest.raises(InputError, match="all 2 lie on detections of the cube"):
        museml.inject(blank, tmp_path / "out", **LINES | {"number": 2})


def confused(*args):
    objects = compare(*args)
    objects["confused"] = 1
    return objects

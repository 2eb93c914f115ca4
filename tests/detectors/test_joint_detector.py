from pathlib import Path

import mpdaf
import numpy as np
import pytest

from museml.classifiers import reality
from museml.data.cubes import open_cube
from museml.detection import Detections
from museml.detectors.continuum import ContinuumDetector
from museml.detectors.joint import JointDetector, common_score
from museml.detectors.lines import LineDetector
from museml.errors import SettingError
from museml.simulation.cubes import inject_lines, simulate_cube
from museml.simulation.objects import truth_table

SHAPE = (500, 36, 36)
LINES = [(8.0, 9.0, 4900.0), (8.3, 9.2, 5100.0), (8.0, 8.8, 5250.0), (26.0, 10.0, 5000.0), (20.0, 27.0, 5050.0)]
CONTINUA = [(26.4, 10.3), (9.0, 28.0)]


def objects(cube):
    """Return the truth: an object with three lines, one with continuum and a line, a line, and a continuum."""
    x, y, wave = np.array(LINES).T
    lines = {"source": [1, 1, 1, 2, 3], "x": x, "y": y, "wave": wave, "fwhm": np.full(5, 4.0)}
    lines = truth_table(cube, "line", lines)
    lines["flux"] = [2500.0, 1500.0, 1500.0, 2000.0, 3000.0]
    x, y = np.array(CONTINUA).T
    continua = truth_table(cube, "continuum", {"source": [2, 4], "x": x, "y": y, "slope": np.zeros(2)})
    continua["flux"] = 20000.0
    return lines, continua


@pytest.fixture(scope="module")
def cube():
    empty, _ = simulate_cube(SHAPE, seed=3, n_lines=0, n_galaxies=0, n_continuum=0)
    for truth in objects(open_cube(empty)):
        empty = inject_lines(empty, truth)
    return empty


@pytest.fixture(scope="module")
def found(cube):
    return JointDetector(reality=False, line_sets=False, min_p_real=0.0).detect(cube)


@pytest.fixture
def judge(monkeypatch):
    """Return a function that replaces the model by a rule."""

    def replace(rule):
        monkeypatch.setattr(reality.RealityClassifier, "check_settings", lambda self: None)
        monkeypatch.setattr(reality, "p_real", lambda cube, detections, model: rule(detections))
        monkeypatch.setattr(
            reality.RealityClassifier, "provenance", lambda self: {"MODEL": self.model, "MODEL_ID": "1"}
        )

    return replace


def rows_at(found, x, y):
    return found[np.hypot(found["x"] - x, found["y"] - y) < 3]


def test_each_object_is_one_source(found):
    places = [(8, 9), (26, 10), (20, 27), (9, 28)]
    sources = [set(rows_at(found, x, y)["source"]) for x, y in places]
    assert all(len(source) == 1 for source in sources)
    assert len(set.union(*sources)) == 4


def test_a_source_has_its_lines_and_its_continuum(found):
    kinds = [sorted(rows_at(found, x, y)["kind"]) for x, y in ((8, 9), (26, 10), (20, 27), (9, 28))]
    assert kinds == [["line"] * 3, ["continuum", "line"], ["line"], ["continuum"]]
    assert np.allclose(sorted(rows_at(found, 8, 9)["wave"]), [4900, 5100, 5250], atol=1.5)


def test_sources_are_numbered_by_rank_without_gaps(found):
    first = [list(found["source"]).index(number) for number in range(1, max(found["source"]) + 1)]
    assert first == sorted(first)
    assert set(found["source"]) == set(range(1, len(first) + 1))


def test_one_score_ranks_lines_and_continuum_by_false_detections(found):
    assert np.all(np.diff(found["score"]) <= 0)
    known = found["n_false"] > 1e-290
    assert np.allclose(found["score"][known], -np.log10(found["n_false"][known]))


def test_the_list_holds_what_both_detectors_find(cube, found):
    lines, continua = LineDetector().detect(cube), ContinuumDetector().detect(cube)
    assert len(found) <= len(lines) + len(continua)
    assert set(found["snr"]) <= {*lines["snr"], *continua["snr"]}
    assert np.count_nonzero(found["kind"] == "continuum") == len(continua)


def test_without_the_model_the_numbers_of_false_detections_tell(found):
    line = found["kind"] == "line"
    assert not found["p_real"].mask.any()
    assert (found["p_real"][line & (found["n_false"] < 1e-6)] > 0.85).all()
    assert (found["p_real"][~line] > 0.99).all()
    assert found.meta["MODEL"] == ""
    assert found.meta["PLUGIN"] == "joint"
    assert found.meta["MEDIUM"] == "air"


def test_lines_that_the_model_takes_for_residuals_are_left_out(cube, found, judge):
    judge(lambda detections: np.ma.masked_array(
        np.where(np.abs(detections["wave"].filled(0) - 5100) < 3, 1e-4, 0.9), detections["kind"] == "continuum"
    ))  # fmt: skip
    judged = JointDetector(line_sets=False).detect(cube)
    left_out = np.abs(found["wave"].filled(0) - 5100) < 3
    assert set(judged["wave"].filled(0)) == set(found["wave"][~left_out & (found["p_real"] > 0.5)].filled(0))
    assert judged.meta["MODEL"] == "reality"
    assert len(JointDetector(line_sets=False, min_p_real=0.0).detect(cube)) == len(found)


def test_what_the_model_says_shifts_the_probability(cube, found, judge):
    judge(lambda detections: np.ma.masked_array(np.full(len(detections), 0.1), detections["kind"] == "continuum"))
    judged = JointDetector(line_sets=False, min_p_real=0.0).detect(cube)
    line = judged["kind"] == "line"
    assert (judged["p_real"][line] < found["p_real"][line]).all()
    assert np.array_equal(judged["p_real"][~line], found["p_real"][~line])


def test_another_model_may_be_asked(cube, judge):
    judge(lambda detections: np.ma.masked_all(len(detections)))
    assert JointDetector(reality="better", line_sets=False).detect(cube).meta["MODEL"] == "better"


@pytest.fixture(scope="module")
def galaxy():
    """Return a cube with a galaxy of several lines, one of which is bright, and the galaxy's redshift and place."""
    cube, _ = simulate_cube((1200, 24, 24), seed=7, n_lines=2, n_galaxies=0, n_continuum=0, start=6300.0)
    truth = truth_table(open_cube(cube), "galaxy", {"x": np.full(5, 12.0), "y": np.full(5, 11.0)})
    rest = np.array([4862.69, 4960.30, 5008.24, 4341.69, 4364.44])
    truth["wave"], truth["fwhm"], truth["z"] = rest * 1.45 / 1.000276, 3.5, 0.45
    truth["flux"] = np.array([0.5, 0.33, 1.0, 0.25, 0.05]) * 900
    return inject_lines(cube, truth), 0.45, (12.0, 11.0)


def test_lines_of_a_set_are_one_source_with_its_redshift(galaxy):
    cube, z, place = galaxy
    found = JointDetector(reality=False).detect(cube)
    source = found[found["source"] == rows_at(found, *place)["source"][0]]
    assert len(source) >= 3
    assert np.allclose(source["z"], z, atol=1e-3)
    assert (source["p_real"] > 0.9).all()
    waves = np.sort(np.asarray(source["wave"], float))
    assert (np.diff(waves) > 3).all()


def test_without_sets_there_is_no_redshift(galaxy):
    found = JointDetector(reality=False, line_sets=False).detect(galaxy[0])
    assert found["z"].mask.all()
    assert "set" not in found.colnames


def test_a_larger_radius_makes_fewer_sources(cube):
    assert set(JointDetector(reality=False, line_sets=False, radius=20.0).detect(cube)["source"]) == {1}


def test_noise_alone_gives_few_sources_or_an_empty_table():
    noise, _ = simulate_cube((100, 20, 20), seed=1, n_lines=0, n_galaxies=0, n_continuum=0)
    found = JointDetector(reality=False, threshold=7.0).detect(noise)
    assert isinstance(found, Detections)
    assert len(found) == 0
    assert found.meta["PLUGIN"] == "joint"


@pytest.mark.parametrize("settings", [{"min_p_real": 2}, {"radius": 0}, {"line_sets": "yes"}])
def test_impossible_settings_are_refused(cube, settings):
    with pytest.raises(SettingError, match=f"{next(iter(settings))} must be"):
        JointDetector(**settings).detect(cube)


def test_the_common_score_rises_beyond_the_smallest_number():
    score = common_score([1.0, 1e-10, 1e-299, 0.0, 0.0], [4.0, 7.0, 37.0, 40.0, 50.0])
    assert np.allclose(score[:3], [0, 10, 299])
    assert np.all(np.diff(score) > 0)


def test_abell_478_is_one_galaxy_in_a_nebula():
    """The brightest galaxy fills the field; its gas, at z = 0.0858, shines in two arms."""
    found = JointDetector(reality=False, line_sets=False, threshold=7.0).detect(
        Path(mpdaf.__file__).parent / "data/sdetect/minicube.fits"
    )
    galaxy = found[found["source"] == 1]
    assert np.count_nonzero(found["kind"] == "continuum") == 1
    assert "continuum" in galaxy["kind"]
    lines = galaxy[galaxy["kind"] == "line"]["wave"]
    for wave in (7110, 7126, 7148, 7292, 7308):  # [N II], H alpha, [N II], and the two of [S II]
        assert np.min(np.abs(lines - wave)) < 3
    assert 3 <= found["source"].max() <= 15


def test_the_model_stands_in_the_provenance_before_anything_is_found():
    from museml import load_model

    assert JointDetector().provenance()["MODEL_ID"] == load_model("reality").sha256
    assert JointDetector(reality=False).provenance()["MODEL_ID"] == ""

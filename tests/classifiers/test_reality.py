import numpy as np
import pytest

from museml import get_classifier
from museml.classifiers.reality import RealityClassifier, p_real
from museml.data.cubes import open_cube
from museml.data.cutouts import cut
from museml.detectors.lines import LineDetector
from museml.errors import ModelError, MusemlWarning, PredictionFlag, UnknownNameError
from museml.simulation.cubes import simulate_cube
from museml.simulation.residuals import sky_residuals


@pytest.fixture(scope="module")
def bright():
    """Return a cube with bright lines, and the detections of its lines."""
    cube, truth = simulate_cube((700, 30, 30), seed=11, n_lines=8, n_galaxies=0, n_continuum=1, snr=(12, 20))
    detections = LineDetector(threshold=8.0).detect(cube)
    return cube, truth, detections


@pytest.fixture(scope="module")
def residuals():
    """Return a cube with nothing but noise and residuals of the sky, and what is detected in it."""
    cube = simulate_cube((1200, 30, 30), seed=12, n_lines=0, n_galaxies=0, n_continuum=0, start=7600.0)[0]
    cube.data = cube.data + sky_residuals(open_cube(cube), 12)
    return cube, LineDetector().detect(cube)


def test_bright_lines_are_real(bright):
    cube, _, detections = bright
    assert len(detections) >= 6
    assert np.ma.median(p_real(cube, detections)) > 0.75


def test_residuals_of_the_sky_are_not(residuals):
    probability = p_real(*residuals)
    assert len(probability) > 10
    assert np.ma.median(probability) < 0.1
    assert (probability > 0.9).mean() < 0.05


def test_the_classifier_names_lines(bright):
    cube, _, detections = bright
    table = RealityClassifier().classify((cube, detections))
    assert list(table["id"]) == [str(i) for i in detections["id"]]
    assert (table["class"] == "line").mean() > 0.8
    assert np.all((table["p"] >= 0.5) & (table["p"] <= 1))


def test_the_model_is_told(bright):
    cube, _, detections = bright
    meta = RealityClassifier().classify((cube, detections)).meta
    assert meta["MODEL"] == "reality"
    assert len(meta["MODEL_ID"]) == 64
    assert RealityClassifier().classify((cube, detections[:0])).meta == meta


def test_the_answer_does_not_depend_on_batch_size(bright):
    cube, _, detections = bright
    classifier = get_classifier("reality")
    together = classifier.classify((cube, detections))
    single = classifier.classify((cube, detections), batch_size=1)
    assert np.array_equal(together["p"], single["p"])


def test_a_row_without_data_has_no_answer(bright):
    cube, _, detections = bright
    batch = cut(open_cube(cube), detections)
    batch.mask[0] = True
    table = RealityClassifier().classify(batch)
    assert table["p"].mask[0]
    assert table["class"][0] == "unknown"
    assert table["flags"][0] & PredictionFlag.NO_DATA
    assert not table["p"].mask[1:].any()


def test_continuum_rows_are_masked(bright):
    cube, _, detections = bright
    mixed = detections.copy()
    mixed["kind"] = mixed["kind"].astype("U9")
    mixed["kind"][1] = "continuum"
    probability = p_real(cube, mixed)
    assert list(np.flatnonzero(probability.mask)) == [1]
    assert np.array_equal(np.delete(probability, 1), np.delete(p_real(cube, detections), 1))


def test_no_detections_no_probabilities(bright):
    cube, _, detections = bright
    assert len(p_real(cube, detections[:0])) == 0


def test_another_sampling_is_not_judged(bright):
    cube, _, detections = bright
    coarse = cube.copy()
    coarse.wave.set_step(2.0)
    with pytest.warns(MusemlWarning, match="knows channels of 1.25 Angstrom, the cube has 2 Angstrom"):
        probability = p_real(coarse, detections)
    assert probability.mask.all()


def test_an_unknown_model_is_told(bright):
    cube, _, detections = bright
    with pytest.raises(UnknownNameError, match="no model named 'truth'"):
        RealityClassifier(model="truth").classify((cube, detections))


def test_a_model_for_something_else_is_refused(bright, monkeypatch):
    from dataclasses import replace

    from museml import load_model
    from museml.classifiers import reality

    other = load_model("reality")
    other = replace(other, card=replace(other.card, classes=("cat", "dog")))
    monkeypatch.setattr(reality, "load_model", lambda path: other)
    reality._read_once.cache_clear()
    with pytest.raises(ModelError, match="must have a class 'line'; 'reality' has cat, dog; choose another"):
        p_real(bright[0], bright[2])

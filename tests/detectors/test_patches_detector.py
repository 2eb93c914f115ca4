import numpy as np
import pytest

from museml import ImageDetections, get_detector
from museml.catalogs.score import score_detections
from museml.data.images import open_image
from museml.detectors import dendrogram, joint_image, patch_windows
from museml.detectors.joint_image import ODDS, UNSEEN, joint_odds
from museml.detectors.patch_boxes import Boxes
from museml.detectors.patches import PatchesDetector, linked
from museml.detectors.rms_map import noise_maps
from museml.errors import DetectionFlag, ModelError, SettingError
from museml.simulation.fields import simulate_field
from museml.training.joint_odds import fit_joint_odds


@pytest.fixture(scope="module")
def field():
    return simulate_field((500, 600), 41)


@pytest.fixture(scope="module")
def found(field):
    return PatchesDetector(min_p_real=0.8).detect(field.hdu)


def test_it_finds_most_components_and_little_else(field, found):
    score = score_detections(found, field.components)
    assert score.completeness.value > 0.85
    assert score.reliability.value > 0.9


def test_fluxes_and_sizes_are_right(field, found):
    score = score_detections(found, field.components)
    rows, others = score.pairs.rows, score.pairs.others
    truth, mine = field.components[others], found[rows]
    bright = truth["snr"] > 15
    assert np.median(mine["flux"][bright] / truth["flux"][bright]) == pytest.approx(1, abs=0.05)
    assert np.median(mine["major"][bright] / truth["major"][bright]) == pytest.approx(1, abs=0.05)


def test_its_probabilities_add_up_to_its_false_ones(found):
    p_real = np.sort(found["p_real"])[::-1]
    assert np.allclose(found["n_false"], np.cumsum(1 - p_real))
    assert np.all(np.diff(found["score"]) <= 0)


def test_seams_of_tiles_change_little(field, found, monkeypatch):
    monkeypatch.setattr(patch_windows.patch_windows, "__defaults__", (160, 64))
    small = PatchesDetector(min_p_real=0.8).detect(field.hdu)
    assert abs(len(small) - len(found)) <= 0.05 * len(found)


def test_a_beam_that_is_not_round_is_no_hindrance():
    field = simulate_field((300, 400), 42, beam=(10.0, 7.0, 60.0), pixel_scale=1.3, density=0.7)
    score = score_detections(PatchesDetector(min_p_real=0.8).detect(field.hdu), field.components, radius=9.0)
    assert score.completeness.value > 0.8
    assert score.reliability.value > 0.85


def test_holes_hold_nothing_and_are_told(field):
    hdu = field.hdu.copy()
    hdu.data[100:200, 150:300] = np.nan
    found = PatchesDetector().detect(hdu)
    inside = (found["x"] > 152) & (found["x"] < 297) & (found["y"] > 102) & (found["y"] < 197)
    assert not inside.any()


def test_an_image_of_noise_alone_gives_an_empty_table_or_nearly():
    field = simulate_field((200, 200), 43, flux_range=(1e-5, 2e-5), density=1e-3)
    found = PatchesDetector(min_p_real=0.95).detect(field.hdu)
    assert isinstance(found, ImageDetections)
    assert len(found) == 0
    assert found.colnames[: len(ImageDetections.fields)] == [field.name for field in ImageDetections.fields]


def test_joint_finds_what_one_of_the_two_finds(field, found):
    joint = get_detector("joint", "image").detect(field.hdu)
    score = score_detections(joint, field.components)
    leaves = score_detections(get_detector("dendrogram").detect(field.hdu), field.components)
    assert score.f1.value > leaves.f1.value - 0.02
    assert joint.meta["MODEL"] == "patches"
    assert not np.any(np.ma.getmaskarray(joint["p_real"]))


def test_a_leaf_makes_a_component_more_probable():
    without, low, high = joint_odds([0.5, 0.5, 0.5], [np.nan, 4.2, 7.0])
    assert without < low < high
    assert joint_odds([UNSEEN], [12.0])[0] > joint_odds([UNSEEN], [4.0])[0]


def test_boxes_that_overlap_and_those_of_one_trunk_are_one_source():
    boxes = Boxes(
        *np.array([[1.0] * 4, [10, 13, 60, 90], [10, 10, 60, 90], [1.0] * 4, [4.0] * 4, [4.0] * 4, [0.0] * 4])
    )
    assert linked(boxes.corners).tolist() == [0, 0, 1, 2]
    assert linked(boxes.corners, [5, -1, -1, 5]).tolist() == [0, 0, 1, 0]


def test_wrong_settings_are_refused():
    with pytest.raises(SettingError, match="min_p_real must be a number from 0 to 1"):
        PatchesDetector(min_p_real=2).check_settings()
    with pytest.raises(SettingError, match="model must be the name or the file of a model"):
        PatchesDetector(model=3).check_settings()


def test_a_model_of_another_kind_is_refused(field):
    with pytest.raises(ModelError, match="a model for patches must be read as 'boxes'"):
        PatchesDetector(model="reality").detect(field.hdu)


def test_what_is_at_the_edge_is_flagged(field, found):
    edge = (found["flags"] & DetectionFlag.EDGE) > 0
    assert np.array_equal(edge, np.minimum.reduce([
        found["x"], found["y"], 599 - found["x"], 499 - found["y"]
    ]) < open_image(field.hdu).beam.major / 1.5)  # fmt: skip


def test_the_weights_of_joint_follow_from_fields(field):
    weights = fit_joint_odds([field])
    assert weights.shape == np.shape(ODDS)
    assert weights[1] > 0


@pytest.mark.parametrize("name", ["dendrogram", "patches", "joint"])
def test_nothing_is_found_where_there_is_no_noise(field, name):
    y, x = np.indices((60, 60)) - 24.0
    hdu = field.hdu.copy()
    hdu.data = (0.01 * np.exp(-4 * np.log(2) * (x**2 + y**2) / 16)).astype("f4")
    assert len(get_detector(name, "image").detect(hdu)) == 0


def test_joint_measures_the_noise_once(field, monkeypatch):
    calls = []

    def counted(*args, **kwargs):
        calls.append(1)
        return noise_maps(*args, **kwargs)

    for module in (joint_image, dendrogram):
        monkeypatch.setattr(module, "noise_maps", counted)
    get_detector("joint", "image").detect(open_image(field.hdu).cutout(*field.components["ra", "dec"][0], 120))
    assert len(calls) == 1

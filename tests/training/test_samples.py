import numpy as np
import pytest

from museml.data.log_grid import PIXELS, START
from museml.simulation.spectra import SDSS, simulate_spectra
from museml.training.labels import LabelledSpectra, make_labels
from museml.training.samples import draw_shallower, make_sample


@pytest.fixture(scope="module")
def sample():
    spectra, truth = simulate_spectra(10, seed=2, kinds=["star_forming", "star", "nothing"], snr=(30.0, 60.0))
    return make_sample(LabelledSpectra(spectra, make_labels(spectra.ids, truth["z"], truth["class"])))


def test_a_sample_is_on_the_axis_of_the_networks(sample):
    assert sample.values.shape == sample.errors.shape == sample.mask.shape == (10, PIXELS)
    assert np.all(sample.starts == START)
    assert set(sample.classes) <= {"galaxy", "star", "nothing"}
    assert np.array_equal(np.isnan(sample.z), sample.classes == "nothing")


def test_drawn_spectra_are_shallower_by_up_to_the_factor(sample):
    rng = np.random.default_rng(0)
    drawn = draw_shallower(sample, rng, 400, most=9.0)
    errors = {name: np.median(e[~m]) for name, e, m in zip(sample.ids, sample.errors, sample.mask, strict=True)}
    ratio = np.array([np.median(drawn.errors[i][~drawn.mask[i]]) / errors[drawn.ids[i]] for i in range(400)])
    assert ratio.min() == pytest.approx(1, rel=1e-3)
    assert 1.2 < ratio.max() < 3.001
    assert np.mean(ratio < 1.001) == pytest.approx(0.25)


def test_the_noise_that_is_added_is_what_the_errors_say(sample):
    drawn = draw_shallower(sample, np.random.default_rng(1), 200, most=9.0)
    place = {name: i for i, name in enumerate(sample.ids)}
    origin = sample.rows([place[name] for name in drawn.ids])
    added = np.sqrt(drawn.errors**2 - origin.errors**2 + 1e-12)
    shallow = (added > 0.5 * origin.errors) & ~drawn.mask
    excess = (drawn.values - origin.values)[shallow] / added[shallow]
    assert np.std(excess) == pytest.approx(1, abs=0.02)


def test_labels_go_with_their_spectra(sample):
    drawn = draw_shallower(sample, np.random.default_rng(2), 50)
    for i, name in enumerate(drawn.ids):
        row = list(sample.ids).index(name)
        assert np.array_equal(drawn.values[i], sample.values[row])
        assert drawn.classes[i] == sample.classes[row]
        assert drawn.z[i] == sample.z[row] or np.isnan(drawn.z[i])


def test_another_instrument_has_a_window_of_its_own():
    spectra, truth = simulate_spectra(2, seed=2, instrument=SDSS, kinds=["star_forming"])
    sample = make_sample(LabelledSpectra(spectra, make_labels(spectra.ids, truth["z"])))
    assert sample.starts == pytest.approx(SDSS.vacuum[0], rel=1e-3)
    assert sample.batch().axis[0].value == pytest.approx(sample.starts[0])

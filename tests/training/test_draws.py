import numpy as np
import pytest

from museml.data.channels import CHANNELS
from museml.data.log_grid import PIXELS
from museml.data.redshift_bins import CLASSES, bin_of
from museml.simulation.spectra import MUSE, SDSS, simulate_spectra
from museml.training.draws import Draws, instrument_like
from museml.training.labels import LabelledSpectra, make_labels
from museml.training.samples import make_sample
from museml.training.tuning_settings import TuningSettings


def make(instrument, **settings):
    spectra, truth = simulate_spectra(6, seed=3, instrument=instrument, kinds=["star_forming"], snr=(30.0, 60.0))
    sample = make_sample(LabelledSpectra(spectra, make_labels(spectra.ids, truth["z"], truth["class"])))
    return sample, Draws.of(sample, TuningSettings(pool=6, **settings))


@pytest.fixture(scope="module")
def muse():
    return make(MUSE)


@pytest.mark.parametrize(("instrument", "name"), [(MUSE, "MUSE-extended"), (SDSS, "SDSS")])
def test_simulated_spectra_are_of_a_similar_instrument(instrument, name):
    sample, draws = make(instrument, simulated=0.0)
    assert instrument_like(sample) == name
    assert draws.pool is None


def test_half_of_a_batch_is_simulated(muse):
    sample, draws = muse
    inputs, targets = draws.of_rows(np.arange(6))(np.random.default_rng(0), 12)
    assert inputs.shape == (12, PIXELS, len(CHANNELS))
    own = set(np.round(bin_of(sample.z), 2))
    places = [round(float(place), 2) in own for place in targets[:, 1]]
    assert all(places[:6])
    assert not all(places[6:])


def test_only_the_rows_for_training_are_seen(muse):
    sample, draws = muse
    draw, rng = draws.of_rows(np.array([1, 4])), np.random.default_rng(0)
    places = np.concatenate([draw(rng, 8)[1][:4, 1] for _ in range(4)])
    assert set(np.round(places, 2)) == set(np.round(bin_of(sample.z[[1, 4]]).astype(np.float32), 2))


def test_targets_tell_the_shift_of_the_window():
    draws = make(SDSS, simulated=0.0)[1]
    _, targets = draws.of_rows(np.arange(6))(np.random.default_rng(0), 8)
    assert np.all(targets[:, 3] < -100)  # SDSS begins 0.19 in ln(wavelength) before the window of MUSE
    assert {CLASSES[int(kind)] for kind in targets[:, 0]} == {"galaxy"}
    assert np.all(np.abs(np.expm1((targets[:, 1] + targets[:, 3]) * 3.5e-4 - 0.004)) < 6.7)


def test_validation_holds_deep_and_shallow_and_simulated_spectra(muse):
    _, draws = muse
    inputs, targets = draws.validation(np.arange(4))
    assert len(inputs) == len(targets) == 16
    again, _ = draws.validation(np.arange(4))
    assert np.array_equal(inputs, again)

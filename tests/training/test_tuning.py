from types import SimpleNamespace

import numpy as np
import pytest

from museml.errors import SettingError
from museml.networks.backend import load_keras, to_array
from museml.training import tuning
from museml.training.tuning_settings import TuningSettings


@pytest.mark.parametrize(("after", "kept"), [(2.0, True), (0.5, False)])
def test_a_network_that_gains_nothing_stays_as_it_was(monkeypatch, tmp_path, after, kept):
    keras = load_keras()
    network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    start = to_array(network.weights[0].value)

    def fit(network, *args, **options):
        network.set_weights([to_array(weight.value) * 0 + 7 for weight in network.weights])
        return {"loss": [3.0], "val_loss": [after]}

    monkeypatch.setattr(tuning, "fit_redshift", fit)
    monkeypatch.setattr(tuning, "validation_loss", lambda *args: 1.0)
    job = tuning._Job(None, tmp_path, TuningSettings(), (1.0,), "own", False, False)
    job.draws = SimpleNamespace(of_rows=lambda rows: None)
    history = job._fit(network, "fold-1", np.arange(3), None)
    assert history["val_loss_before"] == [1.0]
    assert np.array_equal(to_array(network.weights[0].value), start) == kept


def test_each_spectrum_is_seen_about_twice_in_an_epoch():
    settings = TuningSettings(batch_size=64, simulated=0.5)
    assert settings.steps_for(3200) == 200
    assert settings.steps_for(100) == 40
    assert settings.steps_for(10**6) == 400
    assert TuningSettings(steps=7).steps_for(3200) == 7


def test_a_new_network_learns_faster_at_first():
    assert TuningSettings(init="none").rate_used > TuningSettings().rate_used
    assert TuningSettings(rate=0.01).rate_used == 0.01


def test_unknown_settings_are_refused():
    with pytest.raises(SettingError, match="no setting 'fold'; known: init, folds"):
        TuningSettings.of({"fold": 3})

import numpy as np
import pytest

from museml.errors import SettingError
from museml.simulation.spectra import KINDS, simulate_spectra


def test_same_seed_same_spectra():
    first, truth = simulate_spectra(5, seed=3)
    again, _ = simulate_spectra(5, seed=3)
    np.testing.assert_array_equal(first.values, again.values)
    assert list(truth["id"]) == list(first.ids)


def test_lines_have_the_signal_to_noise_ratio_that_was_asked_for():
    batch, truth = simulate_spectra(4, seed=1, kinds=["lya"], snr=(300, 301))
    wave = batch.axis.to_value("Angstrom")
    for values, errors, row in zip(batch.values, batch.errors, truth, strict=True):
        near = np.abs(wave - 1215.67 * (1 + row["z"]) / 1.00028) < 40
        excess = values[near] - np.median(values[near])
        assert 150 < np.sqrt(np.sum((excess / errors[near]) ** 2)) < 600


def test_lyman_forest_dims_the_blue_side():
    batch, truth = simulate_spectra(12, seed=4, kinds=["lya"], snr=(3000, 3001))
    wave = batch.axis.to_value("Angstrom")
    for values, row in zip(batch.values, truth, strict=True):
        lya = 1215.67 * (1 + row["z"])
        blue, red = (wave > 0.9 * lya) & (wave < 0.97 * lya), (wave > 1.05 * lya) & (wave < 1.2 * lya)
        if blue.sum() > 100 and red.sum() > 100:
            assert np.median(values[blue]) < np.median(values[red])


def test_noise_falls_with_exposure_time():
    short, _ = simulate_spectra(2, seed=1, kinds=["nothing"], exposure_hours=1)
    long, _ = simulate_spectra(2, seed=1, kinds=["nothing"], exposure_hours=4)
    np.testing.assert_allclose(short.errors, 2 * long.errors, rtol=1e-4)


def test_nothing_has_no_redshift_and_stars_a_small_one():
    _, truth = simulate_spectra(20, seed=1)
    assert set(truth["kind"]) <= set(KINDS)
    assert np.all(truth["z"].mask == (truth["kind"] == "nothing"))
    assert np.all(np.abs(truth["z"][truth["kind"] == "star"]) < 0.005)


def test_unknown_kind():
    with pytest.raises(SettingError, match="no kind of spectrum is called 'quasr'; known: emitter"):
        simulate_spectra(1, kinds=["quasr"])

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from museml.config import conf
from museml.data.psf import PSF
from museml.detectors.keras_filter import KerasMatchedFilter
from museml.detectors.lines import LineDetector
from museml.detectors.matched_filter import MatchedFilter
from museml.errors import SettingError
from museml.simulation.cubes import simulate_cube

SETTINGS = 7000 + 1.25 * np.arange(90), 0.2, PSF(0.7), (2.0, 6.0)
RNG = np.random.default_rng(3)
JAX = """
import test_keras_filter as tests
tests.test_keras_and_numpy_give_the_same_signal_to_noise((0, 51, 0, 36))
import keras
assert keras.backend.backend() == "jax"
"""


@pytest.mark.parametrize("limits", [(0, 51, 0, 36), (10, 70, 25, 55), (50, 90, 66, 90)])
def test_keras_and_numpy_give_the_same_signal_to_noise(limits):
    first, last, start, stop = limits
    weight = RNG.uniform(0.5, 2, (last - first, 15, 18)).astype("f4")
    weight[20:24, 7:9, 9:11] = 0
    data = RNG.normal(size=weight.shape).astype("f4")
    expected = MatchedFilter(*SETTINGS).snr(data, weight, first, start, stop)
    snr = KerasMatchedFilter(*SETTINGS).snr(data, weight, first, start, stop)
    assert snr.dtype == np.float32
    assert np.abs(snr - expected).max() < 2e-5


@pytest.mark.slow
def test_so_does_keras_with_jax():
    pytest.importorskip("jax")
    environment = os.environ | {"KERAS_BACKEND": "jax", "PYTHONPATH": str(Path(__file__).parent)}
    subprocess.run([sys.executable, "-c", JAX], check=True, env=environment)


def test_the_detector_finds_the_same_with_either_engine():
    cube = simulate_cube((200, 25, 25), 4, start=6900.0, n_lines=4, n_galaxies=0, n_continuum=0, snr=(10, 20))[0]
    numpy, keras = (LineDetector(engine=engine).detect(cube) for engine in ("numpy", "keras"))
    assert len(numpy) >= 3
    for name in ("x", "y", "wave", "snr", "flux"):
        assert np.array(keras[name]) == pytest.approx(np.array(numpy[name]), rel=1e-3)


def test_a_gpu_that_is_asked_for_is_used_or_missed():
    import keras

    if keras.distribution.list_devices("gpu"):
        pytest.skip("there is a GPU")
    cube = simulate_cube((30, 12, 12), 4, n_lines=0, n_galaxies=0, n_continuum=0)[0]
    with conf.set_temp("device", "gpu"), pytest.raises(SettingError, match="Keras sees no GPU"):
        LineDetector().detect(cube)

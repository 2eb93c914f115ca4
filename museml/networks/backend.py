"""Keras, woken up only when a network is really used."""

import os
import sys
import tempfile
import warnings
from contextlib import contextmanager, nullcontext
from functools import cache

import numpy as np

from museml.config import conf
from museml.errors import MissingPackageError, SettingError

__all__ = ["compile_network", "device", "load_keras", "run_padded", "to_array", "tolerant"]

DEVICES = {"cpu": "cpu:0", "gpu": "gpu:0"}


def load_keras():
    """Import Keras with its backend and return it, without TensorFlow's start-up chatter.

    Raises
    ------
    MissingPackageError
        If Keras or its backend is not installed.
    """
    if sys.modules.get("keras"):
        return sys.modules["keras"]
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        with _quiet():
            import keras
    except ImportError as error:
        raise MissingPackageError(
            f"networks need the packages keras and tensorflow, but {error.name or error} is missing; "
            "run 'python -m pip install keras tensorflow'"
        ) from error
    return keras


@contextmanager
def _quiet():
    """Hold back what TensorFlow's libraries write on stderr while they are loaded; show it if that fails."""
    with tempfile.TemporaryFile() as kept:
        sys.stderr.flush()
        stderr = os.dup(2)
        os.dup2(kept.fileno(), 2)
        try:
            yield
        except BaseException:
            kept.seek(0)
            os.write(stderr, kept.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


def device():
    """Return the context in which networks run, by ``museml.conf.device``.

    Raises
    ------
    SettingError
        If the setting is unknown, or asks for a GPU where there is none.
    """
    if conf.device == "auto":
        return nullcontext()
    if conf.device not in DEVICES:
        raise SettingError(f"conf.device must be 'auto', 'cpu' or 'gpu', not {conf.device!r}; set one of these")
    keras = load_keras()
    if conf.device == "gpu" and not keras.distribution.list_devices("gpu"):
        raise SettingError("conf.device is 'gpu', but Keras sees no GPU; set 'auto' or 'cpu'")
    return keras.device(DEVICES[conf.device])


def compile_network(network):
    """Return a compiled function that maps an array to the network's output as an array.

    Parameters
    ----------
    network : `keras.Model`
        Its inference mode is used. The function should always be given the same shape; several threads may
        use it at a time.
    """
    compilers = {"tensorflow": _compile_tensorflow, "jax": _compile_jax}
    return compilers.get(load_keras().backend.backend(), _uncompiled)(network)


def to_array(tensor):
    """Return a copy of a tensor of any backend as an array of numpy."""
    with tolerant():
        return np.array(load_keras().ops.convert_to_numpy(tensor))


@contextmanager
def tolerant():
    """Silence numpy 2's complaint that TensorFlow's variables do not know the argument ``copy``."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "__array__ implementation doesn't accept a copy", DeprecationWarning)
        yield


def run_padded(function, values, rows):
    """Apply a function to an array in parts of exactly ``rows`` rows, the last filled with zeros.

    One shape means one compilation, and an answer that does not depend on how many rows come together.
    """
    parts = [_padded_part(function, values[i : i + rows], rows) for i in range(0, len(values), rows)]
    return np.concatenate(parts)


def _padded_part(function, part, rows):
    padded = np.zeros((rows, *part.shape[1:]), np.float32)
    padded[: len(part)] = part
    return function(padded)[: len(part)]


def _compile_tensorflow(network):
    import tensorflow as tf

    function = tf.function(lambda values: network(values, training=False), autograph=False)

    @cache
    def of_shape(shape, dtype):  # TensorFlow warns of several shapes that go through one function
        return function.get_concrete_function(tf.TensorSpec(shape, dtype))

    return lambda values: of_shape(values.shape, values.dtype.name)(tf.constant(values)).numpy()


def _compile_jax(network):
    import jax

    trainable = [variable.value for variable in network.trainable_variables]
    others = [variable.value for variable in network.non_trainable_variables]
    function = jax.jit(lambda values: network.stateless_call(trainable, others, values, training=False)[0])
    return lambda values: np.asarray(function(values))


def _uncompiled(network):
    return lambda values: to_array(network(values, training=False))

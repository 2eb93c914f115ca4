import json

import numpy as np

from museml.networks.architecture import check_architecture
from museml.networks.backend import compile_network, load_keras, run_padded
from museml.networks.reality import build_reality_network

PARTS = (21, 9, 9, 3), (61, 4)
SHAPE = (21 * 81 * 3 + 61 * 4, 1)


def test_the_network_may_be_loaded_from_a_file():
    config = load_keras().saving.serialize_keras_object(build_reality_network(*PARTS))
    check_architecture(json.loads(json.dumps(config)))


def test_the_compiled_network_answers_as_the_plain_one():
    network = build_reality_network(*PARTS)
    values = np.random.default_rng(0).normal(size=(5, *SHAPE)).astype(np.float32)
    plain = load_keras().ops.convert_to_numpy(network(values))
    assert np.allclose(run_padded(compile_network(network), values, 4), plain, atol=1e-5)


def test_every_layer_has_a_name_of_its_own():
    names = [layer.name for layer in build_reality_network(*PARTS).layers]
    again = [layer.name for layer in build_reality_network(*PARTS).layers]
    assert names == again

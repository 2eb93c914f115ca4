import os
import subprocess
import sys
from dataclasses import replace

import asdf
import numpy as np
import pytest
from astropy import units as u

from museml import Batch, Model, ModelCard, load_model
from museml.errors import ModelError, OutputError
from museml.networks.backend import load_keras

AXIS = np.arange(6) * 1.25 * u.Angstrom


@pytest.fixture(scope="module")
def model():
    keras = load_keras()
    keras.utils.set_random_seed(1)
    entry = keras.Input((6, 1), name="entry")
    hidden = keras.layers.Conv1D(16, 3, activation="silu", kernel_regularizer="l2", name="hidden")(entry)
    hidden = keras.layers.Dropout(0.1, name="drop")(keras.layers.BatchNormalization(name="norm")(hidden))
    out = keras.layers.Dense(2, name="out")(keras.layers.GlobalMaxPooling1D(name="pool")(hidden))
    scores = ({"name": "completeness", "value": 0.9, "low": 0.8, "high": 0.95, "n": 100},)
    card = ModelCard("toy", "1.0", "a toy", "which?", ("spectrum",), ("a", "b"), "x\ny: 1", "no", "none", scores=scores)
    return Model.from_network(
        keras.Model(entry, out, name="toy"),
        card,
        axis=AXIS,
        calibration={"scale": 0.1 + 0.2, "offset": [0.1, -1e-17]},
        history={"loss": [1.5, np.float32(0.7)]},
    )


@pytest.fixture
def path(model, tmp_path):
    model.save(tmp_path / "toy.asdf")
    return tmp_path / "toy.asdf"


@pytest.fixture(scope="module")
def batch():
    values = np.random.default_rng(2).normal(size=(9, 6, 1)).astype(np.float32)
    return Batch(tuple("abcdefghi"), values, np.ones_like(values), values > 1, AXIS)


def edit(path, old, new):
    """Change the file behind the library's back."""
    content = path.read_bytes()
    assert content.count(old) >= 1
    path.write_bytes(content.replace(old, new, 1))


def forged(model, **parts):
    """Return a model that never went through the checks."""
    fake = object.__new__(Model)
    fake.__dict__.update({**model.__getstate__(), **parts})
    return fake


def with_layer(model, **parts):
    config = {**model.config["config"]}
    config["layers"] = [*config["layers"][:-1], {**config["layers"][-1], **parts}]
    return {**model.config, "config": config}


def test_weights_and_answers_come_back_bit_by_bit(model, path, batch):
    again = load_model(path)
    assert set(again.weights) == set(model.weights)
    for name, weight in model.weights.items():
        assert again.weights[name].dtype == weight.dtype
        assert np.array_equal(again.weights[name], weight)
    assert again.predict(batch).tobytes() == model.predict(batch).tobytes()


def test_all_else_comes_back(model, path):
    again = load_model(path)
    assert again.card == model.card
    assert again.config == model.config
    assert again.calibration == model.calibration
    assert np.array_equal(again.axis, AXIS)
    assert again.history["loss"] == pytest.approx([1.5, 0.7])
    assert again.sha256 == model.sha256


def test_weights_outlive_the_file(path):
    again = load_model(path)
    path.unlink()
    assert all(np.isfinite(weight).all() for weight in again.weights.values())


def test_saving_leaves_one_file(path):
    assert os.listdir(path.parent) == ["toy.asdf"]


def test_saving_where_there_is_no_folder(model, tmp_path):
    with pytest.raises(OutputError, match="cannot be written: No such file"):
        model.save(tmp_path / "none" / "toy.asdf")


def test_a_card_is_read_without_keras(path):
    code = (
        "import sys; from museml import load_model; print(load_model(sys.argv[1]).card.name); "
        "print(sorted({'keras', 'tensorflow', 'mpdaf'} & set(sys.modules)))"
    )
    answer = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert answer.stdout.split("\n")[:2] == ["toy", "[]"]
    assert answer.stderr == ""


def test_schemas_are_valid():
    for name in ("card", "model"):
        schema = asdf.schema.load_schema(f"asdf://museml.org/museml/schemas/{name}-1.0.0")
        asdf.schema.check_schema(schema)


def test_a_missing_file(tmp_path):
    with pytest.raises(ModelError, match=r"there is none at '.*none.asdf'; check the path"):
        load_model(tmp_path / "none.asdf")


def test_not_asdf(tmp_path):
    (tmp_path / "text.asdf").write_text("hello")
    with pytest.raises(ModelError, match="cannot be read as a model"):
        load_model(tmp_path / "text.asdf")


@pytest.mark.parametrize("part", [0.05, 0.5, 0.93])
def test_a_truncated_file(path, part):
    content = path.read_bytes()
    path.write_bytes(content[: int(part * len(content))])
    with pytest.raises(ModelError, match=r"cannot be read|without a museml model"):
        load_model(path)


@pytest.mark.parametrize("tree", [{"image": np.arange(3)}, {"model": {"weights": [1]}}, {"model": "toy"}])
def test_a_foreign_asdf_file(tmp_path, tree):
    asdf.AsdfFile(tree).write_to(tmp_path / "foreign.asdf")
    with pytest.raises(ModelError, match="an ASDF file without a museml model"):
        load_model(tmp_path / "foreign.asdf")


def test_a_tampered_weight(model, path):
    kernel = model.weights["hidden/kernel"]
    edit(path, kernel.tobytes(), np.roll(kernel, 1).tobytes())
    with pytest.raises(ModelError, match=r"the weights of model 'toy' must have the SHA-256 .* tampered with"):
        load_model(path)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"activation: silu", b"activation: relu"),
        (b"classes: [a, b]", b"classes: [b, a]"),
        (b"scale: 0.30000000000000004", b"scale: 0.30000000000000005"),
        (b"unit-1.0.0 Angstrom", b"unit-1.0.0 nm"),
        (b"preparation: []", b"preparation: [{step: append_mask}]"),
    ],
)
def test_a_tampered_description(path, old, new):
    if old.startswith(b"scale"):
        new = b"scale: 0.30000000000000010"
    edit(path, old, new)
    with pytest.raises(ModelError, match=r"the description of model 'toy' must have the SHA-256"):
        load_model(path)


def test_an_axis_without_unit(path):
    content = path.read_bytes()
    start = content.index(b"axis: !unit/quantity")
    stop = content.index(b"  calibration:")
    path.write_bytes(content[:start] + b"axis: [0.0, 1.25]\n" + content[stop:])
    with pytest.raises(ModelError, match="cannot be read as a model"):
        load_model(path)


def test_an_oversized_weight(path):
    edit(path, b"shape: [3, 1, 16]", b"shape: [3, 1, 160000000000]")
    with pytest.raises(ModelError, match=r"a model may have .* bytes, this one has"):
        load_model(path)


def test_an_oversized_layer(model, tmp_path):
    forged(model, config=with_layer(model, config={"units": 10**12})).save(tmp_path / "big.asdf")
    with pytest.raises(ModelError, match="holds the size 1000000000000, beyond 1000000"):
        load_model(tmp_path / "big.asdf")


def test_a_layer_larger_than_its_weights_takes_no_memory(model, batch):
    layer = model.config["config"]["layers"][-1]
    config = with_layer(model, config={**layer["config"], "units": 900_000})
    with pytest.raises(ModelError, match=r"weight 'out/bias' has shape \(900000,\), the file's \(2,\)"):
        forged(model, config=config).predict(batch)


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ({"class_name": "Lambda"}, "keras.layers.Lambda, which is not on the allow-list"),
        ({"class_name": "TFSMLayer"}, "keras.layers.TFSMLayer, which is not on the allow-list"),
        ({"module": "os"}, "os.Dense, which is not on the allow-list"),
        ({"registered_name": "pkg>Dense"}, "the custom object 'pkg>Dense'"),
        ({"config": {"activation": "os.system"}}, "the activation 'os.system'"),
        ({"config": {"activation": {"class_name": "function", "config": "system"}}}, "not on the allow-list"),
        ({"config": {"x": {"class_name": "__lambda__", "config": {}}}}, "None.__lambda__, which is not"),
    ],
)
def test_layers_that_are_not_allowed(model, tmp_path, parts, reason):
    forged(model, config=with_layer(model, **parts)).save(tmp_path / "bad.asdf")
    with pytest.raises(ModelError, match=f"{reason}.*; only models of plain Keras layers are loaded"):
        load_model(tmp_path / "bad.asdf")


@pytest.mark.parametrize("block", [0, 8])
def test_arrays_from_elsewhere(path, block):
    edit(path, f"source: {block}\n".encode(), b"source: 'http://example.org/evil.asdf'\n")
    with pytest.raises(ModelError, match=r"must be a block of the file, not 'http://example.org/evil.asdf'"):
        load_model(path)


def test_a_config_that_keras_cannot_build(model, batch):
    layer = model.config["config"]["layers"][-1]
    with pytest.raises(ModelError, match="Keras cannot build the network"):
        forged(model, config=with_layer(model, config={**layer["config"], "units": -1})).predict(batch)


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ({"calibration": {}}, "must have a number 'scale'"),
        ({"calibration": {"scale": 1.0, "offset": [0.0, 0.0, 0.0]}}, "with 1 or 2 numbers"),
        ({"calibration": {"scale": float("nan"), "offset": [0.0]}}, "must have a number 'scale'"),
        ({"preparation": ({"step": "stretch", "scale": "x"},)}, "must be positive numbers"),
        ({"preparation": ({"step": "append_mask", "scale": 1.0},)}, "must be positive numbers"),
    ],
)
def test_parts_that_cannot_work_are_refused_when_a_model_is_made(model, part, message):
    with pytest.raises(ModelError, match=message):
        replace(model, **part)


def test_a_network_has_one_output_for_each_class(model, batch):
    card = replace(model.card, classes=("a", "b", "c"))
    odd = replace(model, card=card, calibration={"scale": 1.0, "offset": [0.0]})
    with pytest.raises(ModelError, match="must have 3 outputs for the classes a, b, c; it has 2"):
        odd.predict(batch)


def test_a_layer_without_weights_cannot_fill_the_memory():
    keras = load_keras()
    entry = keras.Input((1000,), name="entry")
    wide = keras.layers.RepeatVector(900_000, name="wide")(entry)
    out = keras.layers.Dense(2, name="out")(keras.layers.GlobalMaxPooling1D(name="pool")(wide))
    card = ModelCard("toy", "1.0", "a toy", "which?", ("spectrum",), ("a", "b"), "x", "no", "none")
    model = Model.from_network(keras.Model(entry, out, name="toy"), card)
    with pytest.raises(ModelError, match="'wide' makes 900000000 values"):
        _ = model.network

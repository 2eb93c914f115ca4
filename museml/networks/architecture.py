"""Which Keras architectures may be rebuilt from a file: an allow-list, and bounds on sizes."""

import math
from copy import deepcopy

from museml.errors import ModelError
from museml.networks.backend import load_keras
from museml.networks.layers import OWN_LAYERS, PACKAGE, own_layer

__all__ = ["LAYERS", "build_network", "check_architecture", "check_outputs"]

#: layers that compute with their own weights and nothing else
LAYERS = frozenset({
    "Activation", "Add", "AveragePooling1D", "AveragePooling2D", "AveragePooling3D", "BatchNormalization",
    "Concatenate", "Conv1D", "Conv2D", "Conv3D", "Cropping1D", "Cropping2D", "Cropping3D", "Dense", "Dropout",
    "Flatten", "GlobalAveragePooling1D", "GlobalAveragePooling2D", "GlobalAveragePooling3D", "GlobalMaxPooling1D",
    "GlobalMaxPooling2D", "GlobalMaxPooling3D", "InputLayer", "LayerNormalization", "MaxPooling1D", "MaxPooling2D",
    "MaxPooling3D", "Multiply", "Permute", "RepeatVector", "Reshape", "SeparableConv1D", "SeparableConv2D",
    "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "Subtract", "UpSampling1D", "UpSampling2D",
    "ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D",
})  # fmt: skip
INITIALIZERS = frozenset({
    "Constant", "GlorotNormal", "GlorotUniform", "HeNormal", "HeUniform", "LecunNormal", "LecunUniform", "Ones",
    "RandomNormal", "RandomUniform", "TruncatedNormal", "VarianceScaling", "Zeros",
})  # fmt: skip
REGULARIZERS = frozenset({"L1", "L2", "L1L2"})

#: what may be made, as (module, class); everything else in a file is refused
ALLOWED = frozenset({
    *(("keras.layers", name) for name in LAYERS),
    *(("keras.initializers", name) for name in INITIALIZERS),
    *(("keras.regularizers", name) for name in REGULARIZERS),
    ("keras", "DTypePolicy"), ("keras", "Functional"), ("keras.src.models.functional", "Functional"),
    ("keras.models", "Functional"), ("builtins", "slice"),
})  # fmt: skip
ACTIVATIONS = frozenset(
    {None, "elu", "exponential", "gelu", "linear", "relu", "sigmoid", "silu", "softmax", "softplus", "swish", "tanh"}
)
#: what marks an input of a layer inside a functional model; makes no object
TENSOR = "__keras_tensor__"
#: layers of museml, as Keras registers them
OWN = frozenset(f"{PACKAGE}>{name}" for name in OWN_LAYERS)
MAX_NUMBER = 1_000_000
MAX_DEPTH = 60
MAX_VALUES = 10_000_000  # that a layer makes for one row


def check_architecture(config):
    """Walk through a serialised network and refuse whatever is not on the allow-list.

    Parameters
    ----------
    config : dict
        What `keras.saving.serialize_keras_object` gave.

    Raises
    ------
    ModelError
        On a Lambda or custom layer, an unknown module, activation or object, or an absurd size.
    """
    if not isinstance(config, dict) or config.get("class_name") != "Functional":
        raise ModelError("the network must be a functional Keras model; save it with museml.Model.from_network")
    _check(config, 0)


def build_network(config, shapes):
    """Build the network that a checked config describes, with weights yet to be set.

    Parameters
    ----------
    config : dict
        What `check_architecture` has passed.
    shapes : dict
        Shape of each weight by variable path. They are compared before any memory is taken.

    Raises
    ------
    ModelError
        If Keras cannot build it, or its weights have other names or shapes.
    """
    keras = load_keras()
    with keras.StatelessScope():
        planned = _deserialize(keras, config)
    _compare({v.path: tuple(v.shape) for v in planned.weights}, shapes)
    _check_sizes(planned)
    return _deserialize(keras, config)


def check_outputs(network, wanted, classes):
    """Raise `ModelError` unless a network has as many outputs as are wanted for the classes."""
    if network.output_shape[-1] != wanted:
        raise ModelError(
            f"a network must have {wanted} outputs for the classes {', '.join(classes)}; it has "
            f"{network.output_shape[-1]}; correct the card or the network"
        )


def _check_sizes(network):
    """Refuse layers whose answers would fill the memory; these need no large weights."""
    for layer in network.layers:
        for tensor in layer.output if isinstance(layer.output, list | tuple) else [layer.output]:
            values = math.prod(size or 1 for size in tensor.shape)
            if values > MAX_VALUES:
                raise ModelError(
                    f"layer {layer.name!r} makes {values} values for each row, beyond {MAX_VALUES}; "
                    "use only models that you trust"
                )


def _deserialize(keras, config):
    for name in OWN_LAYERS:
        own_layer(name)
    try:
        return keras.saving.deserialize_keras_object(_without_initializers(config), safe_mode=True)
    except Exception as error:  # Keras raises nearly anything on a broken config
        reason = " ".join(str(error).split())[:200]
        raise ModelError(f"Keras cannot build the network: {reason}; get the model anew from its origin") from error


def _without_initializers(node):
    """Return a copy whose weights start at zero: they are set anyway, and initializers differ among Keras versions."""
    if isinstance(node, dict):
        return {k: "zeros" if v and k.endswith("_initializer") else _without_initializers(v) for k, v in node.items()}
    return [_without_initializers(item) for item in node] if isinstance(node, (list, tuple)) else deepcopy(node)


def _compare(built, stored):
    for path in sorted(built.keys() | stored.keys()):
        if built.get(path) != stored.get(path):
            raise ModelError(
                f"the network's weight {path!r} has shape {built.get(path)}, the file's {stored.get(path)}; "
                "get the model anew from its origin"
            )


def _check(node, depth):
    if depth > MAX_DEPTH:
        _refuse(f"is nested deeper than {MAX_DEPTH} levels")
    if isinstance(node, dict):
        _check_object(node)
        _check_activations(node)
    elif isinstance(node, (int, float)) and not abs(node) <= MAX_NUMBER:
        _refuse(f"holds the size {node}, beyond {MAX_NUMBER}")
    children = node.values() if isinstance(node, dict) else node if isinstance(node, (list, tuple)) else ()
    for child in children:
        _check(child, depth + 1)


def _check_object(node):
    name = node.get("class_name")
    if name is None or name == TENSOR or _is_own(node):
        return
    if (node.get("module"), name) not in ALLOWED:
        _refuse(f"holds the object {node.get('module')}.{name}, which is not on the allow-list of layers")
    if node.get("registered_name") not in (None, "", name):
        _refuse(f"holds the custom object {node['registered_name']!r}")


def _is_own(node):
    """Whether an object is a layer of museml's own; Keras finds it under its registered name alone."""
    return node.get("registered_name") in OWN and node["registered_name"] == f"{PACKAGE}>{node['class_name']}"


def _check_activations(node):
    for key, value in node.items():
        if key.endswith("activation") and (isinstance(value, dict) or value not in ACTIVATIONS):
            _refuse(f"uses the activation {value!r}, which is not on the allow-list")


def _refuse(what):
    raise ModelError(f"the network {what}; only models of plain Keras layers are loaded")

"""Between models in memory and in ASDF; types are named as text, so that nothing is imported until needed."""

import json
from dataclasses import asdict, fields

import numpy as np
from asdf.extension import Converter

__all__ = ["CardConverter", "ModelConverter"]


class CardConverter(Converter):
    """`museml.ModelCard` as a mapping."""

    tags = ("asdf://museml.org/museml/tags/card-1.*",)
    types = ("museml.model.ModelCard",)

    def to_yaml_tree(self, obj, tag, ctx):
        """Return the card's fields."""
        return _plain(asdict(obj))

    def from_yaml_tree(self, node, tag, ctx):
        """Return the card; fields that this version does not know are left out."""
        from museml.model import ModelCard

        known = {field.name for field in fields(ModelCard)}
        return ModelCard(**{name: _tuples(value) for name, value in _plain(node).items() if name in known})


class ModelConverter(Converter):
    """`museml.Model` as a mapping, with its weights in blocks and checksums."""

    tags = ("asdf://museml.org/museml/tags/model-1.*",)
    types = ("museml.model.Model",)

    def to_yaml_tree(self, obj, tag, ctx):
        """Return all parts of the model."""
        return {
            "card": obj.card,
            "network": obj.config,
            "weights": dict(obj.weights),
            "preparation": _plain(obj.preparation),
            "axis": obj.axis,
            "calibration": _plain(obj.calibration),
            "history": _plain(obj.history),
            "reading": obj.reading,
            "checksums": obj.checksums,
        }

    def from_yaml_tree(self, node, tag, ctx):
        """Return the model after its checks: allowed layers, bounds, checksums. Keras stays asleep.

        Raises
        ------
        ModelError
            If one of them fails.
        """
        from museml.model import Model
        from museml.networks.weights import check_shapes

        check_shapes(node["weights"])
        model = Model(
            card=node["card"],
            config=_plain(node["network"]),
            weights={path: np.array(weight) for path, weight in node["weights"].items()},
            preparation=tuple(_plain(node["preparation"])),
            axis=None if node["axis"] is None else node["axis"].copy(),
            calibration=_plain(node["calibration"]),
            history=_plain(node["history"]),
            reading=node.get("reading", "classes"),
        )
        model.verify(_plain(node["checksums"]))
        return model


def _plain(value):
    """Return nested dictionaries, lists, text and numbers of Python's own types."""
    return json.loads(json.dumps(value, default=_base))


def _base(value):
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    return dict(value) if hasattr(value, "keys") else list(value)


def _tuples(value):
    return tuple(value) if isinstance(value, list) else value

"""museml finds and classifies sources in MUSE data cubes, as an extension of MPDAF."""

from importlib import import_module

from museml._version import __version__

#: public name -> module that has it; imported at first use, since asdf and others import museml
_PUBLIC = {
    "classify": "museml.api",
    "detect": "museml.api",
    "get_classifier": "museml.api",
    "get_detector": "museml.api",
    "run": "museml.pipeline",
    "inject": "museml.injection",
    "Classifier": "museml.classification",
    "Predictions": "museml.classification",
    "Redshifts": "museml.classification",
    "Detections": "museml.detection",
    "Detector": "museml.detection",
    "ImageDetections": "museml.detection",
    "Batch": "museml.data.batch",
    "Model": "museml.model",
    "ModelCard": "museml.model",
    "load_model": "museml.model",
    "Spec": "museml.registry",
    "hookimpl": "museml.hookspecs",
    "conf": "museml.config",
}

__all__ = [  # noqa: RUF022 - by use, not by letter
    "run", "detect", "classify", "inject", "load_model", "get_detector", "get_classifier",
    "Detector", "Detections", "ImageDetections", "Classifier", "Predictions", "Redshifts",
    "Batch", "Model", "ModelCard", "Spec", "hookimpl", "conf", "__version__",
]  # fmt: skip


def __getattr__(name):
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'museml' has no attribute {name!r}")


def __dir__():
    return sorted(__all__)


def _arrange_methods():
    """Give MPDAF's classes their methods as soon as they are imported."""
    from wrapt import when_imported

    for module in ("mpdaf.sdetect", "mpdaf.obj"):
        when_imported(module)(lambda module: import_module("museml.methods").install(module))


_arrange_methods()

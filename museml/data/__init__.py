"""Data of any kind, made ready for detectors and classifiers: one file per kind."""

from importlib import import_module

from museml.errors import ContractError

__all__ = ["KINDS", "prepare"]

#: kind of data -> function that opens it; only that function's file knows the kind
KINDS = {
    "cube": "museml.data.cubes:open_cube",
    "spectrum": "museml.data.spectra:open_spectra",
    "cutout": "museml.data.cutouts:open_cutouts",
    "image": "museml.data.images:open_image",
    "patch": "museml.data.patches:open_patches",
}


def prepare(data, kind):
    """Open ``data`` as the given kind: a `~museml.data.cubes.CubeData`, `~museml.data.images.ImageData` or batches."""
    if kind not in KINDS:
        raise ContractError(f"no kind of data is called {kind!r}; known: {', '.join(KINDS)}")
    module, _, name = KINDS[kind].partition(":")
    return getattr(import_module(module), name)(data)

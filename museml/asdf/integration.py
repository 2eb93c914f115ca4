"""What the asdf library asks museml for, through entry points; light, since every use of asdf imports it."""

from importlib.resources import files

__all__ = ["MANIFEST", "get_extensions", "get_resource_mappings"]

MANIFEST = "asdf://museml.org/museml/manifests/museml-1.0.0"
FOLDERS = ("schemas", "manifests")


def get_resource_mappings():
    """Return the schemas and the manifest."""
    from asdf.resource import DirectoryResourceMapping

    return [
        DirectoryResourceMapping(files("museml.asdf") / folder, f"asdf://museml.org/museml/{folder}")
        for folder in FOLDERS
    ]


def get_extensions():
    """Return the extension."""
    from asdf.extension import ManifestExtension

    from museml.asdf.converters import CardConverter, ModelConverter

    return [ManifestExtension.from_uri(MANIFEST, converters=[CardConverter(), ModelConverter()])]

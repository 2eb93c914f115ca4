"""Methods that museml puts on MPDAF's classes: Source.classify, Catalog.classify, Cube.detect."""


def install(module):
    """Put the methods on the classes of an MPDAF module."""

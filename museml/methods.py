"""Methods that museml puts on MPDAF's classes: Source.classify, Catalog.classify, Cube.detect."""

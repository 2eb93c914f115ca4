"""The whole job: cubes in, catalogues with redshifts on disk out; it can be stopped and resumed."""

from museml.pipeline.running import run

__all__ = ["run"]

"""Every door for third parties. A plugin implements any of these functions with `museml.hookimpl`."""

import pluggy

__all__ = ["hookimpl", "hookspec"]

hookspec = pluggy.HookspecMarker("museml")
hookimpl = pluggy.HookimplMarker("museml")


@hookspec
def museml_detectors():
    """Return the detectors that the plugin adds.

    Returns
    -------
    list of `~museml.Spec`
        ``target`` names a subclass of `~museml.Detector`, ``accepts`` repeats its kinds of data.
    """


@hookspec
def museml_classifiers():
    """Return the classifiers that the plugin adds.

    Returns
    -------
    list of `~museml.Spec`
        ``target`` names a subclass of `~museml.Classifier`, ``accepts`` repeats its kinds of data.
    """


@hookspec
def museml_models():
    """Return the models that the plugin ships.

    Returns
    -------
    list of `~museml.Spec`
        ``target`` names an ASDF file in a package: ``'package:folder/file.asdf'``.
    """


@hookspec
def museml_commands():
    """Return the commands that the plugin adds to ``museml`` in the shell.

    Returns
    -------
    list of `~museml.Spec`
        ``target`` names a `click.Command`.
    """

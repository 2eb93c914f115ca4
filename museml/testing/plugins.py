"""The contract of whole plugins: what they say of their things is true of the things."""

from museml.errors import ContractError, PluginError
from museml.plugins import load_plugins
from museml.testing.classifiers import check_classifier
from museml.testing.detectors import check_detector
from museml.testing.models import check_model
from museml.testing.rules import require

__all__ = ["check_entry", "check_plugin"]


def check_plugin(name):
    """Check an installed plugin and everything that it adds.

    Parameters
    ----------
    name : str
        Name of its entry point in the group ``museml``; ``'builtins'`` for museml's own.

    Raises
    ------
    PluginError
        If it is not installed, or was left out in whole or in part.
    ContractError
        At the first rule broken; the message names the thing, the rule, and what to do.
    """
    plugins = load_plugins()
    found = {plugin.name: plugin for plugin in plugins.found}
    if name not in found:
        raise PluginError(f"no plugin named {name!r} is loaded; loaded: {', '.join(found)}; install its package")
    if found[name].reason:
        raise PluginError(f"plugin {name!r} {found[name].state}: {found[name].reason}; repair it")
    for entry in plugins.registry.entries():
        if entry.plugin == name:
            check_entry(entry)


def check_entry(entry):
    """Check one thing that a plugin adds, see `check_plugin`."""
    spec, who = entry.spec, f"the Spec of {entry.kind} {entry.spec.name!r}"
    short = spec.summary and "\n" not in spec.summary
    require(short, who, "summary is one line", f"it is {spec.summary!r}", "say in one line what it does")
    CHECKS[entry.kind](entry, who)


def _check_command(entry, who):
    import click

    command = entry.load()
    require(isinstance(command, click.Command), who, "target is a click command", f"it is {command!r}",
            "decorate the function with @click.command()")  # fmt: skip
    require(command.name == entry.spec.name, who, "the command has the Spec's name", f"it is called {command.name!r}",
            "use one name for both")  # fmt: skip


def _check_component(check):
    def run(entry, who):
        cls = entry.load()
        for name in ("name", "accepts"):
            told, is_ = getattr(entry.spec, name), getattr(cls, name, None)
            require(
                told == is_, who, f"{name} is the class's {name}", f"Spec {told!r}, class {is_!r}", "make them equal"
            )
        check(cls)

    return run


def _check_model(entry, who):
    try:
        check_model(entry.spec.name)
    except ContractError as error:
        raise ContractError(f"{who}: {error}") from error


CHECKS = {
    "detector": _check_component(check_detector),
    "classifier": _check_component(check_classifier),
    "model": _check_model,
    "command": _check_command,
}

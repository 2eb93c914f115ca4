"""Find plugins, load them one by one, survive and report the broken ones."""

import os
import warnings
from dataclasses import dataclass
from functools import cache
from importlib import metadata

import pluggy

from museml import hookspecs
from museml._version import __version__
from museml.config import conf
from museml.errors import PluginError, PluginWarning
from museml.registry import KINDS, Entry, Registry, Spec

__all__ = ["ENTRY_POINT_GROUP", "Plugin", "Plugins", "load_plugins"]

ENTRY_POINT_GROUP = "museml"
HOOKS = {kind: f"museml_{kind}s" for kind in KINDS}


@dataclass(frozen=True)
class Plugin:
    """A plugin and how its loading went.

    Attributes
    ----------
    name : str
        Name of its entry point.
    package, version : str
        The distribution it came with.
    reason : str
        Why it, or a part of it, was left out; empty if all is well.
    """

    name: str
    package: str
    version: str
    reason: str = ""

    @property
    def state(self):
        """``'ok'`` or ``'failed'``."""
        return "failed" if self.reason else "ok"


class Plugins:
    """The plugins that were found and the registry that they filled."""

    def __init__(self, strict=False):
        self.registry = Registry()
        self.found = []
        self._strict = strict
        self._manager = pluggy.PluginManager("museml")
        self._manager.add_hookspecs(hookspecs)

    def load(self, name, package, version, load):
        """Load one plugin; a failure is recorded, or raised if loading is strict.

        Parameters
        ----------
        name, package, version : str
            The plugin's entry point and its distribution.
        load : callable
            Returns the plugin's module; anything it raises counts as the plugin's failure.
        """
        try:
            self._register(name, load())
            problems = self._add_entries(name, package, version)
        except (Exception, SystemExit) as error:
            self._forget(name)
            problems = [error]
        reason = "; ".join(_reason(problem) for problem in problems)
        self.found.append(Plugin(name, package, version, reason))
        if reason:
            self._complain(name, package, reason, problems[0])

    def _register(self, name, module):
        if self._manager.has_plugin(name):
            raise PluginError(f"two plugins are called {name!r}; rename the entry point of one")
        self._manager.register(module, name=name)
        self._manager.check_pending()

    def _forget(self, name):
        if name not in {plugin.name for plugin in self.found} and self._manager.has_plugin(name):
            self._manager.unregister(name=name)

    def _add_entries(self, name, package, version):
        """Ask this plugin alone for its Specs, so that its failure does not stop the others."""
        module = self._manager.get_plugin(name)
        entries = [
            Entry(kind, _checked(spec, hook), name, package, version)
            for kind, hook in HOOKS.items()
            if hasattr(module, hook)
            for spec in getattr(module, hook)()
        ]
        return [problem for entry in entries if (problem := self._add(entry))]

    def _add(self, entry):
        try:
            self.registry.add(entry)
        except PluginError as error:
            return error
        return None

    def _complain(self, name, package, reason, error):
        message = f"plugin {name!r} of package {package!r} failed: {reason}"
        if self._strict:
            raise PluginError(message) from error
        warnings.warn(f"{message}; see 'museml plugins'", PluginWarning, stacklevel=4)


def _checked(spec, hook):
    if not isinstance(spec, Spec):
        raise PluginError(f"{hook} returned {spec!r}; return a list of museml.Spec")
    return spec


def _reason(error):
    text = " ".join(str(error).split())
    return text if isinstance(error, PluginError) else f"{type(error).__name__}: {text}"


def _wanted():
    """Return a test that says whether an entry point is to be loaded."""
    names = os.environ.get("MUSEML_LOAD_PLUGINS") or conf.load_plugins
    chosen = {name.strip() for name in names.split(",") if name.strip()}
    return lambda name: not chosen or name in chosen


def _strict():
    value = os.environ.get("MUSEML_STRICT_PLUGINS")
    return conf.strict_plugins if value is None else value not in ("", "0")


@cache
def load_plugins():
    """Load the built-ins and every plugin installed under the entry-point group ``museml``, once.

    Returns
    -------
    Plugins

    Raises
    ------
    PluginError
        If a plugin is broken and MUSEML_STRICT_PLUGINS or ``conf.strict_plugins`` is set.
    """
    from museml import builtins

    plugins, wanted = Plugins(_strict()), _wanted()
    plugins.load("builtins", "museml", __version__, lambda: builtins)
    for point in metadata.entry_points(group=ENTRY_POINT_GROUP):
        if wanted(point.name):
            package = point.dist.name if point.dist else ""
            plugins.load(point.name, package, point.dist.version if point.dist else "", point.load)
    return plugins

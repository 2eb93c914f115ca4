"""Find plugins, load them one by one, survive and report the broken ones."""

import os
import warnings
from dataclasses import dataclass
from difflib import get_close_matches
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
    added : int
        Number of detectors, classifiers, models and commands that it added.
    """

    name: str
    package: str
    version: str
    reason: str = ""
    added: int = 0

    @property
    def state(self):
        """``'ok'``, ``'partly'`` if some of its things were left out, or ``'failed'``."""
        if not self.reason:
            return "ok"
        return "partly" if self.added else "failed"


class Plugins:
    """The plugins that were found and the registry that they filled."""

    def __init__(self, strict=False):
        self.registry = Registry()
        self.found = []
        self._strict = strict

    def load(self, name, package, version, load):
        """Load one plugin; a failure is recorded, or raised if loading is strict.

        Each of its hooks is called by itself: what one hook adds stays when another fails.

        Parameters
        ----------
        name, package, version : str
            The plugin's entry point and its distribution.
        load : callable
            Returns the plugin's module; anything it raises counts as the plugin's failure.
        """
        problems, added = [], 0
        try:
            self._refuse_twin(name, package)
            hooks = _implementations(load())
        except (Exception, SystemExit) as error:
            problems, hooks = [error], []
        for kind, function in hooks:
            try:
                entries = [Entry(kind, spec, name, package, version) for spec in _specs(HOOKS[kind], function)]
            except PluginError as error:
                problems.append(error)
            else:
                added += sum(self._add(entry, problems) for entry in entries)
        self._record(Plugin(name, package, version, "; ".join(map(_reason, problems)), added), problems)

    def _refuse_twin(self, name, package):
        for other in self.found:
            if other.name == name:
                raise PluginError(
                    f"packages {other.package!r} and {package!r} both have a plugin called {name!r}; "
                    "the first is used; rename one entry point or uninstall a package"
                )

    def _add(self, entry, problems):
        try:
            self.registry.add(entry)
        except PluginError as error:
            problems.append(error)
            return False
        return True

    def _record(self, plugin, problems):
        self.found.append(plugin)
        if not problems:
            return
        how = "failed" if plugin.state == "failed" else "is loaded in part"
        message = f"plugin {plugin.name!r} of package {plugin.package!r} {how}: {plugin.reason}"
        if self._strict:
            raise PluginError(message) from problems[0]
        warnings.warn(f"{message}; see 'museml plugins'", PluginWarning, stacklevel=4)


def _implementations(module):
    """Return kind and function of each hook in a module, after pluggy has checked names and arguments."""
    manager = pluggy.PluginManager("museml")  # one for each plugin: nothing of a broken one stays behind
    manager.add_hookspecs(hookspecs)
    for hook in HOOKS.values():
        if callable(getattr(module, hook, None)) and not manager.parse_hookimpl_opts(module, hook):
            raise PluginError(f"{hook} is not marked; put @museml.hookimpl above it")
    _check_names(module, manager)
    manager.register(module)
    manager.check_pending()
    found = [
        (kind, impl.function) for kind, hook in HOOKS.items() for impl in getattr(manager.hook, hook).get_hookimpls()
    ]
    if not found:
        raise PluginError(f"it implements no hook; known: {', '.join(HOOKS.values())}")
    return found


def _check_names(module, manager):
    """Refuse functions marked as hooks whose names are no hook's."""
    known = list(HOOKS.values())
    for name in dir(module):
        options = manager.parse_hookimpl_opts(module, name)
        hook = options and (options.get("specname") or name)
        if hook and hook not in known:
            close = get_close_matches(hook, known, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise PluginError(f"no hook is called {hook!r}; known: {', '.join(known)}{hint}")


def _specs(hook, function):
    """Call one hook of one plugin and return its Specs."""
    try:
        answer = function()
    except (Exception, SystemExit) as error:
        raise PluginError(f"{hook}: {_reason(error)}") from error
    if not isinstance(answer, list | tuple) or not all(isinstance(spec, Spec) for spec in answer):
        raise PluginError(f"{hook} returned {answer!r}; return a list of museml.Spec")
    return answer


def _reason(error):
    text = " ".join(str(error).split())
    return text if isinstance(error, PluginError) else f"{type(error).__name__}: {text}"


def _chosen():
    """Return the names of the entry points to load, or an empty set for all."""
    names = os.environ.get("MUSEML_LOAD_PLUGINS") or conf.load_plugins
    return {name.strip() for name in names.split(",") if name.strip()}


def _points():
    """Return the entry points to load, in the order of their names and packages."""
    installed = metadata.entry_points(group=ENTRY_POINT_GROUP)
    chosen = _chosen()
    missing = sorted(chosen - {point.name for point in installed} - {"none"})
    if missing:
        known = ", ".join(sorted(point.name for point in installed)) or "none"
        warnings.warn(
            f"MUSEML_LOAD_PLUGINS or conf.load_plugins names {missing[0]!r}, which is not installed; known: {known}",
            PluginWarning,
            stacklevel=3,
        )
    points = [point for point in installed if not chosen or point.name in chosen]
    return sorted(points, key=lambda point: (point.name, _owner(point)))


def _owner(point):
    return (point.dist.name, point.dist.version) if point.dist else ("", "")


def _strict():
    value = os.environ.get("MUSEML_STRICT_PLUGINS")
    return conf.strict_plugins if value is None else value.lower() not in ("", "0", "false", "no")


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

    plugins = Plugins(_strict())
    plugins.load("builtins", "museml", __version__, lambda: builtins)
    for point in _points():
        plugins.load(point.name, *_owner(point), point.load)
    return plugins

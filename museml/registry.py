"""Names of detectors, classifiers, models and commands, and whose they are; nothing heavy is imported."""

from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module

from museml.data import KINDS as DATA_KINDS
from museml.errors import MusemlError, PluginError, UnknownNameError

__all__ = ["KINDS", "Entry", "Registry", "Spec"]

#: the kinds of things that plugins may add, in the order they are listed
KINDS = ("detector", "classifier", "model", "command")


@dataclass(frozen=True)
class Spec:
    """What a plugin says of one thing that it adds.

    Attributes
    ----------
    name : str
        The name a user types.
    target : str
        Where it is: ``'package.module:Class'``, for a model ``'package:folder/file.asdf'``.
    accepts : tuple of str
        Kinds of data, see `museml.data.KINDS`; empty for a command.
    summary : str
        One line for people.

    Raises
    ------
    PluginError
        If one of them breaks these rules.
    """

    name: str
    target: str
    accepts: tuple = ()
    summary: str = ""

    def __post_init__(self):
        if not (isinstance(self.name, str) and self.name.strip() == self.name != ""):
            raise PluginError(f"the name of a Spec is {self.name!r}; give a word, such as 'lines'")
        if not (isinstance(self.target, str) and all(self.target.partition(":"))):
            raise PluginError(f"the target of Spec {self.name!r} is {self.target!r}; write 'package.module:Name'")
        if not isinstance(self.accepts, tuple) or not set(self.accepts) <= set(DATA_KINDS):
            known = ", ".join(map(repr, DATA_KINDS))
            raise PluginError(f"Spec {self.name!r} accepts {self.accepts!r}; give a tuple of some of {known}")


@dataclass(frozen=True)
class Entry:
    """A Spec with its kind and its owner."""

    kind: str
    spec: Spec
    plugin: str
    package: str
    version: str

    def load(self):
        """Import and return the target.

        Raises
        ------
        PluginError
            If the target cannot be imported, for whatever reason.
        """
        module, _, name = self.spec.target.partition(":")
        try:
            return getattr(import_module(module), name)
        except MusemlError:
            raise
        except (Exception, SystemExit) as error:
            raise PluginError(
                f"the {self.kind} {self.spec.name!r} of package {self.package!r} cannot be loaded from "
                f"{self.spec.target!r}: {type(error).__name__}: {error}; repair or uninstall that package"
            ) from error


class Registry:
    """Entries by kind and name; a name may stand once for each kind of data."""

    def __init__(self):
        self._entries = {kind: {} for kind in KINDS}

    def add(self, entry):
        """Add an entry.

        Raises
        ------
        PluginError
            If another plugin has the name already for the same kind of data.
        """
        namesakes = self._entries[entry.kind].setdefault(entry.spec.name, [])
        for known in namesakes:
            if known == entry:
                return
            if not _apart(known.spec.accepts, entry.spec.accepts):
                raise PluginError(
                    f"two packages claim the {entry.kind} name {entry.spec.name!r}: {known.package!r} "
                    f"({known.spec.target}) and {entry.package!r} ({entry.spec.target}); "
                    "the first is used; rename one or uninstall a package"
                )
        namesakes.append(entry)

    def entries(self, kind=None):
        """Return all entries, or those of one kind, in the order of their names' first entries."""
        kinds = KINDS if kind is None else (kind,)
        return [entry for kind in kinds for namesakes in self._entries[kind].values() for entry in namesakes]

    def get(self, kind, name, data_kind=None):
        """Return the entry of a name.

        Parameters
        ----------
        kind : str
            One of `KINDS`.
        name : str
            The name.
        data_kind : str
            One of `museml.data.KINDS`: the entry that takes it, where several have the name; by default, and if none
            takes it, the first.

        Raises
        ------
        UnknownNameError
            If there is none; the message lists the names that are known.
        """
        namesakes = self._entries[kind].get(name)
        if namesakes:
            return next((entry for entry in namesakes if data_kind in entry.spec.accepts), namesakes[0])
        known = list(self._entries[kind])
        close = get_close_matches(str(name), known, n=1)
        hint = f"did you mean {close[0]!r}?" if close else "choose one of these or install the plugin that has it"
        raise UnknownNameError(f"no {kind} named {name!r}; known: {', '.join(known) or 'none'}; {hint}")


def _apart(one, other):
    """Tell whether two tuples of kinds of data have none in common; what accepts no data is apart from nothing."""
    return bool(one) and bool(other) and not set(one) & set(other)

"""Rules for detectors and classifiers alike: their names, their settings, the tables they return."""

import inspect
import json

import numpy as np

from museml.columns import FixedTable
from museml.component import PROVENANCE
from museml.data import KINDS
from museml.errors import ContractError

__all__ = ["check_class", "check_table", "difference", "make", "require"]


def require(holds, subject, rule, seen, remedy):
    """Raise `ContractError` unless a rule holds; the message says who, which rule, what was seen, what to do."""
    if not holds:
        raise ContractError(f"{subject} breaks the rule '{rule}': {seen}; {remedy}")


def make(thing, base):
    """Return an instance of a detector or classifier that is given as a class or an instance."""
    cls = thing if isinstance(thing, type) else type(thing)
    word = base.__name__.lower()
    who = f"{word} {cls.__name__}"
    require(issubclass(cls, base), who, f"a {word} is a subclass of museml.{base.__name__}", f"its bases are "
            f"{', '.join(b.__name__ for b in cls.__bases__)}", f"derive it from museml.{base.__name__}")  # fmt: skip
    check_class(cls, who)
    try:
        return cls() if thing is cls else thing
    except TypeError as error:
        raise ContractError(f"{who} breaks the rule 'it can be made without settings': {error}; complete it") from error


def check_class(cls, who):
    """Check name, kinds of data and settings of a class."""
    require(isinstance(cls.name, str) and cls.name, who, "it has a name", f"name is {cls.name!r}",
            "set the class attribute name to the one registered")  # fmt: skip
    known = isinstance(cls.accepts, tuple) and cls.accepts and set(cls.accepts) <= set(KINDS)
    require(known, who, "accepts is a tuple of known kinds of data", f"accepts is {cls.accepts!r}",
            f"choose from {', '.join(map(repr, KINDS))}")  # fmt: skip
    _check_signature(cls, who)
    _check_init(cls, who)


def _check_signature(cls, who):
    if cls.__init__ is object.__init__:
        return
    for parameter in list(inspect.signature(cls.__init__).parameters.values())[1:]:
        require(parameter.kind is parameter.KEYWORD_ONLY, who, "settings are keyword-only", f"{parameter} is not",
                "write __init__(self, *, name=default)")  # fmt: skip
        require(parameter.default is not parameter.empty, who, "settings have defaults",
                f"{parameter.name!r} has none", "give it one")  # fmt: skip


def _check_init(cls, who):
    """Give settings that nothing can be done with, and see whether they are stored and nothing else is."""
    rule, remedy = "__init__ stores the settings as given and does nothing else", "move the work into the method"
    given = {name: object() for name in cls.setting_names()}
    try:
        stored = vars(cls(**given))
    except Exception as error:
        if inspect.isabstract(cls):
            return
        raise ContractError(f"{who} breaks the rule '{rule}': it raised {error!r}; {remedy}") from error
    changed = [name for name in given if stored.get(name) is not given[name]]
    require(not changed, who, rule, f"{changed} were not kept", f"write self.{(changed or ['x'])[0]} = the argument")
    extra = sorted(set(stored) - set(given))
    require(not extra, who, rule, f"it also made {extra}", remedy)


def check_table(table, cls, component, who):
    """Check class, columns, units, descriptions and provenance of a result."""
    require(isinstance(table, cls), who, f"the answer is a museml.{cls.__name__}", f"it is {type(table).__name__}",
            f"return museml.{cls.__name__}.from_columns(...)")  # fmt: skip
    FixedTable.check(table)
    bare = [field.name for field in cls.fields if not table[field.name].description]
    require(not bare, who, "columns keep their descriptions", f"{bare} have none", "make the table by from_columns")
    missing = [key for key in PROVENANCE if key not in table.meta]
    require(not missing, who, "meta holds the provenance", f"{missing} are missing", "leave the base's meta in place")
    require(table.meta["PLUGIN"] == component.name, who, "meta names the plugin", f"PLUGIN is {table.meta['PLUGIN']!r}",
            "leave the base's meta in place")  # fmt: skip
    told = json.loads(table.meta["SETTINGS"])
    require(set(told) == set(component.settings()), who, "meta tells the settings", f"SETTINGS is {told}",
            "leave the base's meta in place")  # fmt: skip


def difference(one, other, rtol=1e-5):
    """Say in words how two tables differ, or return an empty text."""
    if len(one) != len(other):
        return f"{len(one)} rows, then {len(other)}"
    if one.colnames != other.colnames:
        return f"columns {one.colnames}, then {other.colnames}"
    for name in one.colnames:
        if not _same(one[name], other[name], rtol):
            return f"column {name!r} is {list(one[name][:3])}, then {list(other[name][:3])}"
    return ""


def _same(one, other, rtol):
    masks = np.ma.getmaskarray(one), np.ma.getmaskarray(other)
    if one.dtype.kind != other.dtype.kind or not np.array_equal(*masks):
        return False
    one, other = np.asarray(one)[~masks[0]], np.asarray(other)[~masks[1]]
    if one.dtype.kind == "f" and rtol:
        return np.allclose(one, other, rtol=rtol, atol=rtol, equal_nan=True)
    return np.array_equal(one, other, equal_nan=one.dtype.kind == "f")

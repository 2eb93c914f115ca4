"""Directives that write tables from the code, so that the pages are never behind it."""

import inspect
from importlib import import_module

from docutils import nodes
from docutils.parsers.rst import Directive
from docutils.statemachine import StringList
from sphinx.pycode import ModuleAnalyzer


def load(path):
    """Return the object of a dotted path."""
    module, _, name = path.rpartition(".")
    return getattr(import_module(module), name)


class Generated(Directive):
    """Base of directives whose content is made by `rows`, a heading first."""

    required_arguments = 1
    widths = "auto"

    def run(self):
        """Lay the rows out as a list-table."""
        lines = [".. list-table::", "   :header-rows: 1", f"   :widths: {self.widths}", ""]
        for row in self.rows(self.arguments[0] if self.arguments else None):
            marks = ["   * - ", *["     - "] * (len(row) - 1)]
            lines += [mark + cell for mark, cell in zip(marks, row, strict=True)]
        node = nodes.container()
        self.state.nested_parse(StringList(lines, source="museml_tables"), self.content_offset, node)
        return node.children


class Columns(Generated):
    """Columns of a table with fixed columns: ``.. museml-columns:: museml.detection.Detections``."""

    def rows(self, path):
        """Return name, type, unit and meaning of each column."""
        yield "Column", "Type", "Unit", "Meaning"
        for field in load(path).fields:
            meaning = field.description + (" (may be masked)" if field.maskable else "")
            yield f"``{field.name}``", field.dtype, field.unit or "", meaning.replace("*", r"\*")


class Flags(Generated):
    """Bits of an enumeration with their comments: ``.. museml-flags:: museml.errors.DetectionFlag``."""

    def rows(self, path):
        """Return value, name and meaning of each bit."""
        flags = load(path)
        comments = ModuleAnalyzer.for_module(flags.__module__).find_attr_docs()
        yield "Bit", "Name", "Meaning"
        for flag in flags:
            yield str(flag.value), flag.name, " ".join(comments[flags.__name__, flag.name]).strip()


class Settings(Generated):
    """Settings of a detector or classifier: ``.. museml-settings:: museml.detectors.lines.LineDetector``."""

    def rows(self, path):
        """Return name, default and meaning, the last from the class's docstring."""
        from numpydoc.docscrape import ClassDoc

        cls = load(path)
        meanings = {p.name: " ".join(p.desc) for p in ClassDoc(cls)["Parameters"]}
        yield "Setting", "Default", "Meaning"
        for name in cls.setting_names():
            default = inspect.signature(cls.__init__).parameters[name].default
            yield f"``{name}``", f"``{default!r}``", meanings.get(name, "")


class Configuration(Generated):
    """Items of ``museml.conf``: ``.. museml-configuration::``."""

    required_arguments = 0

    def rows(self, _):
        """Return name, default and meaning."""
        from museml.config import Conf

        yield "Item", "Default", "Meaning"
        for name, item in vars(Conf).items():
            if hasattr(item, "defaultvalue"):
                yield f"``{name}``", f"``{item.defaultvalue!r}``", item.description


class Registered(Generated):
    """What museml itself registers: ``.. museml-registered:: detector``."""

    def rows(self, kind):
        """Return name, data and summary."""
        from museml.plugins import load_plugins

        yield "Name", "Data", "What it does"
        for entry in load_plugins().registry.entries(kind):
            if entry.plugin == "builtins":
                yield f"``{entry.spec.name}``", ", ".join(entry.spec.accepts), entry.spec.summary


def load_card(name):
    """Return what has a card and a checksum: a model, or the templates of the classifier ``nmf``."""
    from museml import load_model
    from museml.classifiers.nmf_basis import SHIPPED, load_basis

    return load_basis(name) if name == SHIPPED else load_model(name)


class Scores(Generated):
    """Scores on the card of a model: ``.. museml-scores:: reality``."""

    def rows(self, name):
        """Return data, score, value, interval and number of cases."""
        yield "Data", "Score", "Value", "95 % interval", "n"
        for score in load_card(name).card.scores:
            interval = f"{score['low']:.3f} to {score['high']:.3f}" if "low" in score else ""
            yield score.get("data", ""), score["name"], f"{score['value']:.3f}", interval, str(score.get("n", ""))


class Card(Directive):
    """One entry of the card of a model: ``.. museml-card:: reality failures``; or its checksum, ``sha256``."""

    required_arguments = 2

    def run(self):
        """Return the entry as a paragraph."""
        name, entry = self.arguments
        model = load_card(name)
        text = model.sha256 if entry == "sha256" else getattr(model.card, entry)
        return [nodes.paragraph(text=text)]


def setup(app):
    """Register the directives."""
    directives = {
        "columns": Columns, "flags": Flags, "settings": Settings,
        "configuration": Configuration, "registered": Registered, "scores": Scores, "card": Card,
    }  # fmt: skip
    for name, directive in directives.items():
        app.add_directive(f"museml-{name}", directive)
    return {"parallel_read_safe": True}

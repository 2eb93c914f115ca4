"""Every hook does what its page says; every hook has a section of the documentation and a test here."""

from pathlib import Path
from types import SimpleNamespace

import click
import pytest
from museml_example.halpha import HalphaClassifier
from museml_example.peaks import PeakDetector

from museml import Spec, hookimpl, hookspecs, load_model
from museml.errors import ModelError
from museml.model import model_file
from museml.plugins import HOOKS, Plugins
from museml.registry import KINDS

PAGE = Path(__file__).parent.parent / "docs" / "plugins" / "hooks.rst"


def registered(hook, spec):
    """Return the entry that a plugin with one hook makes."""

    def function():
        return [spec]

    function.__name__ = hook
    module = SimpleNamespace(**{hook: hookimpl(function)})
    plugins = Plugins(strict=True)
    plugins.load("example", "museml-example", "1.2.3", lambda: module)
    (entry,) = plugins.registry.entries()
    assert plugins.found[0].added == 1
    return entry


def test_museml_detectors():
    entry = registered("museml_detectors", Spec("peaks", "museml_example.peaks:PeakDetector", ("cube",), "peaks"))
    assert entry.kind == "detector"
    assert entry.load() is PeakDetector


def test_museml_classifiers():
    spec = Spec("halpha", "museml_example.halpha:HalphaClassifier", ("spectrum",), "Halpha")
    entry = registered("museml_classifiers", spec)
    assert entry.kind == "classifier"
    assert entry.load() is HalphaClassifier


def test_museml_models():
    entry = registered("museml_models", Spec("blobs", "museml_example:models/blobs.asdf", ("cutout",), "round"))
    path = model_file(entry)
    assert path.parts[-3:] == ("museml_example", "models", "blobs.asdf")
    with pytest.raises(ModelError, match=r"blobs\.asdf"):
        load_model(path)


def test_museml_commands():
    entry = registered("museml_commands", Spec("plugins", "museml.cli.plugins:plugins", (), "list"))
    assert entry.kind == "command"
    assert isinstance(entry.load(), click.Command)


def hooks():
    return [name for name in vars(hookspecs) if name.startswith("museml_")]


@pytest.mark.parametrize("hook", hooks())
def test_every_hook_has_a_section_and_a_test(hook):
    assert f"\n{hook}\n{'-' * len(hook)}\n" in PAGE.read_text()
    assert f"def test_{hook}(" in Path(__file__).read_text()


def test_every_kind_has_its_hook():
    assert sorted(HOOKS.values()) == sorted(hooks())
    assert list(HOOKS) == list(KINDS)

"""The contract of whole plugins must be able to fail."""

import pytest

from museml.errors import ContractError, PluginError
from museml.plugins import Plugins
from museml.registry import Entry, Spec
from museml.testing import check_plugin, plugins
from museml.testing.plugins import check_entry


def entry(
    kind="detector", name="peaks", target="museml_example.peaks:PeakDetector", accepts=("cube",), summary="peaks"
):
    return Entry(kind, Spec(name, target, accepts, summary), "example", "museml-example", "1.2.3")


def test_a_good_entry_passes():
    check_entry(entry())


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (entry(summary=""), "summary is one line"),
        (entry(summary="two\nlines"), "summary is one line"),
        (entry(name="tops"), "name is the class's name': Spec 'tops', class 'peaks'"),
        (entry(accepts=("spectrum",)), "accepts is the class's accepts"),
        (entry("classifier"), "subclass of museml.Classifier"),
        (entry("command", "run", "museml.registry:KINDS", ()), "target is a click command"),
        (entry("command", "sprint", "museml.cli.plugins:plugins", ()), "the command has the Spec's name"),
    ],
)
def test_a_wrong_entry_is_found_out(wrong, message):
    with pytest.raises(ContractError, match=message):
        check_entry(wrong)


def test_a_target_that_is_not_there_is_found_out():
    with pytest.raises(PluginError, match=r"cannot be loaded from 'museml_example.peaks:Peaks'"):
        check_entry(entry(target="museml_example.peaks:Peaks"))


def test_a_plugin_that_is_not_installed_is_told():
    with pytest.raises(PluginError, match=r"no plugin named 'exmaple' is loaded; loaded: .*builtins"):
        check_plugin("exmaple")


def test_a_plugin_that_failed_is_told_with_the_reason(monkeypatch):
    loaded = Plugins()
    with pytest.warns(match="failed"):
        loaded.load("example", "museml-example", "1.2.3", lambda: 1 / 0)
    monkeypatch.setattr(plugins, "load_plugins", lambda: loaded)
    with pytest.raises(PluginError, match="plugin 'example' failed: ZeroDivisionError"):
        check_plugin("example")

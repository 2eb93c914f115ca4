"""Broken, clashing and chosen plugins, found the way pip leaves them on disk."""

import sys

import pytest

from museml import config
from museml.errors import PluginError, PluginWarning
from museml.plugins import ENTRY_POINT_GROUP, load_plugins

OWN = {"joint", "lines", "continuum", "line_sets", "dendrogram", "patches"}  # detectors of museml itself
DETECTOR = """
from museml import Spec, hookimpl

@hookimpl
def museml_detectors():
    return [Spec("{name}", "{module}:Thing", ("cube",), "a thing")]
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Return a function that puts a package with one plugin on the path, as pip does."""
    monkeypatch.delenv("MUSEML_LOAD_PLUGINS", raising=False)
    monkeypatch.delenv("MUSEML_STRICT_PLUGINS", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)

    def install(module, code, point=None, version="0.1"):
        (tmp_path / f"{module}.py").write_text(code)
        info = tmp_path / f"{module}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(f"[{ENTRY_POINT_GROUP}]\n{point or module} = {module}\n")
        load_plugins.cache_clear()

    yield install
    load_plugins.cache_clear()
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def names(plugins, kind="detector"):
    return [entry.spec.name for entry in plugins.registry.entries(kind)]


def plugin(plugins, name):
    return next(plugin for plugin in plugins.found if plugin.name == name)


def test_builtins_come_in_through_the_hooks():
    plugins = load_plugins()
    assert plugin(plugins, "builtins").state == "ok"
    assert set(names(plugins)) >= OWN


def test_a_plugin_adds_its_things_and_says_whose_they_are(install):
    install("alpha", DETECTOR.format(name="blobs", module="alpha"), version="3.2")
    entry = load_plugins().registry.get("detector", "blobs")
    assert (entry.plugin, entry.package, entry.version) == ("alpha", "alpha", "3.2")


GOOD = DETECTOR.format(name="a", module="b")
MODELS = "from museml import hookimpl\n@hookimpl\ndef museml_models():\n    "
BROKEN = {
    "import error": ("import no_such_package", "ModuleNotFoundError: No module named 'no_such_package'"),
    "syntax error": ("def museml_detectors(:", "SyntaxError"),
    "exit": ("raise SystemExit(3)", "SystemExit: 3"),
    "misspelt hook": (
        GOOD.replace("_detectors", "_detektors"),
        "'museml_detektors'; known: .*; did you mean 'museml_detectors'",
    ),
    "wrong argument": (GOOD.replace("()", "(cube)"), "Argument.*cube"),
    "no hook": ("x = 1", "implements no hook; known: museml_detectors"),
    "not marked": (GOOD.replace("@hookimpl", ""), "museml_detectors is not marked; put @museml.hookimpl above it"),
    "raises": (MODELS + "1 / 0", "museml_models: ZeroDivisionError"),
    "None": (MODELS + "pass", "museml_models returned None; return a list of museml.Spec"),
    "text": (MODELS + "return 'a:b'", "returned 'a:b'; return a list of museml.Spec"),
    "list of text": (MODELS + "return ['a']", "return a list of museml.Spec"),
    "accepts text": (GOOD.replace('("cube",)', '"cube"'), "accepts 'cube'; give a tuple"),
    "unknown data": (GOOD.replace('"cube"', '"cub"'), r"accepts \('cub',\); .*'cube'"),
    "no target": (GOOD.replace("b:Thing", "b.Thing"), "write 'package.module:Name'"),
    "no name": (DETECTOR.format(name="", module="b"), "name of a Spec is ''"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_plugin_is_reported_and_the_others_work(install, fault):
    code, reason = BROKEN[fault]
    install("broken", code)
    install("sound", DETECTOR.format(name="blobs", module="sound"))
    with pytest.warns(PluginWarning, match=f"(?s)plugin 'broken' of package 'broken' failed: .*{reason}"):
        plugins = load_plugins()
    assert plugin(plugins, "broken").state == "failed"
    assert plugin(plugins, "sound").state == "ok"
    assert {"lines", "blobs"} <= set(names(plugins))


def test_strict_plugins_raise(install, monkeypatch):
    install("broken", "import no_such_package")
    monkeypatch.setenv("MUSEML_STRICT_PLUGINS", "1")
    with pytest.raises(PluginError, match=r"plugin 'broken' .*no_such_package"):
        load_plugins()


def test_strict_plugins_can_be_configured(install):
    install("broken", "import no_such_package")
    with config.conf.set_temp("strict_plugins", True), pytest.raises(PluginError, match="plugin 'broken'"):
        load_plugins()


def test_what_one_hook_adds_stays_when_another_fails(install):
    code = (
        DETECTOR.format(name="blobs", module="half")
        + "\n@hookimpl\ndef museml_classifiers():\n    raise OSError('gone')"
    )
    install("half", code)
    with pytest.warns(PluginWarning, match="loaded in part: museml_classifiers: OSError: gone"):
        plugins = load_plugins()
    assert plugin(plugins, "half").state == "partly"
    assert "blobs" in names(plugins)


def test_a_name_clash_names_both_owners_and_keeps_the_first(install):
    install("alpha", DETECTOR.format(name="blobs", module="alpha"))
    install("beta", DETECTOR.format(name="blobs", module="beta"))
    with pytest.warns(PluginWarning, match=r"detector name 'blobs': 'alpha' \(alpha:Thing\) and 'beta' \(beta:Thing\)"):
        plugins = load_plugins()
    assert plugins.registry.get("detector", "blobs").package == "alpha"


def test_a_builtin_cannot_be_replaced(install):
    install("alpha", DETECTOR.format(name="lines", module="alpha"))
    with pytest.warns(PluginWarning, match="'museml' .* and 'alpha'"):
        plugins = load_plugins()
    assert plugins.registry.get("detector", "lines").package == "museml"


def test_two_plugins_of_one_name_name_both_packages(install):
    install("alpha", DETECTOR.format(name="blobs", module="alpha"), point="same")
    install("beta", DETECTOR.format(name="rings", module="beta"), point="same")
    with pytest.warns(PluginWarning, match="packages 'alpha' and 'beta' both have a plugin called 'same'"):
        plugins = load_plugins()
    assert "rings" not in names(plugins)


@pytest.mark.parametrize(
    ("chosen", "loaded"), [("alpha", {"blobs"}), ("beta, alpha", {"blobs", "rings"}), ("none", set())]
)
def test_load_plugins_narrows(install, monkeypatch, chosen, loaded):
    install("alpha", DETECTOR.format(name="blobs", module="alpha"))
    install("beta", DETECTOR.format(name="rings", module="beta"))
    monkeypatch.setenv("MUSEML_LOAD_PLUGINS", chosen)
    plugins = load_plugins()
    assert set(names(plugins)) - OWN == loaded
    assert plugin(plugins, "builtins").state == "ok"


def test_a_chosen_plugin_that_is_not_there_is_reported(install, monkeypatch):
    install("alpha", DETECTOR.format(name="blobs", module="alpha"))
    monkeypatch.setenv("MUSEML_LOAD_PLUGINS", "alhpa")
    with pytest.warns(PluginWarning, match="'alhpa', which is not installed; known: .*alpha"):
        load_plugins()


def test_a_target_that_cannot_be_imported_names_the_package(install):
    install("alpha", DETECTOR.format(name="blobs", module="alpha"))
    with pytest.raises(PluginError, match=r"detector 'blobs' of package 'alpha' cannot be loaded from 'alpha:Thing'"):
        load_plugins().registry.get("detector", "blobs").load()

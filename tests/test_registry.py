import pytest

from museml.errors import PluginError, UnknownNameError
from museml.registry import Entry, Registry, Spec


@pytest.fixture
def registry():
    registry = Registry()
    for name in ("redshift", "lines"):
        registry.add(Entry("classifier", Spec(name, f"package:{name}", ("spectrum",)), "plugin", "package", "1.0"))
    return registry


def test_entries_come_in_the_order_they_were_added(registry):
    assert [entry.spec.name for entry in registry.entries("classifier")] == ["redshift", "lines"]
    assert len(registry.entries()) == 2
    assert registry.entries("detector") == []


def test_an_unknown_name_is_told_with_the_known_ones_and_the_nearest(registry):
    with pytest.raises(UnknownNameError, match="no classifier named 'redhsift'; known: redshift, lines; did you mean"):
        registry.get("classifier", "redhsift")
    with pytest.raises(UnknownNameError, match=r"no detector named 'x'; known: none; .*install the plugin"):
        registry.get("detector", "x")


def test_a_name_belongs_to_one_kind_only(registry):
    registry.add(Entry("detector", Spec("lines", "other:Lines", ("cube",)), "plugin", "other", "1.0"))
    assert registry.get("detector", "lines").package == "other"
    assert registry.get("classifier", "lines").package == "package"


def test_a_name_may_stand_once_for_each_kind_of_data(registry):
    for kind in ("cube", "image"):
        registry.add(Entry("detector", Spec("joint", f"package:{kind}", (kind,)), "plugin", "package", "1.0"))
    assert registry.get("detector", "joint", "image").spec.target == "package:image"
    assert registry.get("detector", "joint").spec.target == registry.get("detector", "joint", "x").spec.target
    assert [entry.spec.accepts for entry in registry.entries("detector")] == [("cube",), ("image",)]
    with pytest.raises(PluginError, match="two packages claim the detector name 'joint'"):
        registry.add(Entry("detector", Spec("joint", "other:X", ("image", "cube")), "plugin", "other", "1.0"))


def test_the_same_name_twice_names_both_owners(registry):
    twin = Entry("classifier", Spec("lines", "other:Lines", ("spectrum",)), "plugin", "other", "1.0")
    with pytest.raises(PluginError, match=r"'package' \(package:lines\) and 'other' \(other:Lines\)"):
        registry.add(twin)
    assert registry.get("classifier", "lines").package == "package"


def test_an_entry_loads_its_target():
    entry = Entry("detector", Spec("x", "museml.detection:Detector", ("cube",)), "plugin", "package", "1.0")
    assert entry.load().__name__ == "Detector"


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("no_such_package:X", "No module named 'no_such_package'"),
        ("museml.detection:Detektor", "has no attribute 'Detektor'"),
    ],
)
def test_a_wrong_target_names_package_and_reason(target, reason):
    entry = Entry("detector", Spec("x", target, ("cube",)), "plugin", "package", "1.0")
    with pytest.raises(PluginError, match=f"of package 'package' cannot be loaded from '{target}': .*{reason}"):
        entry.load()

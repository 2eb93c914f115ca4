import json

from museml._version import __version__
from museml.component import Component


class Example(Component):
    name = "example"
    accepts = ("cube",)

    def __init__(self, *, threshold=5.0, sizes=(3, 5)):
        self.threshold = threshold
        self.sizes = sizes


def test_settings_are_the_keyword_only_arguments():
    assert Example.setting_names() == ["threshold", "sizes"]
    assert Example(threshold=7).settings() == {"threshold": 7, "sizes": (3, 5)}


def test_a_component_without_settings_has_none():
    assert Component().settings() == {}


def test_provenance_tells_plugin_version_and_settings():
    told = Example(threshold=7).provenance()
    assert told["PLUGIN"] == "example"
    assert told["MUSEML_V"] == __version__
    assert json.loads(told["SETTINGS"]) == {"threshold": 7, "sizes": [3, 5]}
    assert all(len(key) <= 8 for key in told)


def test_settings_that_json_does_not_know_are_told_as_text():
    assert json.loads(Example(threshold=1 + 2j).provenance()["SETTINGS"])["threshold"] == "(1+2j)"


def test_the_representation_can_be_typed():
    assert repr(Example(threshold=7)) == "Example(threshold=7, sizes=(3, 5))"

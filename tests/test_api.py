import pytest
from museml_example.halpha import HalphaClassifier
from museml_example.peaks import PeakDetector

import museml
from museml import api
from museml.errors import ContractError, SettingError, UnknownNameError
from museml.plugins import Plugins
from museml.registry import Entry, Spec


@pytest.fixture
def example(monkeypatch):
    """Register the example's detector and classifier, and some broken ones."""
    plugins = Plugins()
    targets = {
        "peaks": "museml_example.peaks:PeakDetector",
        "number": "museml.registry:KINDS",
        "halpha": "museml_example.halpha:HalphaClassifier",
        "abstract": "museml:Detector",
    }
    for name, target in targets.items():
        kind = "classifier" if name == "halpha" else "detector"
        plugins.registry.add(Entry(kind, Spec(name, target, ("cube",)), "example", "example", "1.0"))
    monkeypatch.setattr(api, "load_plugins", lambda: plugins)


@pytest.mark.usefixtures("example")
def test_detect_finds_the_simulated_continuum_sources(cube, truth):
    found = museml.detect(cube, detector="peaks")
    near = [((row["x"] - truth["x"]) ** 2 + (row["y"] - truth["y"]) ** 2).min() for row in found]
    assert len(found) >= 2
    assert max(near) < 2


@pytest.mark.usefixtures("example")
def test_settings_reach_the_plugin():
    assert museml.get_detector("peaks", threshold=9.0).threshold == 9.0
    assert isinstance(museml.get_detector("peaks"), PeakDetector)
    assert isinstance(museml.get_classifier("halpha"), HalphaClassifier)


@pytest.mark.usefixtures("example")
def test_an_unknown_setting_is_told_with_the_known_ones():
    with pytest.raises(SettingError, match="the detector 'peaks' has no setting 'treshold'; known: threshold, size"):
        museml.get_detector("peaks", treshold=9.0)


@pytest.mark.usefixtures("example")
def test_a_plugin_checks_its_settings_when_it_is_chosen(monkeypatch):
    def check(self):
        raise SettingError(f"threshold must be positive, not {self.threshold}")

    monkeypatch.setattr(PeakDetector, "check_settings", check)
    with pytest.raises(SettingError, match="threshold must be positive, not -1"):
        museml.get_detector("peaks", threshold=-1)


@pytest.mark.usefixtures("example")
def test_what_is_no_detector_is_refused():
    with pytest.raises(ContractError, match=r"the detector 'number' is .*must be a subclass of museml.Detector"):
        museml.get_detector("number")


@pytest.mark.usefixtures("example")
def test_an_unfinished_detector_is_refused():
    with pytest.raises(ContractError, match=r"the detector 'abstract' cannot be made: .*find"):
        museml.get_detector("abstract")


def test_an_unknown_name_is_told_with_the_nearest(cube):
    with pytest.raises(UnknownNameError, match=r"no detector named 'jiont'; .*did you mean 'joint'"):
        museml.detect(cube, detector="jiont")
    with pytest.raises(UnknownNameError, match="no classifier named 'x'"):
        museml.classify([], classifier="x")

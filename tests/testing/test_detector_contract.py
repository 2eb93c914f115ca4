"""The contract of detectors must be able to fail: one broken detector for each rule."""

import numpy as np
import pytest
from museml_example.peaks import PeakDetector

from museml import Detections
from museml.errors import ContractError, InputError
from museml.testing import check_detector


def changed(**columns):
    """Return a detector whose answer has some columns changed by functions of the column."""

    class Broken(PeakDetector):
        def find(self, data):
            table = super().find(data)
            for name, change in columns.items():
                table[name][:] = change(table[name])
            return table

    return Broken


def test_a_good_detector_passes():
    check_detector(PeakDetector)


def test_a_good_instance_passes(cube):
    check_detector(PeakDetector(threshold=6.0), data=cube)


class NoDetector:
    pass


class Nameless(PeakDetector):
    name = ""


class AcceptsText(PeakDetector):
    accepts = "cube"


class Unfinished(PeakDetector):
    find = None

    def __init__(self, *, threshold):
        self.threshold = threshold


class Positional(PeakDetector):
    def __init__(self, threshold=5.0):
        self.threshold = threshold


class Converts(PeakDetector):
    def __init__(self, *, threshold=5.0, size=5):
        self.threshold = float(threshold)
        self.size = size


class Renames(PeakDetector):
    def __init__(self, *, threshold=5.0, size=5):
        self.threshold = 5.0
        self.size = size


class WorksEarly(PeakDetector):
    def __init__(self, *, threshold=5.0, size=5):
        super().__init__(threshold=threshold, size=size)
        self.kernel = np.ones(3)


class ChangesData(PeakDetector):
    def detect(self, data):
        answer = super().detect(data)
        if not isinstance(data, str):
            data.data.data[0, 0, 0] += 1
        return answer


class Blind(PeakDetector):
    def find(self, data):
        return Detections.empty()


class ReturnsNone(PeakDetector):
    def detect(self, data):
        return [None]


class Anonymous(PeakDetector):
    def detect(self, data):
        table = super().detect(data)
        del table.meta["SETTINGS"]
        return table


class Impostor(PeakDetector):
    def provenance(self):
        return {**super().provenance(), "PLUGIN": "lines"}


class Undescribed(PeakDetector):
    def find(self, data):
        table = super().find(data)
        table["snr"].description = ""
        return table


class Unranked(PeakDetector):
    def detect(self, data):
        table = super().detect(data)
        table["score"][:] = table["score"][::-1].copy()
        return table


class Forgetful(PeakDetector):
    calls = 0

    def find(self, data):
        Forgetful.calls += 1
        table = super().find(data)
        table["snr"][:] += Forgetful.calls
        return table


class ByOrigin(PeakDetector):
    def find(self, data):
        table = super().find(data)
        return table if data.path is None else table[:1]


class FearsHoles(PeakDetector):
    def find(self, data):
        if np.isnan(data.block(0, 10)[0]).any():
            raise InputError("no holes")
        return super().find(data)


class SeesInHoles(PeakDetector):
    def find(self, data):
        table = super().find(data)
        if np.isnan(data.block(0, 10)[0]).any():
            table["x"][:] = table["y"][:] = 1
            table["ra"][:], table["dec"][:] = data.pixel_to_sky(1, 1)
        return table


class SeesInTheDark(PeakDetector):
    def find(self, data):
        table = super().find(data)
        ra, dec = data.pixel_to_sky([0], [0])
        one = {key: [1] for key in ("id", "source", "snr", "score", "flux", "flux_err", "n_false")}
        one |= {"kind": ["continuum"], "ra": ra, "dec": dec, "x": [0], "y": [0]}
        return table if len(table) else Detections.from_columns(one)


BROKEN = {
    NoDetector: "subclass of museml.Detector",
    Nameless: "it has a name",
    AcceptsText: "tuple of known kinds",
    Unfinished: "settings have defaults",
    Positional: "settings are keyword-only",
    Converts: "does nothing else.*raised",
    Renames: "does nothing else.*threshold",
    WorksEarly: "does nothing else.*kernel",
    ChangesData: "the data stay as they were",
    Blind: "it finds something",
    ReturnsNone: "the answer is a museml.Detections",
    Anonymous: "meta holds the provenance",
    Impostor: "meta names the plugin",
    Undescribed: "columns keep their descriptions.*snr",
    Unranked: "the highest score comes first",
    Forgetful: "the same data give the same answer",
    ByOrigin: "a file and the cube in memory",
    FearsHoles: "masked and NaN pixels survive",
    SeesInHoles: "masked and NaN pixels survive.*corner",
    SeesInTheDark: "where there is nothing the table is empty",
}


@pytest.mark.parametrize("broken", BROKEN, ids=lambda cls: cls.__name__)
def test_a_broken_detector_is_found_out(broken):
    with pytest.raises(ContractError, match=BROKEN[broken]):
        check_detector(broken)


IMPOSSIBLE = {
    "kind": lambda kind: "galaxy",
    "x": lambda x: x + 100,
    "y": lambda y: -1.0,
    "ra": lambda ra: ra + 1e-3,
    "wave": lambda wave: 5000.0,
    "snr": lambda snr: np.nan,
    "flux": lambda flux: np.inf,
    "flux_err": lambda err: -err,
    "n_false": lambda n: -n,
    "p_real": lambda p: 1.5,
    "z": lambda z: -1.5,
    "p_z": lambda p: -0.1,
    "z_2": lambda z: -1.5,
    "p_z_2": lambda p: 1.1,
    "source": lambda source: 0,
    "flags": lambda flags: -1,
}


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_an_impossible_value_is_found_out(name):
    with pytest.raises(ContractError, match=f"rule '{name} is"):
        check_detector(changed(**{name: IMPOSSIBLE[name]}))


def test_n_false_must_grow_as_the_score_falls():
    with pytest.raises(ContractError, match="n_false grows as the score falls"):
        check_detector(changed(n_false=lambda n_false: n_false[::-1].copy()))


def test_a_line_must_be_within_the_cube():
    with pytest.raises(ContractError, match="wave is within the cube for a line"):
        check_detector(changed(kind=lambda kind: "line", wave=lambda wave: 1e5))


def test_the_message_names_detector_rule_and_remedy():
    with pytest.raises(ContractError, match=r"^detector 'peaks' breaks the rule 'flux is finite': .*inf; correct"):
        check_detector(changed(flux=lambda flux: np.inf))

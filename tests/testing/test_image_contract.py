"""The contract of detectors of images must be able to fail: one broken detector for each rule."""

import numpy as np
import pytest
from mpdaf.obj import Image
from museml_example.islands import IslandDetector

from museml import ImageDetections
from museml.errors import ContractError, InputError
from museml.testing import check_detector
from museml.testing.examples import example_data


def changed(**columns):
    """Return a detector whose answer has some columns changed by functions of the column."""

    class Broken(IslandDetector):
        def find(self, data):
            table = super().find(data)
            for name, change in columns.items():
                table[name][:] = change(table[name])
            return table

    return Broken


@pytest.mark.parametrize("settings", [{}, {"threshold": 6.0}, {"size": 70}])
def test_a_good_detector_passes(settings):
    check_detector(IslandDetector(**settings))


class ChangesData(IslandDetector):
    def detect(self, data):
        answer = super().detect(data)
        if not isinstance(data, str):
            data.data[0, 0] += 1
        return answer


class Blind(IslandDetector):
    def find(self, data):
        return ImageDetections.empty()


class Forgetful(IslandDetector):
    calls = 0

    def find(self, data):
        Forgetful.calls += 1
        table = super().find(data)
        table["peak"][:] += Forgetful.calls
        return table


class ByOrigin(IslandDetector):
    def find(self, data):
        table = super().find(data)
        return table if data.path is None else table[:1]


class FearsHoles(IslandDetector):
    def find(self, data):
        if np.isnan(data.block()).any():
            raise InputError("no holes")
        return super().find(data)


class SeesInHoles(IslandDetector):
    def find(self, data):
        table = super().find(data)
        if np.isnan(data.block()[0, 0]):
            table["x"][:] = table["y"][:] = 1
            table["ra"][:], table["dec"][:] = data.pixel_to_sky(1, 1)
        return table


class SeesInTheDark(IslandDetector):
    def find(self, data):
        table = super().find(data)
        if len(table):
            return table
        return ImageDetections.from_columns({field.name: [1] for field in ImageDetections.fields if not field.maskable})


class Mirrors(IslandDetector):
    """It takes the angle in the image for one on the sky."""

    def find(self, data):
        table = super().find(data)
        table["pa"][:] = data.pixel_angle(table["x"], table["y"], data.beam.pa)
        return table


BROKEN = {
    ChangesData: "the data stay as they were': the image was changed",
    Blind: "it finds something",
    Forgetful: "the same data give the same answer",
    ByOrigin: "a file and the image in memory",
    FearsHoles: "masked and NaN pixels survive",
    SeesInHoles: "masked and NaN pixels survive.*corner",
    SeesInTheDark: "where there is nothing the table is empty",
    Mirrors: "in a mirrored image the same sky is found.*sky_angle",
}


@pytest.mark.parametrize("broken", BROKEN, ids=lambda cls: cls.__name__)
def test_a_broken_detector_is_found_out(broken):
    with pytest.raises(ContractError, match=BROKEN[broken]):
        check_detector(broken)


IMPOSSIBLE = {
    "x": lambda x: x + 1000,
    "y": lambda y: -1.0,
    "ra": lambda ra: ra + 1e-3,
    "ra_err": lambda err: -1.0,
    "peak": lambda peak: np.nan,
    "flux": lambda flux: np.inf,
    "flux_err": lambda err: -err,
    "major": lambda major: np.inf,
    "minor": lambda minor: 10 * minor,
    "pa": lambda pa: 190.0,
    "dc_major": lambda major: -1.0,
    "rms": lambda rms: 0.0,
    "snr": lambda snr: np.nan,
    "n_false": lambda n: -1.0,
    "p_real": lambda p: 1.5,
    "source": lambda source: 0,
    "flags": lambda flags: -1,
}


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_an_impossible_value_is_found_out(name):
    with pytest.raises(ContractError, match=f"rule '{name} is"):
        check_detector(changed(**{name: IMPOSSIBLE[name]}))


def test_data_may_be_given_in_any_way():
    hdu = example_data("image")
    image = Image(data=hdu.data, wcs=None)
    with pytest.raises(InputError, match="celestial coordinates"):
        check_detector(IslandDetector, data=image)
    check_detector(IslandDetector, data=hdu)


def test_other_kinds_of_data_have_no_contract_of_detectors():
    class OfSpectra(IslandDetector):
        accepts = ("spectrum",)

    with pytest.raises(ContractError, match="takes spectrum; the contract of detectors is for cube and image"):
        check_detector(OfSpectra)

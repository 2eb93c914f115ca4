import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits

from museml import Detections, Detector
from museml.errors import ContractError, InputError, PluginError


class Fixed(Detector):
    """Return what it was given."""

    name = "fixed"

    def __init__(self, *, table=None):
        self.table = table

    def find(self, data):
        return self.table


@pytest.fixture
def found():
    n = 3
    zeros = np.zeros(n)
    columns = {"id": np.zeros(n, int), "source": np.ones(n, int), "kind": ["line"] * n, "ra": zeros, "dec": zeros}
    columns |= {"x": zeros, "y": zeros, "snr": [3.0, 9.0, 5.0], "score": [3.0, 9.0, 5.0], "flux": zeros}
    columns |= {"flux_err": zeros, "n_false": zeros, "fwhm": [0.4, 0.5, 0.6] * u.nm}
    return Detections.from_columns(columns)


def test_the_highest_score_comes_first_and_ids_count_from_one(found, cube):
    table = Fixed(table=found).detect(cube)
    assert list(table["snr"]) == [9, 5, 3]
    assert list(table["id"]) == [1, 2, 3]
    np.testing.assert_allclose(table["fwhm"], [5, 6, 4])
    assert list(found["snr"]) == [3, 9, 5]


def test_meta_tells_plugin_and_medium(found, cube):
    found.meta["MODEL"] = "reality"
    meta = Fixed(table=found).detect(cube).meta
    assert meta["PLUGIN"] == "fixed"
    assert meta["MEDIUM"] == "air"
    assert meta["MODEL"] == "reality"


def test_nothing_found_keeps_the_columns(cube):
    table = Fixed(table=Detections.empty()).detect(cube)
    assert len(table) == 0
    assert table.colnames == [field.name for field in Detections.fields]
    assert table["ra"].unit == u.deg


def test_another_answer_than_detections_is_refused(cube):
    with pytest.raises(ContractError, match=r"detector 'fixed' returned NoneType; return museml.Detections"):
        Fixed(table=None).detect(cube)


def test_a_broken_table_is_refused(found, cube):
    found["snr"] = ["high", "higher", "highest"]
    with pytest.raises(ContractError, match="'snr' has dtype"):
        Fixed(table=found).detect(cube)


def test_what_is_no_cube_is_refused(found):
    with pytest.raises(InputError, match="a cube must be"):
        Fixed(table=found).detect(3)


def test_data_of_another_kind_are_told(found, tmp_path):
    fits.PrimaryHDU(np.zeros((1, 8, 9), np.float32)).writeto(tmp_path / "image.fits")
    with pytest.raises(InputError, match="takes data of the kind cube, and these are of the kind image; choose"):
        Fixed(table=found).detect(tmp_path / "image.fits")


def test_every_column_is_described():
    assert all(field.description and field.ucd for field in Detections.fields)


def test_what_a_plugin_raises_names_it_and_keeps_the_cause(cube):
    class Failing(Fixed):
        def find(self, data):
            return 1 / 0

    with pytest.raises(PluginError, match=r"detector 'fixed' of package .* failed: ZeroDivisionError") as caught:
        Failing().detect(cube)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_an_error_of_museml_passes_through_a_plugin(cube):
    class Refusing(Fixed):
        def find(self, data):
            raise InputError("no such cube")

    with pytest.raises(InputError, match=r"^no such cube$"):
        Refusing().detect(cube)

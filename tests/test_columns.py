import numpy as np
import pytest
from astropy import units as u

from museml.columns import Field, FixedTable
from museml.errors import ContractError


class Lines(FixedTable):
    fields = (
        Field("id", "str", "name", ucd="meta.id"),
        Field("wave", "f8", "wavelength", "Angstrom", "em.wl"),
        Field("z", "f8", "redshift", None, "src.redshift", True),
        Field("flags", "i4", "bits"),
    )


@pytest.fixture
def table():
    return Lines.from_columns({"id": ["a", "b"], "wave": [500, 700] * u.nm}, {"MEDIUM": "air"})


def test_quantities_are_converted_to_the_columns_unit(table):
    np.testing.assert_allclose(table["wave"], [5000, 7000])
    assert table["wave"].unit == u.Angstrom


def test_columns_carry_description_and_ucd(table):
    assert table["z"].description == "redshift"
    assert table["wave"].meta["ucd"] == "em.wl"
    assert table.meta["MEDIUM"] == "air"


def test_what_was_not_given_is_masked_or_zero(table):
    assert table["z"].mask.all()
    assert list(table["flags"]) == [0, 0]
    assert table["flags"].dtype == np.int32


def test_a_column_that_must_have_values_is_asked_for():
    with pytest.raises(ContractError, match="column 'wave' must have values"):
        Lines.from_columns({"id": ["a"]})


def test_further_columns_follow():
    table = Lines.from_columns({"id": ["a"], "wave": [5000.0], "ew": [3.0]})
    assert table.colnames == ["id", "wave", "z", "flags", "ew"]


def test_an_empty_table_keeps_its_columns():
    table = Lines.empty({"PLUGIN": "x"})
    assert len(table) == 0
    assert table.colnames == ["id", "wave", "z", "flags"]
    assert table.check()["wave"].unit == u.Angstrom
    assert table.meta == {"PLUGIN": "x"}


def test_a_missing_column_breaks_the_contract(table):
    table.remove_column("z")
    with pytest.raises(ContractError, match="Lines breaks its fixed columns: lacks 'z'"):
        table.check()


def test_a_wrong_unit_breaks_the_contract(table):
    table["wave"].unit = u.nm
    with pytest.raises(ContractError, match="'wave' has unit nm, expected Angstrom"):
        table.check()


def test_a_wrong_dtype_breaks_the_contract(table):
    table["flags"] = [0.0, 1.0]
    with pytest.raises(ContractError, match="'flags' has dtype float64, expected i4"):
        table.check()


def test_slices_stay_of_their_class(table):
    assert isinstance(table[:1], Lines)


@pytest.mark.filterwarnings("ignore:The unit 'Angstrom' has been deprecated in the VOUnit standard")
@pytest.mark.parametrize("suffix", ["fits", "ecsv", "vot"])
def test_units_and_values_survive_a_file(table, tmp_path, suffix):
    path = tmp_path / f"table.{suffix}"
    table.write(path, format="votable" if suffix == "vot" else None)
    again = Lines.read(path, format="votable" if suffix == "vot" else None)
    assert u.Unit(again["wave"].unit) == u.Angstrom
    np.testing.assert_array_equal(again["wave"], table["wave"])
    assert np.ma.getmaskarray(again["z"]).all()

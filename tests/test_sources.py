import numpy as np
import pytest
from mpdaf.sdetect import Catalog, Source

from museml.classification import Redshifts
from museml.errors import PredictionFlag
from museml.sources import line_redshift, redshift_grid, second_redshift, write_prediction


@pytest.fixture
def source():
    return Source.from_data(1, 53.1, -27.8, ("museml", "1", "cube.fits", ""))


def redshifts(z=0.5, p=0.9, **more):
    pz = np.zeros((1, 200), "f4")
    pz[0, 80] = 0.9
    columns = {"id": ["1"], "class": ["galaxy"], "z": [z], "z_err": [0.001], "p": [p], "z_2": [1.5], "p_2": [0.05]}
    meta = {"PLUGIN": "lines", "PLUGIN_V": "1", "MUSEML_V": "2", "SETTINGS": "{}", "LNZ0": 0.0, "DLNZ": 0.005}
    return Redshifts.from_columns({**columns, "pz": pz, **more}, meta=meta)


def test_redshifts_survive_the_file(source, tmp_path):
    write_prediction(source, redshifts())
    source.write(str(tmp_path / "s.fits"))
    again = Source.from_file(str(tmp_path / "s.fits"))
    assert list(again.z["Z_DESC"]) == ["MUSEML", "MUSEML_2"]
    assert list(again.z[0])[1:] == pytest.approx([0.5, 0.499, 0.501])
    assert (again.ML_CLASS, again.ML_P, again.ML_NAME) == ("galaxy", 0.9, "lines")
    assert list(again.tables["ML_Z"]["P"]) == pytest.approx([0.9, 0.05])
    pz = again.tables["ML_PZ"]
    assert pz["P"].sum() == pytest.approx(0.9)
    assert pz["Z"][np.argmax(pz["P"])] == pytest.approx(np.expm1(0.4))
    assert pz.meta["PLUGIN"] == "lines"


def test_a_redshift_without_error_has_no_limits(source, tmp_path):
    write_prediction(source, redshifts())
    source.write(str(tmp_path / "s.fits"))
    again = Source.from_file(str(tmp_path / "s.fits"))
    for name in ("Z_MIN", "Z_MAX"):
        assert list(again.z[name].mask) == [False, True]


def test_a_second_answer_replaces_the_first(source):
    write_prediction(source, redshifts())
    unknown = np.ma.masked_all(1)
    write_prediction(source, redshifts(z=0.7, z_2=unknown, p_2=unknown))
    assert list(source.z["Z"]) == [0.7]
    assert len(source.tables["ML_Z"]) == 1


def test_no_redshift_leaves_no_row(source):
    answer = Redshifts.from_columns({"id": ["1"], "class": ["unknown"]})
    write_prediction(source, redshifts())
    write_prediction(source, answer)
    assert len(source.z) == 0
    assert "ML_P" not in source.header
    assert source.ML_CLASS == "unknown"


def test_mpdaf_makes_a_catalogue_of_it(source):
    write_prediction(source, redshifts())
    catalog = Catalog.from_sources([source])
    assert catalog["Z_MUSEML"][0] == pytest.approx(0.5)
    assert catalog["ML_CLASS"][0] == "galaxy"


def test_grid_is_even_in_ln_1_plus_z():
    assert np.allclose(np.diff(np.log1p(redshift_grid({"LNZ0": 0.1, "DLNZ": 0.01}, 50))), 0.01)


@pytest.mark.parametrize(
    ("kind", "z"), [("galaxy", 0.5), ("QSO", 0.5), ("unknown", 0.5), ("star", None), ("nothing", None)]
)
def test_emission_lines_are_named_where_there_may_be_some(kind, z):
    assert line_redshift(redshifts(**{"class": [kind]})) == z


def test_a_blend_has_a_second_redshift():
    blend = int(PredictionFlag.BLEND)
    assert second_redshift(redshifts(flags=[blend])) == 1.5
    assert second_redshift(redshifts()) is None
    assert second_redshift(redshifts(flags=[blend], z_2=np.ma.array([1.5], mask=True))) is None

import numpy as np
import pytest
from astropy.table import Table

from museml.classifiers.redshift_prior import prior_weights
from museml.errors import SettingError

LNZ = np.log1p([0.0, 0.5, 1.0, 3.0])
PRIOR = {"z": [0.2, 1.0, 2.0], "weight": [1.0, 3.0, 3.0]}


def test_no_prior_weighs_all_alike():
    assert prior_weights(None, LNZ).tolist() == [1, 1, 1, 1]


def test_prior_is_interpolated_and_ends(tmp_path):
    Table(PRIOR).write(tmp_path / "prior.ecsv")
    for prior in (PRIOR, Table(PRIOR), tmp_path / "prior.ecsv", str(tmp_path / "prior.ecsv")):
        weights = prior_weights(prior, LNZ)
        assert weights[[0, 2, 3]].tolist() == [0, 3, 0]
        assert 1 < weights[1] < 3


@pytest.mark.parametrize(
    ("prior", "message"),
    [
        (3.0, "a table with the columns z and weight"),
        ({"z": [1.0]}, "a table with the columns z and weight"),
        ({"z": [1.0, 0.5], "weight": [1, 1]}, "two redshifts or more, increasing"),
        ({"z": [0.0, 1.0], "weight": [1, -1]}, "not negative"),
        ({"z": [0.0, 1.0], "weight": [0, 0]}, "nor all 0"),
        ("/nowhere.ecsv", "cannot be read"),
    ],
)
def test_what_is_no_prior_is_refused(prior, message):
    with pytest.raises(SettingError, match=message):
        prior_weights(prior, LNZ)

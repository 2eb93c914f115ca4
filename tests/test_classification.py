import numpy as np
import pytest
from astropy import units as u

from museml import Batch, Classifier, Predictions, Redshifts, conf
from museml.errors import ContractError, InputError, SettingError


class Mean(Classifier):
    """Call everything by its mean, and remember how many rows were seen at once."""

    name = "mean"
    predictions = Predictions

    def __init__(self, *, seen=None):
        self.seen = seen

    def predict(self, batch):
        if self.seen is not None:
            self.seen.append(len(batch))
        names = [f"{row.mean():.0f}" for row in batch.values]
        columns = {"id": list(batch.ids), "class": names, "p": np.full(len(batch), 0.5)}
        return Predictions.from_columns(columns, {"MODEL": "m"})


class Wrong(Mean):
    def __init__(self, *, change=None):
        super().__init__()
        self.change = change

    def predict(self, batch):
        return self.change(super().predict(batch))


@pytest.fixture
def batch():
    values = np.arange(5, dtype=np.float32)[:, None] * np.ones((1, 40), np.float32)
    wave = np.linspace(5000, 6000, 40) * u.Angstrom
    return Batch(tuple("abcde"), values, np.ones_like(values), np.zeros(values.shape, bool), wave, "air")


def test_there_is_one_row_per_input_in_input_order(batch):
    table = Mean().classify(batch)
    assert list(table["id"]) == list("abcde")
    assert list(table["class"]) == list("01234")


def test_the_batch_size_changes_what_is_seen_but_not_the_answer(batch):
    seen = []
    table = Mean(seen=seen).classify(batch, batch_size=2)
    assert seen == [2, 2, 1]
    assert list(table["class"]) == list(Mean().classify(batch)["class"])


def test_the_batch_size_can_be_configured(batch):
    seen = []
    with conf.set_temp("batch_size", 4):
        Mean(seen=seen).classify(batch)
    assert seen == [4, 1]


def test_meta_tells_plugin_and_model(batch):
    meta = Mean().classify(batch).meta
    assert meta["PLUGIN"] == "mean"
    assert meta["MODEL"] == "m"


def test_no_rows_make_an_empty_table(batch):
    table = Mean().classify(batch.rows(0, 0))
    assert len(table) == 0
    assert table.colnames == ["id", "class", "p", "flags"]
    assert table.meta["PLUGIN"] == "mean"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: None, "returned NoneType; return Predictions"),
        (lambda table: table[:2], "changed the ids or their order"),
        (lambda table: table[::-1], "changed the ids or their order"),
        (lambda table: table[["id", "class"]], "lacks 'p'"),
    ],
)
def test_a_wrong_answer_is_refused(batch, change, message):
    with pytest.raises(ContractError, match=message):
        Wrong(change=change).classify(batch)


def test_what_holds_no_spectrum_is_refused():
    with pytest.raises(InputError):
        Mean().classify(3)


def test_a_redshift_is_a_prediction_with_z():
    assert issubclass(Redshifts, Predictions)
    names = [field.name for field in Redshifts.fields]
    assert names == ["id", "class", "z", "z_err", "p", "z_2", "p_2", "z_3", "p_3", "flags"]
    assert all(field.description and field.ucd for field in Redshifts.fields)


@pytest.mark.parametrize("size", [0, -1, 2.5, "many"])
def test_the_batch_size_must_be_a_number_of_rows(batch, size):
    with pytest.raises(SettingError, match="batch_size must be a whole number from 1, not"):
        Mean().classify(batch, batch_size=size)


def test_a_stream_gives_the_parts_of_the_table_with_their_provenance(batch):
    tables = list(Mean().stream(batch, batch_size=2))
    assert [list(table["id"]) for table in tables] == [["a", "b"], ["c", "d"], ["e"]]
    assert all(table.meta["PLUGIN"] == "mean" and table.meta["MODEL"] == "m" for table in tables)

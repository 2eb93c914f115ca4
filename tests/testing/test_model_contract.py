"""The contract of models must be able to fail: one broken model for each rule."""

from dataclasses import fields, replace

import numpy as np
import pytest
from astropy import units as u

from museml import Batch, Model, ModelCard
from museml.errors import ContractError
from museml.networks.backend import load_keras
from museml.testing import check_model

AXIS = np.arange(5) * u.Angstrom


@pytest.fixture(scope="module")
def model():
    keras = load_keras()
    keras.utils.set_random_seed(0)
    entry = keras.Input((5, 1), name="entry")
    out = keras.layers.Dense(2, name="out")(keras.layers.Flatten(name="flat")(entry))
    card = ModelCard("toy", "1.0", "a toy", "which?", ("spectrum",), ("a", "b"), "none", "always", "none")
    return Model.from_network(keras.Model(entry, out, name="toy"), card, axis=AXIS)


@pytest.fixture
def batch():
    values = np.random.default_rng(0).normal(size=(4, 5, 1)).astype(np.float32)
    return Batch(tuple("abcd"), values, np.ones_like(values), np.zeros(values.shape, bool), AXIS)


def as_class(cls, model):
    """Return a model as one of another class."""
    return cls(**{field.name: getattr(model, field.name) for field in fields(model)})


class ChangesData(Model):
    def predict(self, batch):
        batch.values[:] += 1
        return super().predict(batch)


class Overconfident(Model):
    def predict(self, batch):
        return super().predict(batch) + 0.1


class Undecided(Model):
    def predict(self, batch):
        return super().predict(batch)[:, :1]


class ByBatch(Model):
    def predict(self, batch):
        answer = super().predict(batch)
        return answer if len(batch) > 1 else answer[:, ::-1]


class Fickle(Model):
    def save(self, path):
        weights = {name: 2 * weight for name, weight in self.weights.items()}
        replace(as_class(Model, self), weights=weights).save(path)


BROKEN = {
    ChangesData: "the data stay as they were",
    Overconfident: "add up to 1",
    Undecided: "a probability per row and class",
    ByBatch: "does not depend on the batch size",
    Fickle: "re-read model has the same checksum",
}


def test_a_good_model_passes(model, batch):
    check_model(model, data=batch)


def test_a_good_file_passes(model, batch, tmp_path):
    model.save(tmp_path / "toy.asdf")
    check_model(tmp_path / "toy.asdf", data=batch)


@pytest.mark.parametrize("broken", BROKEN, ids=lambda cls: cls.__name__)
def test_a_broken_model_is_found_out(broken, model, batch):
    with pytest.raises(ContractError, match=BROKEN[broken]):
        check_model(as_class(broken, model), data=batch)


def test_an_empty_card_is_found_out(model, batch):
    silent = replace(model, card=replace(model.card, failures=""))
    with pytest.raises(ContractError, match=r"model 'toy' breaks the rule 'the card is filled in': \['failures'\]"):
        check_model(silent, data=batch)

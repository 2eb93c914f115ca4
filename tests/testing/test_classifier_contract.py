"""The contract of classifiers must be able to fail: one broken classifier for each rule."""

import numpy as np
import pytest
from astropy import units as u
from museml_example.halpha import HalphaClassifier

from museml import Batch, Redshifts
from museml.errors import ContractError
from museml.testing import check_classifier


@pytest.fixture(scope="module")
def batch():
    """Return spectra of galaxies with Halpha at z = 0.02 to 0.2."""
    rng = np.random.default_rng(3)
    wave = np.arange(4750, 9350, 5.0)
    lines = 6564.61 / 1.00027 * (1 + np.linspace(0.02, 0.2, 5))
    values = rng.normal(5, 1, (5, len(wave))) + 40 * np.exp(-0.5 * ((wave - lines[:, None]) / 6) ** 2)
    values = values.astype(np.float32)
    ids = tuple("abcde")
    errors, mask = np.ones_like(values), np.zeros(values.shape, bool)
    return Batch(ids, values, errors, mask, wave * u.Angstrom, "air", u.Unit("1e-20 erg / (s cm2 Angstrom)"))


def changed(**columns):
    """Return a classifier whose answer has some columns changed by functions of the column."""

    class Broken(HalphaClassifier):
        def predict(self, batch):
            table = super().predict(batch)
            for name, change in columns.items():
                table[name][:] = change(table[name])
            return table

    return Broken


def test_a_good_classifier_passes(batch):
    check_classifier(HalphaClassifier, data=batch)
    check_classifier(HalphaClassifier(threshold=1e3), data=batch)


def test_a_good_classifier_passes_on_the_simulated_spectra():
    check_classifier(HalphaClassifier)


class NoClassifier:
    pass


class Positional(HalphaClassifier):
    def __init__(self, prior=0.3):
        self.prior = prior


class Rounds(HalphaClassifier):
    def __init__(self, *, threshold=5.0, prior=0.3):
        self.threshold = threshold
        self.prior = 0.3 if prior != prior else 0.5


class ChangesData(HalphaClassifier):
    def predict(self, batch):
        batch.values[:] += 1
        return super().predict(batch)


class ReturnsList(HalphaClassifier):
    def predict(self, batch):
        return list(super().predict(batch))


class Reorders(HalphaClassifier):
    def predict(self, batch):
        return super().predict(batch)[::-1]


class Renumbers(HalphaClassifier):
    def classify(self, data, batch_size=None):
        table = super().classify(data, batch_size)
        table["id"] = table["id"][::-1].copy()
        table["id"].description = "name"
        return table


class DropsFlags(HalphaClassifier):
    def predict(self, batch):
        table = super().predict(batch)
        table["flags"][:] = 0
        return table


class Random(HalphaClassifier):
    def predict(self, batch):
        table = super().predict(batch)
        table["p"][:] = np.random.default_rng().uniform(size=len(table))
        return table


class ByBatch(HalphaClassifier):
    def predict(self, batch):
        table = super().predict(batch)
        table["p"][:] = 1 / (1 + len(table))
        return table


class ByPlace(HalphaClassifier):
    def classify(self, data, batch_size=None):
        table = super().classify(data, batch_size)
        table["p"][:] = np.linspace(0.1, 0.2, len(table))
        return table


class FearsGaps(HalphaClassifier):
    def predict(self, batch):
        if batch.mask.all(axis=1).any():
            raise ValueError("no data")
        return super().predict(batch)


class Spreads(HalphaClassifier):
    def predict(self, batch):
        table = super().predict(batch)
        if batch.mask.all(axis=1).any():
            table["p"][:] = 0.01
        return table


class FearsConstants(HalphaClassifier):
    def predict(self, batch):
        if (np.ptp(batch.values, axis=1) == 0)[~batch.mask.any(axis=1)].any():
            raise ZeroDivisionError
        return super().predict(batch)


class SureOfConstants(HalphaClassifier):
    def predict(self, batch):
        table = super().predict(batch)
        constant = (np.ptp(batch.values, axis=1) == 0) & ~batch.mask.any(axis=1)
        for name, value in (("z", 1.0), ("z_err", 0.01), ("p", 0.99)):
            table[name][constant] = value
        return table


class FillsEmpty(HalphaClassifier):
    def classify(self, data, batch_size=None):
        return super().classify(data, batch_size) if len(data) else [None]


BROKEN = {
    NoClassifier: "subclass of museml.Classifier",
    Positional: "settings are keyword-only",
    Rounds: "does nothing else.*prior",
    ChangesData: "the data stay as they were",
    ReturnsList: "returned list; return Redshifts",
    Reorders: "changed the ids or their order",
    Renumbers: "rows come in input order",
    DropsFlags: "flags of the data are kept",
    Random: "the same data give the same answer",
    ByBatch: "does not depend on the batch size",
    ByPlace: "does not depend on the order of the rows",
    FearsGaps: "rows without data survive",
    Spreads: "a bad row changes no other row",
    FearsConstants: "a constant row survives",
    SureOfConstants: "a constant spectrum gets no sure redshift",
    FillsEmpty: "the answer is a museml.Redshifts",
}


@pytest.mark.parametrize("broken", BROKEN, ids=lambda cls: cls.__name__)
def test_a_broken_classifier_is_found_out(broken, batch):
    own = Batch(batch.ids, batch.values.copy(), batch.errors, batch.mask, batch.axis, batch.medium, batch.unit)
    with pytest.raises(ContractError, match=BROKEN[broken]):
        check_classifier(broken, data=own)


IMPOSSIBLE = {
    "class": lambda name: "",
    "p": lambda p: 1.2,
    "z": lambda z: -3.0,
    "z_err": lambda err: 0.0,
    "p_2": lambda p: 0.9,
    "p_3": lambda p: -0.1,
    "flags": lambda flags: -1,
}


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_an_impossible_value_is_found_out(name, batch):
    with pytest.raises(ContractError, match=f"rule '{name} is"):
        check_classifier(changed(**{name: IMPOSSIBLE[name]}), data=batch)


def test_pz_must_add_up_to_at_most_one(batch):
    class Overconfident(HalphaClassifier):
        def predict(self, batch):
            table = super().predict(batch)
            table["pz"] = np.full((len(table), 10), 0.3, np.float32)
            table.meta |= {"LNZ0": 0.0, "DLNZ": 1e-4}
            return table

    with pytest.raises(ContractError, match="pz is not negative, adds up to at most 1"):
        check_classifier(Overconfident, data=batch)


def test_one_spectrum_is_too_little(batch):
    with pytest.raises(ContractError, match="two things or more"):
        check_classifier(HalphaClassifier, data=batch.rows(0, 1))


def test_redshifts_of_the_example_are_right(batch):
    table = HalphaClassifier().classify(batch)
    assert isinstance(table, Redshifts)
    np.testing.assert_allclose(table["z"], np.linspace(0.02, 0.2, 5), atol=1e-3)

from dataclasses import replace

import numpy as np
import pytest

from museml.classification import Classifier, Predictions, Redshifts
from museml.errors import InputError, SettingError
from museml.simulation.spectra import simulate_spectra
from museml.training.evaluation import answer_labelled
from museml.training.labels import LabelledSpectra, make_labels


class Oracle(Classifier):
    """Knows the redshifts; below a signal-to-noise ratio per pixel it says another one first."""

    name = "oracle"

    def __init__(self, *, known=None, least=0.0):
        self.known = known
        self.least = least

    def predict(self, batch):
        z = np.ma.array([self.known[name] for name in batch.ids])
        faint = np.mean(np.abs(batch.values) / batch.errors, axis=1) < self.least
        first, second = np.ma.where(faint, 0.123, z), np.ma.where(faint, z, 6.0)
        kinds = ["unknown" if masked else "galaxy" for masked in np.ma.getmaskarray(first)]
        columns = {"id": list(batch.ids), "class": kinds, "z": first, "z_2": second, "p": np.full(len(z), 0.8)}
        return Redshifts.from_columns(columns)


@pytest.fixture(scope="module")
def sample():
    """Return spectra of bright galaxies, clean of gaps, and their redshifts by id."""
    spectra, truth = simulate_spectra(12, seed=4, kinds=["star_forming", "lya"], snr=(40.0, 90.0))
    spectra = replace(spectra, errors=np.where(spectra.mask, 1, spectra.errors), mask=spectra.mask & False)
    labelled = LabelledSpectra(spectra, make_labels(spectra.ids, truth["z"], truth["class"]))
    return labelled, dict(zip(spectra.ids, truth["z"], strict=True)), truth


def test_the_truth_is_right(sample):
    labelled, known, truth = sample
    answers = answer_labelled(Oracle(known=known), labelled)
    assert list(answers["rank"]) == [1] * 12
    assert np.abs(answers["offset"]).max() < 1e-12
    assert list(answers["z_true"]) == list(truth["z"])
    assert answers.meta["PLUGIN"] == "oracle"


def test_the_lines_at_the_true_redshift_make_the_type(sample):
    labelled, known, truth = sample
    answers = answer_labelled(Oracle(known=known), labelled)
    lya = truth["line"] == "LYALPHA"
    assert 0 < lya.sum() < 12
    assert (answers["type"][lya] == "Lya").mean() > 0.7
    assert not np.any(answers["type"][~lya] == "Lya")
    bright = truth["snr_line"] > 10
    ratio = answers["snr_line"][bright] / truth["snr_line"][bright]
    assert 0.4 < np.median(ratio) < 2  # the errors that are reported are wrong by such factors


def test_lines_in_a_gap_of_the_data_do_not_count(sample):
    labelled, known, truth = sample
    row = int(np.flatnonzero(truth["line"] == "LYALPHA")[0])
    spectra = labelled.spectra.rows(row, row + 1)
    gap = np.abs(spectra.axis.value / (1 + truth["z"][row]) - 1215.67) < 40
    part = LabelledSpectra(replace(spectra, mask=gap[None]), make_labels(spectra.ids, truth["z"][row : row + 1]))
    answers = answer_labelled(Oracle(known=known), part)
    assert answers["type"][0] != "Lya"


def test_a_second_redshift_that_is_right_is_ranked(sample):
    labelled, known, _ = sample
    answers = answer_labelled(Oracle(known=known, least=1e9), labelled)
    assert list(answers["rank"]) == [2] * 12


def test_shallower_spectra_have_lower_signal_to_noise_ratios(sample):
    labelled, known, _ = sample
    answers = answer_labelled(Oracle(known=known), labelled, depths=(1, 9), seed=1)
    deep, shallow = (answers[answers["depth"] == depth] for depth in (1, 9))
    assert list(deep["id"]) == list(shallow["id"])
    assert shallow["snr_line"] == pytest.approx(np.array(deep["snr_line"]) / 3)


def test_spectra_that_cannot_be_used_are_left_out(sample):
    labelled, known, truth = sample
    z = np.ma.array(truth["z"], mask=np.arange(12) > 8)
    part = LabelledSpectra(labelled.spectra, make_labels(labelled.spectra.ids, z))
    assert len(answer_labelled(Oracle(known=known), part)) == 9
    assert part.left_out() == {"no redshift": 3}


def test_a_classifier_without_redshifts_is_refused(sample):
    class Sorter(Oracle):
        name, predictions = "sorter", Predictions

    with pytest.raises(SettingError, match="classifier 'sorter' gives no redshifts"):
        answer_labelled(Sorter(known={}), sample[0])


def test_nothing_to_evaluate_is_told(sample):
    labelled, known, _ = sample
    part = LabelledSpectra(labelled.spectra, make_labels(labelled.spectra.ids, np.full(12, np.nan)))
    with pytest.raises(InputError, match="an evaluation needs at least 1 labelled spectra"):
        answer_labelled(Oracle(known=known), part)

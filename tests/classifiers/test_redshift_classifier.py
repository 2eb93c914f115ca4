"""The classifier 'redshift' around its network: here the network is an oracle that knows the truth."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from astropy import units as u

from museml import Batch, Redshifts
from museml.classifiers import redshift
from museml.classifiers.redshift import RedshiftClassifier
from museml.data import redshift_bins as bins
from museml.data.line_profiles import line_sigma
from museml.data.linelist import LINES
from museml.data.log_grid import start_of
from museml.data.spectral import to_air
from museml.errors import MissingPackageError, ModelError, PredictionFlag, SettingError, UnknownNameError
from museml.model import ModelCard

MUSE = 4750 + 1.25 * np.arange(3681)
SDSS = 3800 * 1.00023 ** np.arange(3840)
GALAXY = {"HALPHA": 60, "NII6585": 18, "HBETA": 20, "OIII5008": 30, "OIII4960": 10, "OII3727": 20, "OII3729": 26}
CARD = ModelCard("oracle", "1.0", "", "", ("spectrum",), bins.CLASSES, "", "", "")
OFFSET = 0.8  # of a bin, between the truth and where the oracle's p(z) has its peak


@dataclass
class Oracle:
    """Stands for a model: logits (class, z, logit); other ones where H alpha at redshift 0.32 is masked."""

    peaks: tuple
    masked: tuple = ()
    card: ModelCard = CARD
    sha256 = "0"
    calibration = {"scale": 1.0, "offset": [0.0]}

    def outputs(self, batch):
        halpha = np.argmin(np.abs(batch.axis.value - LINES["HALPHA"].wave * 1.32))
        peaks = [self.masked if self.masked and mask[halpha] else self.peaks for mask in batch.mask]
        return np.array([self._row(these, start_of(batch)) for these in peaks])

    def _row(self, peaks, start):
        row = np.full(bins.N_OUTPUTS, -20.0, np.float32)
        parts = {"galaxy": bins.GALAXY, "QSO": bins.QSO, "star": bins.STAR, "second": bins.SECOND}
        places = {"nothing": bins.NOTHING, "no second": bins.NO_SECOND}
        for kind, z, logit in peaks:
            if kind in places:
                row[places[kind]] = logit
                continue
            distance = np.arange(bins.N_BINS) - bins.bin_of(z, start) - OFFSET
            row[parts[kind]] = np.maximum(row[parts[kind]], logit - 0.5 * (distance / 1.2) ** 2)
        return row


@pytest.fixture
def ask(monkeypatch):
    """Return a function that classifies with an oracle of given peaks."""

    def classify(batch, *peaks, masked=(), **settings):
        monkeypatch.setattr(redshift, "_model", lambda name: Oracle((("no second", 0, 9.0), *peaks), masked))
        monkeypatch.setattr(redshift, "find_model", lambda name: name)
        return RedshiftClassifier(**settings).classify(batch)

    return classify


def spectrum(z, lines, wave=MUSE, medium="air", level=0.0, seed=0):
    """Return a Batch of one spectrum in unit noise, with lines of given flux."""
    rng = np.random.default_rng(seed)
    values = rng.normal(level, 1.0, len(wave))
    for name, flux in lines.items():
        centre = LINES[name].wave * (1 + z)
        centre = float(to_air(centre, "vacuum")) if medium == "air" else centre
        sigma = float(line_sigma(np.array(centre), 60.0))
        values += flux / (sigma * np.sqrt(2 * np.pi)) * np.exp(-0.5 * ((wave - centre) / sigma) ** 2)
    errors, mask = np.ones((1, len(wave)), np.float32), np.zeros((1, len(wave)), bool)
    return Batch(("a",), values[None].astype(np.float32), errors, mask, wave * u.AA, medium)


@pytest.mark.parametrize(
    ("wave", "medium"), [(MUSE, "air"), (MUSE, "vacuum"), (SDSS, "vacuum"), (MUSE[::-2][::-1], "air")]
)
def test_lines_make_the_redshift_exact_on_any_axis(ask, wave, medium):
    table = ask(spectrum(0.32, GALAXY, wave, medium), ("galaxy", 0.32, 9.0), ("galaxy", 1.1, 6.0))
    row = table[0]
    assert row["class"] == "galaxy"
    assert abs(row["z"] - 0.32) < 4e-5
    assert abs(row["z"] - 0.32) < 4 * row["z_err"] < 4e-4
    assert row["z_2"] == pytest.approx(1.1, abs=2e-3)
    assert row["p"] > 10 * row["p_2"] > 0
    assert table["pz"][0].sum() == pytest.approx(1, abs=1e-3)
    peak = np.expm1(table.meta["LNZ0"] + table.meta["DLNZ"] * table["pz"][0].argmax())
    assert peak == pytest.approx(0.32, abs=1e-3)


def test_without_telling_lines_the_error_is_that_of_p_of_z(ask):
    (row,) = ask(spectrum(4.0, {"LYALPHA": 50}), ("galaxy", 4.0, 9.0))
    assert row["z_err"] / 5 == pytest.approx(np.sqrt(1.2**2 - 0.7**2) * bins.STEP, rel=0.15)
    assert row["flags"] == PredictionFlag.SINGLE_LINE


@pytest.mark.parametrize(
    ("peaks", "kind"),
    [
        ([("QSO", 2.0, 9.0), ("galaxy", 2.0, 6.0)], "QSO"),
        ([("star", 0.0, 9.0)], "star"),
        ([("nothing", 0, 9.0), ("galaxy", 0.3, 5.0)], "nothing"),
        ([("nothing", 0, 7.0), ("galaxy", 0.3, 5.0), ("QSO", 2.0, 5.0), ("star", 0.0, 5.0)], "unknown"),
    ],
)
def test_a_class_is_named_when_it_is_more_probable_than_all_others(ask, peaks, kind):
    table = ask(spectrum(0.3, {}), *peaks)
    assert table["class"][0] == kind
    shares = [table[f"p_{name}"][0] for name in bins.CLASSES]
    assert sum(shares) == pytest.approx(1, abs=1e-4)
    assert table["p"][0] <= 1 - table["p_nothing"][0] + 1e-6


def test_close_rivals_and_lines_at_the_end_are_flagged(ask):
    rivals = ask(spectrum(0.32, GALAXY), ("galaxy", 0.32, 6.0), ("galaxy", 1.1, 5.5))
    assert rivals["flags"][0] == PredictionFlag.AMBIGUOUS
    z = 9345 / to_air(LINES["HALPHA"].wave, "vacuum") - 1
    end = ask(spectrum(z, {**GALAXY, "HALPHA": 200}), ("galaxy", z, 9.0))
    assert end["flags"][0] == PredictionFlag.EDGE


@pytest.mark.parametrize(("logit", "blend"), [(12.0, True), (7.5, False), (5.0, False)])
def test_a_second_object_takes_the_second_place(ask, logit, blend):
    table = ask(spectrum(0.32, GALAXY), ("galaxy", 0.32, 9.0), ("galaxy", 1.1, 7.0), ("second", 0.7, logit))
    assert table["z"][0] == pytest.approx(0.32, abs=1e-4)
    assert bool(table["flags"][0] & PredictionFlag.BLEND) == blend
    assert table["z_2"][0] == pytest.approx(0.7 if blend else 1.1, abs=2e-3)
    assert not blend or table["z_3"][0] == pytest.approx(1.1, abs=2e-3)


def test_either_of_two_objects_that_are_alike_is_a_right_answer(ask):
    alike = ("galaxy", 0.32, 9.0), ("galaxy", 0.7, 8.9)
    alone = ask(spectrum(0.32, GALAXY), *alike)[0]
    assert alone["p"] == pytest.approx(0.52, abs=0.02)
    assert alone["flags"] & PredictionFlag.AMBIGUOUS
    both = ask(spectrum(0.32, GALAXY), *alike, ("second", 0.7, 14.0))[0]
    assert both["p"] > 0.95
    assert both["p_2"] > 0.95
    assert both["flags"] & PredictionFlag.BLEND
    assert not both["flags"] & PredictionFlag.AMBIGUOUS


def test_a_suspected_object_is_confirmed_by_a_second_look(ask):
    peaks = ("galaxy", 0.32, 9.0), ("second", 0.7, 7.5)
    assert not ask(spectrum(0.32, GALAXY), *peaks)["flags"][0] & PredictionFlag.BLEND
    (row,) = ask(spectrum(0.32, GALAXY), *peaks, masked=(("galaxy", 0.7, 9.0),))
    assert row["flags"] & PredictionFlag.BLEND
    assert row["z_2"] == pytest.approx(0.7, abs=2e-3)


@pytest.mark.parametrize(
    ("z", "p", "flag"), [(0.321, 0.9, 0), (1.1, 0.9, PredictionFlag.DISAGREES), (1.1, 0.3, 0), (np.nan, np.nan, 0)]
)
def test_another_redshift_of_the_templates_is_flagged(ask, monkeypatch, z, p, flag):
    numbers = {"z": np.ma.masked_invalid([z]), "p": np.ma.masked_invalid([p])}
    answer = Redshifts.from_columns({"id": ["a"], "class": ["galaxy"], **numbers})
    monkeypatch.setattr("museml.classifiers.nmf.NMFClassifier.predict", lambda self, batch: answer)
    assert ask(spectrum(0.32, GALAXY), ("galaxy", 0.32, 9.0), cross_check=True)["flags"][0] == flag
    assert ask(spectrum(0.32, GALAXY), ("galaxy", 0.32, 9.0))["flags"][0] == 0


def test_a_second_object_is_named_once(ask):
    peaks = ("galaxy", 0.32, 9.0), ("galaxy", 0.7, 8.5), ("galaxy", 1.1, 5.0), ("second", 0.7, 12.0)
    (row,) = ask(spectrum(0.32, GALAXY), *peaks)
    assert [row["z_2"], row["z_3"]] == pytest.approx([0.7, 1.1], abs=2e-3)


def test_a_prior_shifts_the_weight(ask):
    peaks = ("galaxy", 0.5, 7.0), ("galaxy", 3.0, 7.5)
    low = {"z": [0, 1, 1.01, 7], "weight": [1, 1, 0.01, 0.01]}
    assert ask(spectrum(0.5, {}), *peaks)["z"][0] == pytest.approx(3, abs=0.01)
    assert ask(spectrum(0.5, {}), *peaks, prior=low)["z"][0] == pytest.approx(0.5, abs=0.01)
    assert ask(spectrum(0.5, {}), *peaks, prior=low)["pz"][0].sum() <= 1 + 1e-5


def test_rows_without_information_are_unknown(ask):
    good = spectrum(0.32, GALAXY)
    values, mask = np.repeat(good.values, 4, axis=0), np.zeros((4, len(MUSE)), bool)
    values[2], mask[1], mask[3, :3600] = 0, True, True
    flags = np.array([0, PredictionFlag.NO_DATA, PredictionFlag.CONSTANT, 0], np.int32)
    errors = np.repeat(good.errors, 4, axis=0)
    batch = replace(good, ids=tuple("abcd"), values=values, errors=errors, mask=mask, flags=flags, lines=(None,) * 4)
    table = ask(batch, ("galaxy", 0.32, 9.0))
    assert list(table["class"]) == ["galaxy", "unknown", "unknown", "unknown"]
    assert list(np.ma.getmaskarray(table["z"])) == [False, True, True, True]
    assert all(flag & PredictionFlag.NO_DATA for flag in table["flags"][[1, 3]])
    assert table["pz"][1:].sum() == 0


def test_gaps_make_the_redshift_less_exact(ask):
    batch = spectrum(0.32, GALAXY)
    mask = np.random.default_rng(3).random(batch.mask.shape) < 0.5
    values, errors = (np.where(mask, 0, part) for part in (batch.values, batch.errors))
    (row,) = ask(replace(batch, values=values, errors=errors, mask=mask), ("galaxy", 0.32, 9.0))
    assert 1e-4 < row["z_err"] < 5e-4
    assert abs(row["z"] - 0.32) < 2 * row["z_err"]


def test_half_a_window_is_low_coverage(ask):
    batch = spectrum(0.32, GALAXY, wave=MUSE[2000:3400])
    (row,) = ask(batch, ("galaxy", 0.32, 9.0))
    assert row["flags"] & PredictionFlag.LOW_COVERAGE
    assert abs(row["z"] - 0.32) < 1e-3


def test_what_is_no_model_for_redshifts_is_refused(tmp_path):
    with pytest.raises(SettingError, match="model must be the name or the file of a model, not 3"):
        RedshiftClassifier(model=3).check_settings()
    with pytest.raises(UnknownNameError, match="no model named 'redhsift'"):
        RedshiftClassifier(model="redhsift").check_settings()
    with pytest.raises(SettingError, match="cross_check must be true or false"):
        RedshiftClassifier(cross_check="yes").check_settings()
    with pytest.raises(ModelError, match="'redshift' must have the classes galaxy, QSO, star, nothing; 'reality' has"):
        RedshiftClassifier(model="reality").classify(spectrum(0.3, {}))


def test_without_tensorflow_other_classifiers_are_named(ask, monkeypatch):
    def missing(self, batch):
        raise MissingPackageError("networks need the packages keras and tensorflow")

    monkeypatch.setattr(Oracle, "outputs", missing)
    with pytest.raises(MissingPackageError, match="keras and tensorflow, or choose the classifier 'nmf' or 'lines'"):
        ask(spectrum(0.3, {}), ("galaxy", 0.3, 9.0))

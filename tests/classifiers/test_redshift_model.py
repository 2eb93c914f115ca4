"""The classifier 'redshift' with the model that is shipped."""

from dataclasses import replace
from pathlib import Path

import mpdaf
import numpy as np
import pytest
from astropy import units as u
from astropy.nddata import StdDevUncertainty
from astropy.table import QTable
from mpdaf.obj import Cube, Spectrum, WaveCoord
from mpdaf.sdetect import Source

from museml import Batch
from museml.classifiers.redshift import RedshiftClassifier
from museml.data.line_profiles import line_sigma
from museml.data.linelist import LINES
from museml.data.spectral import to_air, to_vacuum
from museml.errors import InputError, MusemlWarning, PredictionFlag
from museml.simulation.spectra import MUSE, Instrument, simulate_spectra

WAVE = 4750 + 1.25 * np.arange(3681)
UNIT = u.Unit("1e-20 erg / (s cm2 Angstrom)")
GALAXY = {"HALPHA": 60, "NII6585": 18, "HBETA": 20, "OIII5008": 45, "OIII4960": 15, "OII3727": 20, "OII3729": 26}
Z = 0.42
SHORT = Instrument("600 channels", WAVE[:600], "air", MUSE.fwhm)


@pytest.fixture(scope="module")
def classifier():
    return RedshiftClassifier()


def spectrum(z, lines, level=1.0, seed=0):
    """Return a Batch of one spectrum in unit noise, with lines of given flux."""
    values = np.random.default_rng(seed).normal(level, 1.0, len(WAVE))
    for name, flux in lines.items():
        centre = float(to_air(LINES[name].wave * (1 + z), "vacuum"))
        sigma = float(line_sigma(np.array(centre), 60.0))
        values += flux / (sigma * np.sqrt(2 * np.pi)) * np.exp(-0.5 * ((WAVE - centre) / sigma) ** 2)
    shape = (1, len(WAVE))
    errors, mask = np.ones(shape, np.float32), np.zeros(shape, bool)
    return Batch(("a",), values[None].astype(np.float32), errors, mask, WAVE * u.AA, "air", UNIT)


@pytest.fixture(scope="module")
def galaxy():
    return spectrum(Z, GALAXY)


def in_vacuum(batch):
    return replace(batch, axis=to_vacuum(batch.axis.value, "air") * u.AA, medium="vacuum")


def cut(batch, low=5000, high=8500):
    part = slice(*np.searchsorted(batch.axis.value, [low, high]))
    arrays = {name: getattr(batch, name)[:, part] for name in ("values", "errors", "mask")}
    return replace(batch, axis=batch.axis[part], **arrays)


def binned(batch):
    pairs = [part[:, :3680].reshape(1, -1, 2) for part in (batch.values, batch.errors)]
    values, errors = pairs[0].mean(axis=2), np.sqrt((pairs[1] ** 2).sum(axis=2)) / 2
    axis = batch.axis[:3680].reshape(-1, 2).mean(axis=1)
    return replace(batch, values=values, errors=errors, mask=np.zeros(values.shape, bool), axis=axis)


def uneven(batch):
    kept = np.sort(np.random.default_rng(1).choice(len(WAVE), 3200, replace=False))
    arrays = {name: getattr(batch, name)[:, kept] for name in ("values", "errors", "mask")}
    return replace(batch, axis=batch.axis[kept], **arrays)


def as_specutils(batch):
    from specutils import Spectrum as AstroSpectrum

    wave = batch.axis[::-1].to(u.nm)  # and decreasing
    error = StdDevUncertainty(batch.errors[0, ::-1])
    return AstroSpectrum(batch.values[0, ::-1] * UNIT, wave, uncertainty=error, meta={"medium": "air"})


def as_table(batch):
    columns = {"wave": batch.axis.to(u.nm), "flux": batch.values[0] * 1e9, "ivar": 1e-18 / batch.errors[0] ** 2}
    return QTable(columns, meta={"medium": "air"})  # the flux has no unit


@pytest.mark.parametrize("form", [in_vacuum, cut, binned, uneven, as_specutils, as_table])
def test_the_form_of_a_spectrum_does_not_change_its_redshift(classifier, galaxy, form):
    whole, other = classifier.classify(galaxy)[0], classifier.classify(form(galaxy))[0]
    assert whole["class"] == other["class"] == "galaxy"
    assert abs(whole["z"] - Z) < 4 * whole["z_err"] < 8e-4
    assert abs(other["z"] - whole["z"]) < 2 * np.hypot(whole["z_err"], other["z_err"])
    assert min(whole["p"], other["p"]) > 0.99


def masked(batch):
    mask = np.random.default_rng(2).random(batch.mask.shape) < 0.5
    values, errors = (np.where(mask, 0, part) for part in (batch.values, batch.errors))
    return replace(batch, values=values, errors=errors, mask=mask)


def without_errors(batch):
    return QTable({"wave": batch.axis, "flux": batch.values[0] * UNIT}, meta={"medium": "air"})


def struck(batch):
    values = batch.values.copy()
    values[0, [500, 1700, 3000]] = 100 * values.max()
    return replace(batch, values=values)


def sunk(batch):
    return replace(batch, values=batch.values - 3)


@pytest.mark.parametrize(
    ("form", "flag"),
    [
        (masked, PredictionFlag.LOW_COVERAGE),
        (without_errors, PredictionFlag.ESTIMATED_ERRORS),
        (struck, 0),
        (sunk, 0),
    ],
)
def test_a_damaged_spectrum_has_the_same_redshift_and_a_flag(classifier, galaxy, form, flag):
    (row,) = classifier.classify(form(galaxy))
    assert row["z"] == pytest.approx(Z, abs=5e-4)
    assert row["p"] > 0.9
    assert row["flags"] & flag == flag


@pytest.mark.parametrize(
    ("values", "flag"), [(np.full(3681, np.nan), PredictionFlag.NO_DATA), (np.zeros(3681), PredictionFlag.CONSTANT)]
)
def test_no_information_gives_unknown(classifier, values, flag):
    axis = WaveCoord(crval=4750.0, cdelt=1.25, ctype="AWAV", cunit=u.AA, shape=3681)
    with pytest.warns(MusemlWarning, match="is left out"):
        (row,) = classifier.classify(Spectrum(data=values, var=np.ones(3681), wave=axis))
    assert row["class"] == "unknown"
    assert np.ma.is_masked(row["z"])
    assert row["flags"] & flag


def test_a_short_or_upside_down_spectrum_gets_no_sure_redshift(classifier, galaxy):
    (short,) = classifier.classify(cut(galaxy, 5000, 5100))
    assert short["class"] == "unknown"
    assert short["flags"] & PredictionFlag.NO_DATA
    (negative,) = classifier.classify(replace(galaxy, values=-galaxy.values))
    assert negative["p"] < 0.9


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"wave": WAVE * u.s}, "unit of length"),
        ({"wave": WAVE[::-1] * u.AA}, "must increase"),
        ({"meta": {}}, "air or in vacuum"),
    ],
)
def test_what_cannot_be_understood_is_an_error(classifier, change, reason):
    columns = {"wave": change.get("wave", WAVE * u.AA), "flux": np.ones(len(WAVE)) * UNIT}
    with pytest.raises(InputError, match=reason):
        classifier.classify(QTable(columns, meta=change.get("meta", {"medium": "air"})))


def test_two_galaxies_in_one_spectrum_are_both_found(classifier, galaxy):
    other = spectrum(0.2, {name: 0.8 * flux for name, flux in GALAXY.items()}, seed=1)
    both = replace(galaxy, values=galaxy.values + other.values, errors=galaxy.errors * np.float32(np.sqrt(2)))
    (row,) = classifier.classify(both)
    assert row["flags"] & PredictionFlag.BLEND
    assert sorted([row["z"], row["z_2"]]) == pytest.approx([0.2, Z], abs=1e-3)


def test_probabilities_of_simulations_mean_what_they_say(classifier):
    batch, truth = simulate_spectra(200, seed=77, snr=(4.0, 100.0))
    table = classifier.classify(batch)
    z, p = np.ma.filled(truth["z"], -9.0), np.ma.filled(table["p"], 0)
    right = np.abs(np.ma.filled(table["z"], 9) - z) < 0.005 * (1 + z)
    sure = p > 0.9
    assert right[sure].mean() > 0.97
    assert sure.mean() > 0.4
    assert p.mean() == pytest.approx(right.mean(), abs=0.08)
    bright = (truth["snr_cont"] > 3) & (truth["class"] == "star")
    assert np.mean(table["class"][bright] == "star") > 0.7


def test_probabilities_hold_for_short_ranges_of_wavelength(classifier):
    batch, truth = simulate_spectra(120, seed=78, snr=(5.0, 200.0), instrument=SHORT)
    table = classifier.classify(batch)
    z, p = np.ma.filled(truth["z"], -9.0), np.ma.filled(table["p"], 0)
    right = np.abs(np.ma.filled(table["z"], 9) - z) < 0.005 * (1 + z)
    assert np.all(table["flags"] & PredictionFlag.LOW_COVERAGE)
    assert right[p > 0.9].mean() > 0.9
    assert p.mean() == pytest.approx(right.mean(), abs=0.12)


def test_the_galaxy_in_abell_478_and_its_lines():
    cube = Cube(str(Path(mpdaf.__file__).parent / "data" / "sdetect" / "minicube.fits"))
    source = Source.from_data(1, 63.35, 10.46, ("museml", "1", "minicube.fits", ""), extras={"REFSPEC": "MUSE_TOT"})
    source.spectra["MUSE_TOT"] = cube[:, 17:22, 17:22].sum(axis=(1, 2))
    (row,) = source.classify("redshift")
    assert row["z"] == pytest.approx(0.0858, abs=0.0015)
    assert (row["class"], row["p"] > 0.99) == ("galaxy", True)
    assert {"HALPHA", "NII6585", "SII6718", "NAD"} <= set(source.lines["LINE"])
    absorbed = source.lines["FLUX"][source.lines["LINE"] == "NAD"]
    assert absorbed[0] < 0

from functools import partial

import numpy as np
import pytest
from astropy import units as u
from astropy.table import Table

import museml
from museml import Batch, Redshifts
from museml.classifiers.line_evidence import set_evidence
from museml.classifiers.line_filter import continuum, local_scatter
from museml.classifiers.line_fit import identify_lines
from museml.classifiers.lines import LineClassifier
from museml.classifiers.posterior import Posterior
from museml.classifiers.redshift_grid import FINE, LNZ, N_CELLS, cells, shifted
from museml.data.line_profiles import line_sigma
from museml.data.linelist import LINES
from museml.data.spectral import to_air
from museml.errors import PredictionFlag, SettingError
from museml.simulation.spectra import IDEAL, simulate_spectra

WAVE = 4750 + 1.25 * np.arange(3681)
classify = partial(museml.classify, classifier="lines")


def spectrum(z, lines, noise=1.0, level=0.0, seed=0, medium="air", width=80.0, detected=None):
    """Make a Batch of one spectrum with lines of given flux."""
    rng = np.random.default_rng(seed)
    values = rng.normal(level, noise, len(WAVE))
    for name, flux in lines.items():
        centre = LINES[name].wave * (1 + z)
        centre = to_air(centre, "vacuum") if medium == "air" else centre
        sigma = float(line_sigma(centre, width))
        values += flux / (sigma * np.sqrt(2 * np.pi)) * np.exp(-0.5 * ((WAVE - centre) / sigma) ** 2)
    errors = np.full((1, len(WAVE)), noise, np.float32)
    mask = np.zeros((1, len(WAVE)), bool)
    return Batch(("a",), values[None].astype(np.float32), errors, mask, WAVE * u.AA, medium, lines=(detected,))


GALAXY = {"HALPHA": 60, "NII6585": 18, "HBETA": 20, "OIII5008": 30, "OIII4960": 10, "OII3727": 20, "OII3729": 26}


@pytest.mark.parametrize("medium", ["air", "vacuum"])
@pytest.mark.parametrize("z", [0.0858, 0.32, 0.71])
def test_redshift_of_a_galaxy_whatever_the_medium(z, medium):
    (row,) = classify(spectrum(z, GALAXY, medium=medium))
    assert row["class"] == "galaxy"
    assert row["z"] == pytest.approx(z, abs=1e-4 * (1 + z))
    assert abs(row["z"] - z) < 5 * row["z_err"]
    assert row["p"] > 0.99


def test_a_forgotten_medium_shows_as_83_km_s():
    air = spectrum(0.32, GALAXY)
    wrong = Batch(air.ids, air.values, air.errors, air.mask, air.axis, "vacuum")
    assert classify(air)["z"][0] - classify(wrong)["z"][0] == pytest.approx(2.77e-4 * 1.32, rel=0.1)


def test_one_narrow_line_is_ambiguous_and_shows_in_p_of_z():
    answer = classify(spectrum(0.0, {}, seed=3))
    assert answer["class"][0] == "unknown"
    one = spectrum(6500 / 1216 - 1, {"LYALPHA": 22}, seed=3)
    answer = classify(one)
    assert answer["p"][0] < 0.95
    assert answer["flags"][0] & PredictionFlag.AMBIGUOUS
    z = np.expm1(answer.meta["LNZ0"] + answer.meta["DLNZ"] * np.arange(N_CELLS))
    lya = answer["pz"][0][np.abs(z - 4.345) < 0.03].sum()
    oii = answer["pz"][0][np.abs(z - 0.743) < 0.01].sum()
    assert lya > 0.01
    assert oii > 0.001


def test_resolved_oii_doublet_is_not_lya():
    z = 1.2
    answer = classify(spectrum(z, {"OII3727": 40, "OII3729": 54}, width=40))
    assert answer["z"][0] == pytest.approx(z, abs=5e-4)
    assert answer["p"][0] > 0.9


def test_pz_adds_up_to_the_chance_that_there_is_a_redshift():
    answer = classify(spectrum(0.32, GALAXY))
    assert answer["pz"].dtype == np.float32
    assert answer["pz"][0].sum() == pytest.approx(1, abs=1e-3)
    peak = np.expm1(answer.meta["LNZ0"] + answer.meta["DLNZ"] * np.argmax(answer["pz"][0]))
    assert peak == pytest.approx(0.32, abs=1e-3)
    assert classify(spectrum(0, {}))["pz"][0].sum() < 0.5


def test_lines_found_in_the_cube_help():
    weak = {"OIII5008": 9.0, "OIII4960": 3.0, "HBETA": 3.0}
    alone = classify(spectrum(0.4, weak, seed=1))["p"][0]
    wave = to_air([LINES[name].wave * 1.4 for name in weak], "vacuum")
    lines = Table({"LBDA_OBS": wave, "FLUX": list(weak.values()), "FLUX_ERR": [0.5] * 3})
    answer = classify(spectrum(0.4, weak, seed=1, detected=lines))
    assert answer["p"][0] > alone
    assert answer["z"][0] == pytest.approx(0.4, abs=1e-3)


def test_masked_and_constant_rows_keep_their_place():
    good = spectrum(0.32, GALAXY)
    values, mask = np.repeat(good.values, 3, axis=0), np.zeros((3, len(WAVE)), bool)
    mask[1] = True
    flags = np.array([0, 0, PredictionFlag.CONSTANT], np.int32)
    answer = classify(Batch(tuple("abc"), values, np.repeat(good.errors, 3, 0), mask, good.axis, "air", flags=flags))
    assert list(answer["id"]) == ["a", "b", "c"]
    assert list(answer["z"].mask) == [False, True, True]
    assert answer["flags"][1] == PredictionFlag.NO_DATA
    assert answer["pz"][1].sum() == 0


@pytest.mark.parametrize("masked", [False, True], ids=["short", "masked"])
def test_a_few_pixels_say_nothing(masked):
    batch = spectrum(0.32, GALAXY)
    few = slice(1000, 1005)
    if masked:
        batch.mask[0, :1000] = batch.mask[0, 1005:] = True
    else:
        parts = batch.values[:, few], batch.errors[:, few], batch.mask[:, few]
        batch = Batch(batch.ids, *parts, batch.axis[few], "air")
    (row,) = classify(batch)
    assert row["class"] == "unknown"
    assert row["flags"] & PredictionFlag.NO_DATA
    assert np.ma.is_masked(row["z"])


def test_gaps_do_not_matter():
    batch = spectrum(0.32, GALAXY)
    batch.mask[0, 1000:1400] = True
    batch.values[batch.mask] = batch.errors[batch.mask] = 0
    assert classify(batch)["z"][0] == pytest.approx(0.32, abs=2e-4)


def test_stars_can_be_left_out_and_z_be_limited():
    batch = spectrum(0.71, GALAXY)
    assert classify(batch, z_max=0.5)["z"][0] < 0.5
    star, _ = simulate_spectra(1, seed=1, kinds=["star"], snr=(400, 401))
    assert classify(star)["class"][0] == "star"
    assert classify(star, stars=False)["class"][0] != "star"
    with pytest.raises(SettingError, match=r"z_max must be a number from 0.001 to 6.7, not 9"):
        classify(batch, z_max=9)


def test_line_at_the_end_is_flagged():
    z = 9345 / to_air(LINES["HALPHA"].wave, "vacuum") - 1
    answer = classify(spectrum(z, {**GALAXY, "HALPHA": 200}))
    assert answer["z"][0] == pytest.approx(z, abs=1e-3)
    assert answer["flags"][0] & PredictionFlag.EDGE


def test_probabilities_mean_what_they_say():
    batch, truth = simulate_spectra(80, seed=5)
    answer = classify(batch)
    z = np.ma.filled(truth["z"], -9.0)
    right = np.abs(np.asarray(answer["z"]) - z) < 0.005 * (1 + z)
    p = np.asarray(answer["p"])
    assert p.mean() == pytest.approx(right.mean(), abs=0.1)
    assert right[p > 0.9].mean() > 0.9
    assert right[p < 0.3].mean() < 0.45


def test_nothing_is_unknown():
    batch, _ = simulate_spectra(10, seed=2, kinds=["nothing"], conditions=IDEAL)
    answer = classify(batch)
    assert np.mean(answer["class"] == "unknown") >= 0.9
    assert np.all(answer["p"] < 0.9)


def test_quasar_by_its_broad_lines():
    from museml.data.absorption import GALAXIES, transmission

    quasar = next(absorber for absorber in GALAXIES if absorber.name == "quasar")
    batch = spectrum(0.0, {}, level=0.0)
    shape = transmission(quasar, WAVE / 2.5)
    values = batch.values + 10 * shape[None].astype(np.float32)
    answer = classify(Batch(("q",), values, batch.errors, batch.mask, batch.axis, "vacuum"))
    assert answer["z"][0] == pytest.approx(1.5, abs=0.01)
    assert answer["class"][0] == "galaxy"


def test_identified_lines_have_mpdafs_columns_and_true_fluxes():
    table = identify_lines(spectrum(0.32, GALAXY), 0.3202)
    assert table.colnames == [
        "LINE", "LBDA_OBS", "LBDA_OBS_ERR", "FWHM_OBS", "FWHM_OBS_ERR", "FLUX", "FLUX_ERR", "LINE_LBDA",
    ]  # fmt: skip
    halpha = table[table["LINE"] == "HALPHA"][0]
    assert abs(halpha["FLUX"] - 60) < 4 * halpha["FLUX_ERR"]
    assert halpha["LBDA_OBS"] == pytest.approx(to_air(LINES["HALPHA"].wave * 1.32, "vacuum"), abs=0.3)
    assert set(table["LINE"]) >= {"HALPHA", "NII6585", "HBETA", "OIII5008"}
    assert all(column.dtype.kind in "Uf" and column.dtype != np.float32 for column in table.columns.values())
    assert len(identify_lines(spectrum(0.0, {}, seed=8), 6.0)) <= 1


def test_answer_is_a_table_of_redshifts_with_provenance():
    answer = LineClassifier(z_max=2.0).classify(spectrum(0.32, GALAXY))
    assert isinstance(answer, Redshifts)
    assert answer.meta["PLUGIN"] == "lines"
    assert '"z_max": 2.0' in answer.meta["SETTINGS"]


def test_an_absent_line_counts_against_a_set():
    scale, ratios, scatters = np.ones((2, 1)), np.array([1.0, 0.335]), np.array([0.3, 0.3])
    both = set_evidence(np.array([[30.0], [10.0]]), scale, ratios, scatters)
    absent = set_evidence(np.array([[30.0], [0.0]]), scale, ratios, scatters)
    assert both[0] - absent[0] > 50
    assert set_evidence(np.zeros((2, 1)), scale, ratios, scatters)[0] == -np.inf


def test_continuum_follows_to_the_ends():
    flux = np.random.default_rng(0).normal(0, 1, len(WAVE)) + WAVE / 100
    flux[-1] += 50
    level = continuum(WAVE, flux, np.zeros(len(WAVE), bool))
    assert np.abs(level - WAVE / 100).max() < 1


def test_scatter_ignores_outliers():
    snr = np.random.default_rng(0).normal(0, 1.7, 3000)
    snr[::20] = 100
    np.testing.assert_allclose(local_scatter(snr, np.ones(3000, bool)), 1.8, atol=0.35)


def test_shifted_fills_with_zeros():
    values = np.arange(1.0, 11.0)
    np.testing.assert_array_equal(shifted(values, 4)[:7], [5, 6, 7, 8, 9, 10, 0])
    np.testing.assert_array_equal(shifted(values, -2)[:4], [0, 0, 1, 2])
    assert cells(np.ones(len(LNZ))).sum() == len(LNZ)


def test_modes_are_distinct_and_hold_their_share():
    galaxy = np.full(len(LNZ), -np.inf)
    galaxy[[1000, 1010, 5000, 9000]] = np.log(0.4), np.log(0.2), np.log(0.3), -2000
    first, second, third = Posterior(galaxy, np.full(len(LNZ), -np.inf)).modes(4)
    assert (first.p, second.p, third.p) == pytest.approx((0.6, 0.3, 0.0))
    assert second.lnz - first.lnz == pytest.approx(4000 * FINE)
    assert third.lnz == LNZ[9000]


def test_sunlight_left_in_the_sky_is_no_star():
    from museml.data.absorption import STARS, transmission

    shape = transmission(STARS[2], WAVE * 1.00028)[None].astype(np.float32)
    blank = spectrum(0.0, {}, seed=4)
    faint, bright = (
        Batch(("s",), blank.values + level * shape, blank.errors, blank.mask, blank.axis, "air") for level in (2.5, 20)
    )
    assert classify(bright)["class"][0] == "star"
    assert classify(bright)["p"][0] > 0.95
    assert classify(faint)["p"][0] < 0.9

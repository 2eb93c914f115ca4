import numpy as np
import pytest

from museml.errors import SettingError
from museml.simulation.spectra import (
    IDEAL,
    INSTRUMENTS,
    KINDS,
    MUSE,
    Conditions,
    Instrument,
    degrade,
    draw_objects,
    simulate_spectra,
)

LYA = 1215.67


@pytest.fixture(scope="module")
def mixed():
    return simulate_spectra(60, seed=1, blends=0.3)


def test_same_seed_same_spectra(mixed):
    batch, truth = mixed
    again, same = simulate_spectra(60, seed=1, blends=0.3)
    np.testing.assert_array_equal(batch.values, again.values)
    assert list(truth["id"]) == list(batch.ids) == list(same["id"])


def test_other_seed_other_spectra(mixed):
    assert not np.array_equal(mixed[0].values, simulate_spectra(60, seed=2)[0].values)


def test_truth_has_a_row_for_each_spectrum_and_fixed_columns(mixed):
    names = "id class kind z line z_2 blend snr_line snr_cont exposure_hours"
    assert mixed[1].colnames == names.split()
    assert len(mixed[1]) == len(mixed[0]) == 60


def test_nothing_has_no_redshift_and_stars_a_small_one(mixed):
    _, truth = mixed
    assert set(truth["kind"]) <= set(KINDS)
    assert np.all(np.ma.getmaskarray(truth["z"]) == (truth["class"] == "nothing"))
    assert np.all(np.abs(truth["z"][truth["class"] == "star"]) < 0.005)


def test_blends_have_a_second_redshift_and_others_none(mixed):
    _, truth = mixed
    assert 3 < np.sum(truth["blend"]) < 40
    assert np.all(np.ma.getmaskarray(truth["z_2"]) != truth["blend"])
    assert not np.any(truth["blend"] & (truth["class"] == "nothing"))


def test_truth_tells_the_signal_to_noise_ratio_of_the_line():
    batch, truth = simulate_spectra(8, seed=2, kinds=["lya"], snr=(100, 101), conditions=IDEAL)
    vacuum = MUSE.vacuum
    for values, errors, row in zip(batch.values, batch.errors, truth, strict=True):
        if row["line"] != "LYALPHA":
            continue
        peak = LYA * (1 + row["z"])
        near, red = np.abs(vacuum - peak) < 30, (vacuum > peak + 40) & (vacuum < peak + 150)
        excess = values[near] - np.median(values[red])
        assert np.sqrt(np.sum((excess / errors[near]) ** 2)) == pytest.approx(row["snr_line"], rel=0.3)


def test_lyman_forest_dims_the_blue_side():
    batch, truth = simulate_spectra(30, seed=4, kinds=["lya"], snr=(3000, 3001), conditions=IDEAL)
    vacuum, dimmed = MUSE.vacuum, []
    for values, row in zip(batch.values, truth, strict=True):
        lya = LYA * (1 + row["z"])
        blue, red = (vacuum > 0.9 * lya) & (vacuum < 0.97 * lya), (vacuum > 1.05 * lya) & (vacuum < 1.2 * lya)
        if blue.sum() > 100 and red.sum() > 100:
            dimmed.append(np.median(values[blue]) < np.median(values[red]))
    assert len(dimmed) > 5
    assert np.mean(dimmed) > 0.8


def test_noise_falls_with_exposure_time():
    short, _ = simulate_spectra(2, seed=1, kinds=["nothing"], exposure_hours=1, conditions=IDEAL)
    long, _ = simulate_spectra(2, seed=1, kinds=["nothing"], exposure_hours=4, conditions=IDEAL)
    ratio = np.median(short.errors, axis=1) / np.median(long.errors, axis=1)
    np.testing.assert_allclose(ratio, 2, rtol=1e-4)


def test_fluxes_on_the_sky_do_not_depend_on_the_exposure():
    dull, _ = simulate_spectra(3, seed=1, kinds=["passive"], exposure_hours=10, snr=None, conditions=IDEAL)
    deep, _ = simulate_spectra(3, seed=1, kinds=["passive"], exposure_hours=10_000, snr=None, conditions=IDEAL)
    noise = np.median(dull.errors, axis=1) / np.sqrt(500)
    assert np.all(np.abs(np.mean(dull.values - deep.values, axis=1)) < noise)


@pytest.mark.parametrize("instrument", INSTRUMENTS.values(), ids=INSTRUMENTS)
def test_spectra_have_the_axis_of_the_instrument(instrument):
    batch, _ = simulate_spectra(3, seed=1, instrument=instrument)
    np.testing.assert_array_equal(batch.axis.to_value("Angstrom"), instrument.wave)
    assert batch.medium == instrument.medium
    assert np.all(np.isfinite(batch.values))
    assert np.all(batch.errors[~batch.mask] > 0)


def test_any_axis_makes_an_instrument():
    own = Instrument.from_axis(np.linspace(5000, 8000, 700), "vacuum", fwhm=9.0)
    batch, _ = simulate_spectra(2, seed=1, instrument=own)
    assert batch.values.shape == (2, 700)
    assert own.lsf([6000.0]) == pytest.approx([9.0])


def test_objects_are_normalised_to_significance_one():
    objects = draw_objects(20, np.random.default_rng(1), {"star": 1})
    snr = objects.flux / MUSE.sigma
    np.testing.assert_allclose(7 * np.sqrt(np.mean(snr**2, axis=1)), 1, rtol=0.2)


def test_unknown_kind():
    with pytest.raises(SettingError, match="no kind of spectrum is called 'quasr'; known: star_forming"):
        simulate_spectra(1, kinds=["quasr"])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n": -1}, "n must be a whole number from 0, not -1"),
        ({"seed": "one"}, "seed must be a whole number from 0, several of them, or a Generator, not 'one'"),
        ({"snr": (0, 5)}, r"snr must be two numbers from 1e-06, the lower one first, not \(0, 5\); give for example"),
        ({"snr": 10}, "snr must be two numbers from 1e-06, the lower one first, not 10"),
        ({"exposure_hours": -1}, "exposure_hours must be two numbers from 1e-06"),
        ({"blends": 2}, "blends must be a number from 0 to 1, not 2"),
        ({"kinds": {"star": -1, "qso": 2}}, "shares of kinds must be numbers from 0, some above 0"),
        ({"instrument": "MUSE"}, "instrument must be an Instrument, not 'MUSE'; take INSTRUMENTS"),
        ({"conditions": {"gaps": 0}}, "conditions must be Conditions, not {'gaps': 0}"),
    ],
)
def test_impossible_settings(settings, message):
    with pytest.raises(SettingError, match=message):
        simulate_spectra(**{"n": 2, **settings})


def test_impossible_conditions():
    with pytest.raises(SettingError, match=r"correlation must be two numbers from -0\.5 to 0\.5, the lower one first"):
        Conditions(correlation=(0.1, 0.7))
    with pytest.raises(SettingError, match=r"notch must be a number from 0 to 1, not 2; give for example 0\.1"):
        Conditions(notch=2)


def test_a_kind_may_be_given_by_its_name():
    _, truth = simulate_spectra(3, kinds="passive")
    assert set(truth["kind"]) == {"passive"}


def test_no_spectra_are_an_empty_table():
    batch, truth = simulate_spectra(0)
    assert batch.values.shape == (0, len(MUSE))
    assert len(truth) == 0


def test_no_spectra_where_the_library_has_no_light():
    infrared = Instrument.from_axis(np.arange(9000, 12000, 10.0), "vacuum", name="infrared")
    with pytest.raises(SettingError, match=r"from 3401 to 10000 Angstrom .* 'infrared' covers 8995 to 11995"):
        simulate_spectra(2, instrument=infrared)


def test_lines_must_have_a_width():
    with pytest.raises(SettingError, match=r"fwhm must be a number from 0\.001, not -1"):
        Instrument.from_axis([5000.0, 5001.0], "air", fwhm=-1)


def test_axis_must_increase():
    with pytest.raises(SettingError, match="wave must be a row of increasing wavelengths; instrument 'odd'"):
        Instrument.from_axis([5000.0, 4900.0], "air", name="odd")


def test_a_shallower_spectrum_has_more_noise_and_says_so():
    batch, _ = simulate_spectra(20, seed=1, kinds=["nothing"], conditions=IDEAL)
    shallow = degrade(batch, 10, seed=2)
    pull = shallow.values / shallow.errors
    assert pull.std() == pytest.approx(1, abs=0.02)
    np.testing.assert_allclose(shallow.errors, np.sqrt(10) * batch.errors, rtol=1e-5)
    assert np.mean(pull[:, 1:] * pull[:, :-1]) == pytest.approx(0.2 * 0.9, abs=0.02)


def test_exposures_cannot_be_made_deeper(mixed):
    with pytest.raises(SettingError, match=r"factor must be 1 or more, the exposure is shortened by it; received 0\.5"):
        degrade(mixed[0], 0.5)


def test_neighbouring_channels_cannot_be_correlated_more_than_by_half(mixed):
    with pytest.raises(SettingError, match=r"correlation must be a number from -0\.5 to 0\.5, not 0\.7"):
        degrade(mixed[0], 2, correlation=0.7)

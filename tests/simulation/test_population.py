import numpy as np
import pytest

from museml.errors import SettingError
from museml.simulation.spectra.population import KINDS, SURVEY, draw


@pytest.fixture(scope="module")
def objects():
    return draw(np.random.default_rng(1), 4000)


def test_only_galaxies_have_a_mass_and_only_nothing_has_no_redshift(objects):
    kind = np.asarray(objects["kind"])
    assert set(kind) == set(KINDS)
    assert np.all(np.isnan(objects["mass"]) == np.isin(kind, ["qso", "star", "nothing"]))
    assert np.all(np.isnan(objects["z"]) == (kind == "nothing"))


def test_emitters_have_lya_in_the_range_and_star_forming_galaxies_have_not(objects):
    lya = 1215.67 * (1 + objects["z"])
    assert np.all((lya[objects["kind"] == "lya"] > 4749) & (lya[objects["kind"] == "lya"] < 9351))
    assert np.all(lya[objects["kind"] == "star_forming"] < 4751)


def test_range_of_another_instrument():
    emitters = draw(np.random.default_rng(2), 500, ["lya"], span=(3500, 6000))
    assert 1.87 < emitters["z"].min() < 1.95
    assert 3.8 < emitters["z"].max() < 3.94


def test_metallicity_rises_with_mass_and_falls_with_redshift(objects):
    galaxies = objects[objects["kind"] == "star_forming"]
    heavy, early = galaxies["mass"] > 10, galaxies["z"] > 1.5
    assert np.mean(galaxies["metallicity"][heavy]) > np.mean(galaxies["metallicity"][~heavy]) + 0.2
    assert np.mean(galaxies["metallicity"][~heavy & early]) < np.mean(galaxies["metallicity"][~heavy & ~early])


def test_ionisation_falls_with_metallicity(objects):
    galaxies = objects[objects["kind"] == "star_forming"]
    assert np.corrcoef(galaxies["metallicity"], galaxies["ionisation"])[0, 1] < -0.3


def test_lya_emitters_are_as_faint_as_in_deep_fields():
    emitters = draw(np.random.default_rng(3), 2000, ["lya"])
    density = 10 ** (-0.4 * (emitters["magnitude"] + 48.6)) * 2.998e18 / 7750**2 * 1e20
    line = density * emitters["lya"] * (1 + emitters["z"]) * (7750 / 1215.67 / (1 + emitters["z"])) ** 2
    assert np.percentile(line, [5, 50, 95]) == pytest.approx([205, 710, 2500], rel=0.15)


def test_mix_of_a_survey_has_mostly_emitters():
    kind = draw(np.random.default_rng(4), 3000, SURVEY)["kind"]
    assert np.mean(np.isin(kind, ["star_forming", "lya"])) > 0.8


def test_unknown_kind():
    with pytest.raises(SettingError, match="no kind of spectrum is called 'elf'; known: star_forming"):
        draw(np.random.default_rng(1), 3, ["elf"])

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from astropy import units as u
from scipy.optimize import nnls

from museml import Batch, classify
from museml.classifiers.nmf import NMFClassifier
from museml.classifiers.nmf_basis import Basis, load_basis
from museml.classifiers.nmf_fit import Scanner
from museml.classifiers.nmf_grid import REST, STEP, rest_wave, spread_matrix
from museml.classifiers.nmf_weights import fit_weights
from museml.data.line_profiles import line_sigma
from museml.data.linelist import LINES
from museml.data.spectral import to_air, to_vacuum
from museml.errors import ModelError, PredictionFlag, SettingError
from museml.simulation.spectra import simulate_spectra

WAVE = 4750 + 1.25 * np.arange(3681)
GALAXY = {"HALPHA": 180, "NII6585": 50, "HBETA": 60, "OIII5008": 90, "OIII4960": 30, "OII3727": 60, "OII3729": 80}


def spectrum(z, lines, level=1.0, seed=0, medium="air", wave=WAVE):
    """Make a Batch of one spectrum with lines of given flux on a level continuum."""
    values = np.random.default_rng(seed).normal(level, 1, len(wave))
    for name, flux in lines.items():
        centre = LINES[name].wave * (1 + z)
        centre = to_air(centre, "vacuum") if medium == "air" else centre
        sigma = float(line_sigma(centre, 80.0))
        values += flux / (sigma * np.sqrt(2 * np.pi)) * np.exp(-0.5 * ((wave - centre) / sigma) ** 2)
    shape = (1, len(wave))
    return Batch(("a",), values[None].astype("f4"), np.ones(shape, "f4"), np.zeros(shape, bool), wave * u.AA, medium)


@pytest.fixture(scope="module")
def bump_basis():
    """Return two templates: a level, and bumps of uneven distances."""
    wave = rest_wave()
    bumps = sum(np.exp(-0.5 * ((wave - w) / (1e-3 * w)) ** 2) for w in (1300, 2100, 2900, 3700, 4300, 5000, 6563, 8000))
    return Basis(np.array([np.ones(len(wave)), bumps], np.float32), 0.0, 2.0)


@pytest.mark.parametrize("medium", ["air", "vacuum"])
@pytest.mark.parametrize("z", [0.0858, 0.32])
def test_redshift_of_a_galaxy_whatever_the_medium(z, medium):
    (row,) = classify(spectrum(z, GALAXY, medium=medium), "nmf")
    assert row["class"] == "galaxy"
    assert row["z"] == pytest.approx(z, abs=2e-4 * (1 + z))
    assert abs(row["z"] - z) < 5 * row["z_err"]
    assert row["p"] > 0.5


def test_bright_simulated_spectra_are_right_and_probabilities_honest():
    batch, truth = simulate_spectra(40, seed=4, snr=(25.0, 80.0), kinds=["star_forming", "lya"])
    answer = classify(batch, "nmf")
    right = np.abs(answer["z"] - truth["z"]) < 0.005 * (1 + truth["z"])
    assert right.mean() > 0.7
    assert np.mean(answer["p"]) == pytest.approx(right.mean(), abs=0.2)
    assert np.all(answer["dchi2"] <= 1)


def test_noise_gives_no_sure_redshift():
    batch, _ = simulate_spectra(10, seed=2, kinds=["nothing"])
    answer = classify(batch, "nmf")
    assert np.all(answer["p"] < 0.9)
    assert np.all(answer["pz"].sum(axis=1) < 1 + 1e-4)


def test_the_scan_finds_the_best_fit_at_each_redshift(bump_basis):
    z, wave = 0.9, to_vacuum(WAVE, "air")
    model = np.array([np.interp(wave / (1 + z), rest_wave(), template) for template in bump_basis.templates])
    values = (np.array([2.0, 8.0]) @ model + np.random.default_rng(0).normal(size=len(WAVE)))[None]
    scanner = Scanner({"galaxy": bump_basis}, WAVE, "air")
    spectra = scanner.spread(values, np.ones(values.shape), np.zeros(values.shape, bool))
    evidence = scanner.evidence(spectra)
    best = evidence.gain[0].argmax()
    assert evidence.shifts[best] * STEP == pytest.approx(np.log1p(z), abs=STEP)
    pixels = spectra.first + np.arange(spectra.inverse.shape[1]) - evidence.shifts[best] - REST[0]
    terms = np.polynomial.legendre.legvander(np.linspace(-1, 1, len(pixels)), 3)
    root = np.sqrt(spectra.inverse[0])[:, None]
    prior = np.hstack([np.zeros((4, 2)), np.eye(4) / 0.3, -np.eye(4) / 0.3])
    design = np.vstack([root * np.hstack([bump_basis.templates[:, pixels].T, terms, -terms]), prior])
    data = np.concatenate([root[:, 0] * spectra.values[0], np.zeros(4)])
    lost = np.sum(spectra.weighted * spectra.values) - spectra.squares[0]  # by spreading pixels
    direct = nnls(design, data)[1] ** 2 - lost
    assert evidence.chi2[0] - evidence.gain[0, best] == pytest.approx(direct, abs=1.0)


def test_spreading_keeps_sums_and_air_is_told_from_vacuum():
    (first, matrix), (shifted, _) = spread_matrix(WAVE, "vacuum"), spread_matrix(WAVE, "air")
    np.testing.assert_allclose(matrix.sum(axis=0), 1)
    assert np.exp(first * STEP) == pytest.approx(4750, abs=2)
    assert shifted - first in (1, 2)


def test_wrong_errors_spikes_and_sky_lines_are_weighed_down():
    rng = np.random.default_rng(0)
    values, errors = rng.normal(size=(1, 2000)), np.full((1, 2000), 2.0)
    values[0, 700], errors[0, 1200:1210] = 60, 20
    weights, scaled = fit_weights(values, errors, np.zeros(values.shape, bool))
    assert np.sum(weights * scaled**2) == pytest.approx(1990, rel=0.1)
    assert weights[0, 700] == 0
    assert np.all(weights[0, 1200:1210] < 0.5 * weights[0, 1000] / 100)


def test_a_cosmic_ray_changes_nothing():
    batch = spectrum(0.32, GALAXY)
    batch.values[0, 2000] = 5000
    assert classify(batch, "nmf")["z"][0] == pytest.approx(0.32, abs=3e-4)


def test_any_axis_does():
    sdss = 3800 * np.exp(2.303e-4 * np.arange(3850))
    assert classify(spectrum(0.1, GALAXY, medium="vacuum", wave=sdss), "nmf")["z"][0] == pytest.approx(0.1, abs=5e-4)


def test_rows_without_data_are_flagged():
    good = spectrum(0.32, GALAXY)
    values, mask = np.repeat(good.values, 3, axis=0), np.zeros((3, len(WAVE)), bool)
    mask[1], values[2] = True, 1.0
    answer = classify(Batch(tuple("abc"), values, np.ones_like(values), mask, good.axis, "air"), "nmf")
    assert list(answer["z"].mask) == [False, True, True]
    assert answer["flags"][1] & PredictionFlag.NO_DATA
    assert list(answer["class"][1:]) == ["unknown", "unknown"]


def test_z_max_limits():
    assert classify(spectrum(0.71, GALAXY), "nmf", z_max=0.5)["z"][0] < 0.51
    with pytest.raises(SettingError, match=r"z_max must be a number from 0.001 to 6.75, not 9"):
        classify(spectrum(0.71, GALAXY), "nmf", z_max=9)
    with pytest.raises(SettingError, match="basis must be 'nmf-basis' or a file, not 3"):
        classify(spectrum(0.71, GALAXY), "nmf", basis=3)


def test_templates_survive_a_file_and_damage_is_found(tmp_path):
    basis = load_basis("nmf-basis")
    basis.save(tmp_path / "copy.asdf")
    assert load_basis(tmp_path / "copy.asdf").sha256 == basis.sha256
    changed = replace(basis.bases["star"], templates=2 * basis.bases["star"].templates)
    content = (tmp_path / "copy.asdf").read_bytes()
    old, new = (part.templates.astype("<f4").tobytes() for part in (basis.bases["star"], changed))
    (tmp_path / "bad.asdf").write_bytes(content.replace(old, new))
    with pytest.raises(ModelError, match="damaged or made for another axis"):
        load_basis(tmp_path / "bad.asdf")
    with pytest.raises(ModelError, match="there is none at"):
        load_basis(tmp_path / "none.asdf")
    (tmp_path / "text.asdf").write_text("nothing")
    with pytest.raises(ModelError, match="cannot be read as templates"):
        load_basis(tmp_path / "text.asdf")


def test_answer_tells_where_it_is_from():
    answer = NMFClassifier().classify(spectrum(0.32, GALAXY))
    assert (answer.meta["PLUGIN"], answer.meta["MODEL"]) == ("nmf", "nmf-basis")
    assert answer.meta["MODEL_ID"] == load_basis("nmf-basis").sha256


def test_no_network_package_is_imported():
    code = (
        "import sys; from museml.classifiers.nmf import NMFClassifier; NMFClassifier().provenance(); "
        "print({'keras', 'tensorflow', 'jax', 'torch'} & set(sys.modules))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"

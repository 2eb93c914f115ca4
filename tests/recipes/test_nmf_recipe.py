import numpy as np
import pytest
from click.testing import CliRunner

from museml.classifiers.nmf_basis import load_basis
from museml.recipes import nmf
from museml.simulation.spectra.instrument import MUSE
from museml.training.rest_frame import SIZE, extend, first_guess, rest_parts


@pytest.fixture(scope="module")
def basis(tmp_path_factory):
    path = tmp_path_factory.mktemp("nmf") / "basis.asdf"
    options = ["--spectra", "200", "--galaxies", "4", "--rounds", "5", "--observed", "20", "--iterations", "1"]
    answer = CliRunner().invoke(nmf.main, ["-o", str(path), *options], catch_exceptions=False)
    assert answer.exit_code == 0
    assert load_basis(path).sha256 in answer.stdout
    return load_basis(path)


def test_the_recipe_makes_templates_of_each_kind(basis):
    assert set(basis.bases) == {"galaxy", "quasar", "star"}
    assert basis.bases["galaxy"].templates.shape == (4, SIZE)
    for part in basis.bases.values():
        assert part.templates.min() >= 0
        assert np.isfinite(part.templates).all()


def test_the_card_tells_how_it_does(basis):
    assert {"redshift right", "calibration error"} <= {score["name"] for score in basis.card.scores}
    assert "--spectra" not in basis.card.recipe
    assert "spectra=200" in basis.card.recipe


def test_a_line_is_at_its_rest_wavelength_in_the_rest_frame():
    z = np.array([0.2, 0.5, 0.9])
    flux = np.exp(-0.5 * ((MUSE.vacuum - 4500 * (1 + z[:, None])) / 3) ** 2)
    (part,) = rest_parts(flux, z, MUSE, 10.0, 0.1)
    wave = np.exp(2.5e-4 * (part.first + np.arange(part.values.shape[1])) + np.log(600))
    assert wave[part.values.argmax(axis=1)] == pytest.approx(4500, abs=2)
    np.testing.assert_allclose(part.values.max(axis=1), 1, atol=0.05)
    assert np.all(part.values[part.weights == 0] == 0)


def test_templates_go_on_beyond_what_is_covered():
    (part,) = rest_parts(np.ones((2, len(MUSE))), np.array([0.0, 0.01]), MUSE, 10.0, 0.1)
    guess = first_guess([part], 3, np.random.default_rng(0))
    extended = extend(guess, [part])
    assert np.all(extended[:, -1] > 0)
    assert np.array_equal(extended[:, : part.place.stop - 1], guess[:, : part.place.stop - 1])

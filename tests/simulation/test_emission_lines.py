import numpy as np
import pytest

from museml.data.linelist import LINES
from museml.simulation.spectra.emission import Lines, add_lines, emission_lines
from museml.simulation.spectra.instrument import MUSE
from museml.simulation.spectra.nebular import HII_LINES, hii_ratios, line_ratios
from museml.simulation.spectra.population import draw

LN_WAVE = np.arange(np.log(1100), np.log(9800), 3e-4)


@pytest.fixture(scope="module")
def galaxies():
    """Star-forming galaxies with blue, dust-free continua, and their lines."""
    rng = np.random.default_rng(1)
    table = draw(rng, 800, ["star_forming"])
    flux = np.tile((np.exp(LN_WAVE) / 5000) ** -2.3, (800, 1)).astype(np.float32)
    return table, emission_lines(rng, table, LN_WAVE, flux)


def flux_of(lines, name):
    return lines.flux[:, [i for i, other in enumerate(lines.names) if other == name]].sum(axis=1)


def one_line(wave, flux=1.0, velocity=0.0, sigma=50.0):
    one = [np.full((1, 1), value) for value in (flux, velocity, sigma)]
    return Lines(("HBETA",), np.array([wave]), *one)


def test_all_lines_are_in_the_list(galaxies):
    lines = galaxies[1]
    assert all(LINES[name].wave == wave for name, wave in zip(lines.names, lines.wave, strict=True))
    assert np.all(np.isfinite(lines.flux))
    assert lines.flux.min() >= 0


def test_ratios_fixed_by_atomic_physics(galaxies):
    lines = galaxies[1]
    for strong, faint, ratio in (("OIII5008", "OIII4960", 2.98), ("NII6585", "NII6550", 3.05)):
        np.testing.assert_allclose(flux_of(lines, strong) / flux_of(lines, faint), ratio, rtol=0.03)


def test_density_doublets_stay_between_their_limits(galaxies):
    lines = galaxies[1]
    for first, second, low, high in (("OII3729", "OII3727", 0.66, 1.41), ("CIII1907", "CIII1909", 0.62, 1.11)):
        ratio = flux_of(lines, second) / flux_of(lines, first)
        assert low < ratio.min()
        assert ratio.max() < high
        assert np.std(ratio) > 0.05


def test_dust_reddens_the_balmer_lines():
    rng = np.random.default_rng(2)
    table = draw(rng, 300, ["star_forming"])
    steep, flat = (
        flux_of(lines, "HALPHA") / flux_of(lines, "HBETA")
        for lines in (
            emission_lines(rng, table, LN_WAVE, np.tile((np.exp(LN_WAVE) / 5000) ** slope, (300, 1)))
            for slope in (-2.3, -0.8)
        )
    )
    assert np.median(steep) == pytest.approx(2.87, abs=0.12)
    assert np.median(flat) > 3.4


def test_strong_lines_come_with_young_stars():
    rng = np.random.default_rng(3)
    table = draw(rng, 300, ["star_forming"])
    flux = np.ones((300, len(LN_WAVE)), np.float32)
    flux[150:, np.log(3990) > LN_WAVE] = 0.6  # a break like that of old stars
    width = flux_of(emission_lines(rng, table, LN_WAVE, flux), "HALPHA")
    assert np.median(width[:150]) > 10 * np.median(width[150:])


def test_excitation_of_models_falls_with_metallicity_and_rises_with_ionisation():
    oxygen, neon = HII_LINES.index("OIII5008"), HII_LINES.index("OII")
    ratios = hii_ratios(np.array([8.1, 8.1, 8.9]), np.array([-3.3, -2.3, -2.3]))
    excitation = ratios[:, oxygen] / ratios[:, neon]
    assert excitation[1] > 5 * excitation[0]
    assert excitation[2] < excitation[1]
    np.testing.assert_allclose(hii_ratios([8.69], [-3.0])[0, HII_LINES.index("HALPHA")], 2.95, rtol=0.05)


def test_active_galaxies_lie_above_star_forming_ones_in_the_diagnostic_diagram():
    ones = np.ones(200)
    for agn, above in ((0.0, False), (1.0, True)):
        names, ratios = line_ratios(np.random.default_rng(4), 8.7 * ones, -3.0 * ones, agn * ones, 0 * ones)
        nitrogen, oxygen = (np.log10(ratios[:, names.index(name)]) for name in ("NII6585", "OIII5008"))
        nitrogen -= np.log10(ratios[:, names.index("HALPHA")])
        border = np.where(nitrogen < 0.4, 0.61 / (np.minimum(nitrogen, 0.4) - 0.47) + 1.19, -np.inf)  # Kewley+ 2001
        assert np.mean(oxygen > border) == pytest.approx(float(above), abs=0.1)


def test_low_ionisation_nebulae_have_strong_nitrogen_and_neutral_oxygen():
    ones = np.ones(50)
    names, ratios = line_ratios(np.random.default_rng(5), 8.8 * ones, -3.3 * ones, 0 * ones, ones)
    halpha = ratios[:, names.index("HALPHA")]
    assert np.median(ratios[:, names.index("NII6585")] / halpha) > 0.9
    assert np.median(ratios[:, names.index("OI6302")] / halpha) > 0.2


def test_stars_and_nothing_have_no_lines():
    table = draw(np.random.default_rng(6), 20, ["star", "nothing", "qso"])
    flux = np.ones((20, len(LN_WAVE)), np.float32)
    assert not emission_lines(np.random.default_rng(6), table, LN_WAVE, flux).flux.any()


def test_added_line_has_its_flux_place_and_width():
    flux = np.zeros((1, len(MUSE)), np.float32)
    add_lines(flux, one_line(4862.68, 10.0, velocity=100.0, sigma=80.0), [0.5], MUSE)
    step, centre = np.diff(MUSE.edges), 4862.68 * 1.5 * (1 + 100 / 299792.458)
    mean = np.sum(flux[0] * step * MUSE.vacuum) / np.sum(flux[0] * step)
    spread = np.sqrt(np.sum(flux[0] * step * (MUSE.vacuum - mean) ** 2) / np.sum(flux[0] * step))
    assert np.sum(flux[0] * step) == pytest.approx(10, rel=1e-3)
    assert mean == pytest.approx(centre, abs=0.01)
    blur = MUSE.lsf(centre) / 2.3548
    assert spread == pytest.approx(np.sqrt(blur**2 + (centre * 80 / 299792.458) ** 2 + 1.25**2 / 12), rel=0.01)


def test_line_at_the_edge_is_cut_and_one_outside_is_not_added():
    inside = MUSE.edges[0] / 4862.68 - 1
    for z, share in ((inside, 0.5), (inside - 0.1, 0.0), (np.nan, 0.0)):
        flux = np.zeros((1, len(MUSE)), np.float32)
        add_lines(flux, one_line(4862.68), [z], MUSE)
        assert np.sum(flux[0] * np.diff(MUSE.edges)) == pytest.approx(share, abs=0.01)


def test_rows_of_lines(galaxies):
    lines = galaxies[1].rows(slice(3, 5))
    assert len(lines) == 2
    assert lines.names == galaxies[1].names
    np.testing.assert_array_equal(lines.flux, galaxies[1].flux[3:5])

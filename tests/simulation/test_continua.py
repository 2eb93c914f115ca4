import numpy as np
import pytest
from astropy.cosmology import Planck18

from museml.errors import SettingError
from museml.simulation.spectra.instrument import MUSE, Instrument
from museml.simulation.spectra.library import continuum_library
from museml.simulation.spectra.quasar_absorption import add_absorption
from museml.simulation.spectra.quasars import quasar_spectra
from museml.simulation.spectra.sampling import broaden, to_observed
from museml.simulation.spectra.stars import black_bodies, star_spectra, white_dwarfs
from museml.simulation.spectra.stellar import calzetti, cosmic_age, stellar_continua

LIGHT = 299792.458
AXIS = np.log(3000) + 1.5e-4 * np.arange(10000)


@pytest.fixture(scope="module")
def library():
    return continuum_library()


def level(flux, library, low, high):
    return flux[..., slice(*np.searchsorted(library.ln_wave, np.log([low, high])))].mean(axis=-1)


def centre(flux, wave, near, half):
    at = np.abs(wave - near) < half
    depth = 1 - flux[at] / np.interp(wave[at], wave[at][[0, -1]], flux[at][[0, -1]])
    return np.sum(depth * wave[at]) / depth.sum()


def gaussian_line(wave, sigma):
    """Return a line of flux 1 at rest, width in km/s."""
    width = wave * sigma / LIGHT
    return np.exp(-0.5 * ((np.exp(AXIS) - wave) / width) ** 2)[None] / (width * np.sqrt(2 * np.pi))


def test_populations_are_in_vacuum(library):
    hundred_million_years, solar = 14, 2
    young = library.ssp[solar * (len(library.ages) - 1) + hundred_million_years]
    assert abs(centre(young, library.wave, 4862.69, 8) - 4862.69) < 0.5
    assert abs(centre(young, library.wave, 8544.44, 8) - 8544.44) < 0.8


def test_stars_are_in_vacuum(library):
    stars = library.stars["A"]
    mean = (stars.coefficients @ stars.basis).mean(axis=0)
    assert abs(centre(mean, library.wave[library.star_start :], 6564.61, 10) - 6564.61) < 0.3


def test_the_library_tells_where_its_parts_are_from(library):
    assert "GPL" in library.about["stellar"]
    assert {"stellar", "nebular", "stars", "qso"} <= set(library.about)


def test_old_populations_have_a_break_and_young_ones_are_blue(library):
    ages = len(library.ages) - 1
    young, old = library.ssp[2 * ages], library.ssp[2 * ages + ages - 1]
    assert level(old, library, 4050, 4250) > 1.5 * level(old, library, 3750, 3900)
    assert level(young, library, 1500, 1600) > 10 * level(young, library, 5000, 5100)
    assert level(old, library, 1500, 1600) < 0.1 * level(old, library, 5000, 5100)


def test_sampling_conserves_flux_and_redshifts():
    z = np.array([0.2, 0.31])
    observed = to_observed(AXIS, np.repeat(gaussian_line(5000.0, 100), 2, axis=0), z, MUSE)
    np.testing.assert_allclose(observed @ np.diff(MUSE.edges), 1, rtol=1e-3)
    np.testing.assert_allclose(observed @ MUSE.vacuum / observed.sum(axis=1), 5000 * (1 + z), atol=0.02)
    assert observed.dtype == np.float32


def test_sampling_blurs_with_the_line_spread_function():
    observed = to_observed(AXIS, gaussian_line(6000.0, 60), [0.0], MUSE)[0]
    offset = MUSE.vacuum - 6000
    intrinsic, instrument = 6000 * 60 / LIGHT, MUSE.lsf(6000.0) / 2.3548
    expected = intrinsic**2 + instrument**2 + 1.25**2 / 12
    assert abs(np.sum(observed * offset**2) / observed.sum() / expected - 1) < 0.01


def test_sampling_on_a_coarse_grid_gives_means():
    coarse = Instrument.from_axis(np.arange(4800, 9000, 20.0), "vacuum")
    observed = to_observed(AXIS, np.ones((1, len(AXIS)), np.float32), [0.5], coarse)
    np.testing.assert_allclose(observed, 1 / 1.5, rtol=1e-3)


def test_a_sharp_spectrograph_sees_no_gaps_between_samples(library):
    sharp = Instrument.from_axis(np.arange(5000, 5200, 0.2), "air")
    observed = to_observed(library.ln_wave, np.ones((1, len(library.ln_wave)), np.float32), [0.5], sharp)
    np.testing.assert_allclose(observed, 1 / 1.5, rtol=0.005)


def test_nothing_is_beyond_the_ends_of_a_spectrum():
    observed = to_observed(AXIS, np.ones((1, len(AXIS)), np.float32), [1.0], MUSE)[0]
    assert np.all(observed[MUSE.vacuum < 5980] == 0)


def test_broadening_widens_each_row_by_its_own_sigma():
    wide = broaden(np.repeat(gaussian_line(5000.0, 70), 2, axis=0), np.array([0.0, 200.0]), 1.5e-4)
    offset = LIGHT * (AXIS - np.log(5000))
    wide[:, np.abs(offset) > 1200] = 0
    width = np.sqrt((wide * offset**2).sum(axis=1) / wide.sum(axis=1))
    np.testing.assert_allclose(width, [70, np.hypot(70, 200)], rtol=0.02)


def test_galaxies_are_positive_seeded_and_of_their_kind(library):
    passive, star_forming = (
        stellar_continua(np.random.default_rng(1), 20, 0.5, k) for k in ("passive", "star_forming")
    )
    again = stellar_continua(np.random.default_rng(1), 20, 0.5, "passive")
    np.testing.assert_array_equal(passive, again)
    breaks = [level(f, library, 4050, 4250) / level(f, library, 3750, 3900) for f in (passive, star_forming)]
    assert np.median(breaks[0]) > np.median(breaks[1]) + 0.2
    assert np.isfinite(passive).all()
    assert passive.min() >= 0
    assert passive.dtype == np.float32


def test_galaxies_in_the_young_universe_have_no_old_stars(library):
    young, old = (stellar_continua(np.random.default_rng(3), 30, z, "passive") for z in (5.0, 0.0))
    break_at = [np.median(level(f, library, 4050, 4250) / level(f, library, 3750, 3900)) for f in (young, old)]
    assert break_at[0] < break_at[1]


def test_age_of_the_universe():
    z = np.array([0.0, 1.0, 6.0])
    np.testing.assert_allclose(cosmic_age(z), Planck18.age(z).to_value("yr"), rtol=0.01)


def test_kinds_can_be_mixed_row_by_row(library):
    mixed = stellar_continua(np.random.default_rng(1), 40, 0.3, np.repeat(["lya", "passive"], 20))
    blue = level(mixed, library, 1500, 1700) / level(mixed, library, 5000, 5500)
    assert blue[:20].min() > np.median(blue[20:])


def test_ultraviolet_slopes_of_young_galaxies(library):
    flux = stellar_continua(np.random.default_rng(2), 60, 3.5, "lya")
    slope = np.log(level(flux, library, 1900, 2100) / level(flux, library, 1400, 1500)) / np.log(2000 / 1450)
    assert -2.6 < np.median(slope) < -1.5  # Bouwens et al. 2014, ApJ 793, 115


def test_no_light_beyond_the_lyman_limit(library):
    flux = stellar_continua(np.random.default_rng(2), 3, 3.0, "lbg")
    assert np.all(flux[:, library.wave < 911] == 0)


def test_unknown_kind_of_galaxy():
    with pytest.raises(SettingError, match="no kind of galaxy is called 'spiral'; known: star_forming"):
        stellar_continua(np.random.default_rng(1), 1, 0.1, "spiral")


def test_calzetti_law():
    assert abs(calzetti(5500.0) - 1) < 0.01
    assert abs(calzetti(1500.0) * 4.05 - 10.33) < 0.1  # Calzetti et al. 2000
    assert abs(calzetti(1600.0) * 4.05 - 9.97) < 0.1


def test_quasars_have_broad_lines(library):
    flux = quasar_spectra(np.random.default_rng(4), 60, 2.0)
    assert np.isfinite(flux).all()
    assert flux.min() >= 0
    peak = level(flux, library, 1535, 1555) / level(flux, library, 1450, 1470)
    assert np.median(peak) > 1.2
    assert np.median(level(flux, library, 6540, 6590) / level(flux, library, 6100, 6200)) > 1.5


def test_quasars_are_bright_below_lyman_beta(library):
    flux = quasar_spectra(np.random.default_rng(4), 100, 4.0)
    ratio = level(flux, library, 930, 960) / level(flux, library, 1060, 1090)
    assert 0.7 < np.median(ratio) < 1.5


def test_quasars_cover_all_wavelengths(library):
    flux = quasar_spectra(np.random.default_rng(5), 40, np.linspace(0, 6, 40))
    assert np.all(flux[:, (library.wave > 900) & (library.wave < 9400)] >= 0)
    assert np.all(level(flux, library, 7000, 9400) > 0)


def test_stars_show_what_their_type_shows(library):
    flux, types = star_spectra(np.random.default_rng(1), 400)
    red = level(flux, library, 8000, 8500) / level(flux, library, 5000, 5500)
    assert np.median(red[types == "M"]) > np.median(red[types == "G"]) > np.median(red[types == "A"])
    halpha = level(flux, library, 6555, 6575) / level(flux, library, 6450, 6500)
    assert np.median(halpha[types == "A"]) < 0.9
    assert flux.min() >= 0
    assert flux.dtype == np.float32


def test_white_dwarfs_have_broad_hydrogen_lines(library):
    flux = white_dwarfs(np.random.default_rng(1), 20, "DA", library.wave)
    assert np.median(level(flux, library, 4855, 4870) / level(flux, library, 4990, 5010)) < 0.9


def test_hot_black_bodies_peak_at_their_wavelength(library):
    flux = black_bodies(np.array([5000.0]), library.wave)
    assert abs(library.wave[flux[0].argmax()] - 2.898e7 / 5000) < 5  # Wien


def test_a_tenth_of_quasars_has_broad_absorption(library):
    flux = np.ones((2000, len(library.ln_wave)), np.float32)
    add_absorption(flux, np.random.default_rng(1), library)
    inside = slice(*np.searchsorted(library.ln_wave, np.log([1430, 1540])))
    equivalent_width = np.sum((1 - flux[:, inside]) * np.gradient(library.wave[inside]), axis=1)
    assert 0.06 < np.mean(equivalent_width > 10) < 0.13
    assert flux.min() >= 0


def test_active_cool_stars_have_emission_lines(library):
    flux, types = star_spectra(np.random.default_rng(2), 800)
    excess = (level(flux, library, 6563, 6567) / level(flux, library, 6585, 6600))[types == "M"]
    assert 0.1 < np.mean(excess > 1.5) < 0.4

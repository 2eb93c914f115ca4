import numpy as np
import pytest
from astropy.table import Table

from museml.catalogs.chance import chance_rate, expected_chance
from museml.catalogs.outline import catalog_footprint
from museml.errors import InputError, SettingError


def spread(number, dec, rng):
    """Return positions that are uniform on the sphere between two declinations."""
    low, high = np.sin(np.radians(dec))
    places = rng.uniform(-0.6, 0.6, number) % 360, np.degrees(np.arcsin(rng.uniform(low, high, number)))
    return Table(places, names=["ra", "dec"])


@pytest.mark.parametrize("radius", [10.0, 60.0])
def test_the_rate_of_chance_matches_is_that_of_the_density(radius):
    catalog = spread(4000, (-0.6, 0.6), np.random.default_rng(1))
    footprint = catalog_footprint([-0.4, 0.4, 0.4, -0.4], [-0.4, -0.4, 0.4, 0.4])
    chance = chance_rate(catalog, radius, footprint)
    assert np.isclose(chance.density, 4000 / 1.44, rtol=0.05)
    assert chance.low - 0.005 < chance.expected < chance.high + 0.005


def test_random_positions_are_not_denser_towards_the_pole():
    catalog = Table({"ra": np.arange(0, 360, 0.5), "dec": np.full(720, 89.0)})
    cap = catalog_footprint(np.arange(0, 360, 5.0), np.full(72, 88.0))
    near_ring = chance_rate(catalog, 600.0, cap).value  # 20 of the 120 arcmin, at half of the radius
    assert abs(near_ring - (70**2 - 50**2) / 120**2) < 0.01


def test_lines_must_agree_in_wavelength_too():
    rng = np.random.default_rng(2)
    catalog = spread(4000, (-0.6, 0.6), rng)
    catalog["wave"] = np.where(np.arange(4000) < 3000, rng.uniform(5000, 6000, 4000), np.nan)
    footprint = catalog_footprint([-0.4, 0.4, 0.4, -0.4], [-0.4, -0.4, 0.4, 0.4])
    chance = chance_rate(catalog, 60.0, footprint, tolerance=50.0)
    assert np.isclose(chance.expected, expected_chance(3000 / 1.44 / 10, 60.0), rtol=0.05)
    assert chance.low - 0.005 < chance.value < chance.expected  # fewer at the ends of the range
    assert chance.value > 0.85 * chance.expected


def test_published_densities_give_the_chance_rates_of_four_arcsec():
    assert np.allclose(expected_chance([1169, 14663, 52550], 4.0), [0.0045, 0.055, 0.184], atol=0.001)


def test_chance_needs_a_footprint_and_a_radius():
    catalog = Table({"ra": [1.0], "dec": [1.0]})
    with pytest.raises(InputError, match="random positions need a footprint; there is none"):
        chance_rate(catalog, 6.0, None)
    with pytest.raises(SettingError, match="radius must be a number"):
        chance_rate(catalog, -1, catalog_footprint([1.0], [1.0]))
    assert chance_rate(catalog[:0], 6.0, catalog_footprint([1.0], [1.0])).value == 0

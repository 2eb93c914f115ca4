"""Simulated radio fields: counts, noise, truth, artefacts, files."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS

from museml.errors import SettingError
from museml.simulation.fields import Artefacts, simulate_field, sources_per_deg2, write_field
from museml.simulation.fields.counts import draw_fluxes, measured_counts
from museml.simulation.fields.ellipses import axes_of, covariance


@pytest.fixture(scope="module")
def field():
    return simulate_field((400, 500), seed=1, artefacts="clean")


@pytest.fixture(scope="module")
def noise():
    field = simulate_field((400, 400), seed=2, density=0, beam=(8.0, 6.0, 30.0))
    return field.data / field.rms


@pytest.mark.parametrize("counts", [2.1, "measured"])
def test_the_sky_has_as_many_sources_as_the_survey_finds(counts):
    assert 1000 < sources_per_deg2((5 * 83e-6, 1.0), counts) < 1250


def test_counts_at_one_jansky_agree_with_the_fit():
    assert measured_counts(1.0) == pytest.approx(3300, rel=0.1)


def test_drawn_fluxes_follow_the_counts():
    flux = draw_fluxes(20000, (1e-3, 1.0), np.random.default_rng(1), "measured")
    expected = sources_per_deg2((1e-2, 1.0), "measured") / sources_per_deg2((1e-3, 1.0), "measured")
    assert np.mean(flux > 1e-2) == pytest.approx(expected, rel=0.06)


def test_the_same_seed_makes_the_same_field(field):
    again = simulate_field((400, 500), seed=1, artefacts="clean")
    np.testing.assert_array_equal(again.data, field.data)
    assert np.any(simulate_field((400, 500), seed=3, artefacts="clean").data != field.data)


def test_the_noise_has_the_level_that_is_told(noise):
    assert noise.std() == pytest.approx(1, abs=0.03)


def test_the_noise_is_correlated_as_the_beam(noise):
    matrix = np.linalg.inv(covariance(8.0 / 1.5, 6.0 / 1.5, 30.0))
    for dx, dy in ((1, 0), (0, 2), (2, 2)):
        lagged = np.mean(noise[dy:, dx:] * noise[: 400 - dy, : 400 - dx])
        offset = np.array([dx, dy])
        assert lagged == pytest.approx(np.exp(-0.5 * offset @ matrix @ offset), abs=0.04)


def test_an_ellipse_keeps_its_axes_and_its_angle():
    for angle in (0.0, 30.0, 89.0, 120.0, 179.0):
        np.testing.assert_allclose(np.ravel(axes_of(covariance(9.0, 5.0, angle))), [9.0, 5.0, angle], atol=1e-9)


def test_components_are_where_the_truth_says(field):
    bright = field.components[field.components["snr"] > 10]
    value = field.data[np.rint(bright["y"]).astype(int), np.rint(bright["x"]).astype(int)]
    assert len(bright) > 5
    assert np.median(value / bright["peak"]) == pytest.approx(0.97, abs=0.05)


def test_positions_on_the_sky_are_those_of_the_header(field):
    ra, dec = WCS(field.hdu.header).all_pix2world(field.components["x"], field.components["y"], 0)
    np.testing.assert_allclose(field.components["ra"], ra)
    np.testing.assert_allclose(field.components["dec"], dec)


def test_an_isolated_source_has_its_flux_in_the_image():
    field = simulate_field((200, 200), seed=1, rms=1e-9, flux_range=(0.01, 0.1), density=300, artefacts="clean")
    area = field.beam.area(field.pixel_scale)
    assert field.data.sum() / area == pytest.approx(field.components["flux"].sum(), rel=0.1)


def test_fluxes_of_components_add_up_to_those_of_sources():
    field = simulate_field((300, 300), seed=4, density=5, resolved=1.0, flux_range=(1e-3, 1.0))
    assert max(field.sources["n_components"]) == 3
    for source in field.sources[field.sources["n_components"] > 1]:
        rows = field.components[field.components["source"] == source["source"]]
        if len(rows) == source["n_components"]:
            assert rows["flux"].sum() == pytest.approx(source["flux"])
            assert source["major"] > rows["major"].max() * 0.9


def test_most_sources_are_unresolved(field):
    assert np.mean(field.sources["dc_major"] < 3.0) == pytest.approx(0.92, abs=0.04)


def test_position_angles_are_on_the_sky_near_the_pole():
    field = simulate_field((200, 200), seed=5, beam=(12.0, 6.0, 0.0), center=(0.0, 89.99), artefacts="clean")
    point = field.components[field.components["dc_major"] < 2]
    north = np.rad2deg(np.arctan2(point["x"] - 99.5, -(point["y"] - 99.5 - 24)))  # the pole is 24 pixels above
    np.testing.assert_allclose((point["pa"] + north + 45) % 180, 45, atol=12)


def test_artefacts_leave_sources_and_noise_as_they_are():
    bright = {"flux_range": (0.05, 1.0), "density": 30}
    clean, strong = (simulate_field((300, 300), seed=6, artefacts=a, **bright) for a in ("clean", "strong"))
    difference = strong.data - clean.data
    np.testing.assert_array_equal(clean.components["flux"], strong.components["flux"])
    assert difference.min() < -5 * 83e-6
    assert difference.max() > 5 * 83e-6


def test_artefacts_end_sooner_where_the_radius_is_smaller():
    bright = {"flux_range": (0.2, 1.0), "density": 60, "shape": (300, 300), "seed": 7}
    clean = simulate_field(artefacts="clean", **bright).data
    spread = [np.mean(abs(simulate_field(artefact_radius=r, **bright).data - clean) > 1e-4) for r in (20, 60)]
    assert spread[0] < spread[1] / 2


def test_a_streamed_file_is_the_field(tmp_path):
    settings = {"shape": (300, 90), "seed": 8, "artefacts": Artefacts(0.05, radius=20, faintest=1e-3)}
    components, sources = write_field(tmp_path / "field.fits", **settings)
    field = simulate_field(**settings)
    np.testing.assert_array_equal(fits.getdata(tmp_path / "field.fits"), field.data)
    assert len(Table.read(tmp_path / "field_components.fits")) == len(components) == len(field.components)
    assert len(sources) == len(field.sources)


def test_a_field_may_be_empty():
    field = simulate_field((64, 64), seed=1, density=0)
    assert len(field.components) == len(field.sources) == 0
    assert field.components["flux"].unit == "Jy"


def test_unknown_artefacts_are_refused():
    with pytest.raises(SettingError, match="one of clean, mild, strong; not 'wild'"):
        simulate_field((64, 64), artefacts="wild")


def test_a_beam_narrower_than_two_pixels_is_refused():
    with pytest.raises(SettingError, match="at least two pixels"):
        simulate_field((64, 64), beam=2.0)


def test_a_setting_that_there_is_not_is_refused(tmp_path):
    with pytest.raises(SettingError, match="has no setting 'artifacts'; known: artefacts, "):
        simulate_field((64, 64), artifacts="mild")
    with pytest.raises(SettingError, match="has no setting 'scale'"):
        write_field(tmp_path / "field.fits", (64, 64), scale=2)

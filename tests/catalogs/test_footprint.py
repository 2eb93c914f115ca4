import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS

from museml.catalogs.footprint import common_footprint, image_footprint
from museml.catalogs.outline import catalog_footprint, common_outline
from museml.errors import InputError


def make_image(centre=(0.0, 40.0), shape=(80, 120), hole=True):
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval, wcs.wcs.cdelt = ["RA---SIN", "DEC--SIN"], centre, [-0.001, 0.001]
    wcs.wcs.crpix = [60.5, 40.5]
    values = np.ones(shape, np.float32)
    if hole:
        values[:, :60] = np.nan
    return fits.PrimaryHDU(values, wcs.to_header()), wcs


@pytest.mark.parametrize("centre", [(0.0, 40.0), (77.0, 90.0), (359.99, 0.0)])
def test_an_image_has_looked_where_it_has_data(centre):
    hdu, wcs = make_image(centre)
    footprint = image_footprint(hdu)
    x, y = np.array([[-0.6, 20, 59.4, 59.6, 119.4, 119.6, 100], [10, 10, 10, 10, 10, 10, 79.6]])
    sky = wcs.pixel_to_world(x, y)
    assert list(footprint.contains(sky.ra.deg, sky.dec.deg)) == [False, False, False, True, True, False, False]
    assert not footprint.contains([180 + centre[0]], [-centre[1]])[0]
    assert np.isclose(footprint.area, 0.06 * 0.08, rtol=0.01)


def test_random_positions_are_uniform_on_the_sphere():
    footprint = catalog_footprint([0.0, 40, 0, 40], [20.0, 20, 70, 70])
    ra, dec = footprint.random(4000, seed=3)
    assert footprint.contains(ra, dec).all()
    for low in (30.0, 50.0):  # bands: their numbers are as their areas, not as their heights
        part = (dec > low) & (dec < low + 10) & (ra > 5) & (ra < 35)
        share = 30 * np.degrees(np.sin(np.radians(low + 10)) - np.sin(np.radians(low))) / footprint.area
        assert abs(part.sum() - 4000 * share) < 4 * np.sqrt(4000 * share)


def test_an_outline_is_convex_and_has_a_margin():
    footprint = catalog_footprint([359.9, 0.1, 0.0, 0.0], [0.0, 0.0, 0.1, 0.05], margin=36.0)
    assert footprint.contains([0.0, 359.9, 0.0, 359.95], [0.04, -0.009, 0.109, 0.06]).tolist() == [1, 1, 1, 1]
    assert footprint.contains([0.1, 359.92, np.nan], [-0.011, 0.09, 0.0]).tolist() == [0, 0, 0]


@pytest.mark.parametrize("dec", [0.0, 90.0, -90.0])
def test_one_position_is_a_disc(dec):
    assert np.isclose(catalog_footprint([5.0], [dec], 60.0).area * 3600, np.pi, rtol=0.05)


def test_the_common_part_is_in_all():
    whole, west = make_image(hole=False)[0], make_image()[0]
    outline = catalog_footprint([359.99, 0.01, 0.0], [39.99, 39.99, 40.02])
    common = common_footprint(image_footprint(whole), None, image_footprint(west), outline)
    ra, dec = common.random(500)
    assert np.all(image_footprint(west).contains(ra, dec) & outline.contains(ra, dec))
    assert common.area < outline.area
    assert common_footprint(None) is None


def test_catalogues_overlap_where_their_outlines_do():
    rng = np.random.default_rng(4)
    whole_sky = Table(
        [rng.uniform(0, 360, 30_000), np.degrees(np.arcsin(rng.uniform(-1, 1, 30_000)))], names=("ra", "dec")
    )
    field = Table([[359.0, 1, 1, 359], [79.0, 79, 85, 85]], names=("ra", "dec"))
    outline = catalog_footprint(field["ra"], field["dec"])
    assert np.isclose(common_outline(whole_sky, field).area, outline.area, rtol=0.02)
    east = Table([[0.0, 9, 9, 0], [79.0, 79, 85, 85]], names=("ra", "dec"))
    assert np.isclose(common_outline(field, east).area, outline.area / 2, rtol=0.05)
    with pytest.raises(InputError, match="no part of the sky in common"):
        common_outline(field, Table([[0.0], [0.0]], names=("ra", "dec")))


def test_a_cube_has_looked_where_a_plane_has_data(cube):
    cube.data.mask[:, :10] = True
    footprint = image_footprint(cube)
    assert np.isclose(footprint.area * 3600**2, 20 * 30 * 0.04, rtol=0.02)


def test_what_has_no_footprint_is_told():
    with pytest.raises(InputError, match="no row with finite ra and dec"):
        catalog_footprint([np.nan], [1.0])
    with pytest.raises(InputError, match="this one is wider"):
        catalog_footprint(np.linspace(0, 300, 50), np.zeros(50))
    far = common_footprint(catalog_footprint([10.0], [0.0]), catalog_footprint([50.0], [0.0]))
    assert far.area == 0
    with pytest.raises(InputError, match="need a footprint with an area"):
        far.random(10)

import numpy as np
import pytest
from mpdaf.obj import WCS, Cube, WaveCoord

from museml.data.cubes import open_cube
from museml.data.psf import PSF
from museml.detectors.band_images import matched_filter
from museml.detectors.collapse import collapse
from museml.detectors.continuum import ContinuumDetector
from museml.detectors.segments import find_segments
from museml.errors import DetectionFlag, SettingError
from museml.simulation.cubes import inject_lines, simulate_cube
from museml.simulation.objects import truth_table

SHAPE = (400, 40, 40)


def field(sources, seed=0, shape=SHAPE, correlated=False):
    """Return a cube with continuum sources given as (x, y, S/N)."""
    empty, _ = simulate_cube(shape, seed, n_lines=0, n_galaxies=0, n_continuum=0, correlated=correlated)
    if not sources:
        return empty
    x, y, snr = np.array(sources, float).T
    n = len(x)
    columns = {"source": np.arange(n) + 1, "x": x, "y": y, "size": np.zeros(n), "slope": np.zeros(n)}
    truth = truth_table(open_cube(empty), "continuum", columns)
    truth["flux"] = snr * flux_error(empty)
    return inject_lines(empty, truth)


def flux_error(cube):
    """Return the error of a point source's flux, integrated over the cube's range."""
    data = open_cube(cube)
    kernel = PSF(0.7).image(np.mean(data.wave), data.pixel_scale)
    weight = sum(np.nansum(1 / data.block(k, k + 1)[1][0, 0, 0]) for k in range(data.shape[0]))
    return data.shape[0] * 1.25 / np.sqrt(weight * np.sum(kernel**2))


def distances(found, sources):
    return np.array([np.min(np.hypot(found["x"] - x, found["y"] - y)) for x, y, _ in sources])


@pytest.fixture(scope="module")
def sparse():
    sources = [(9.3, 10.0, 30), (28.0, 11.7, 12), (12.0, 30.2, 60), (30, 30, 20)]
    return sources, ContinuumDetector().detect(field(sources))


def test_sources_are_found_within_half_a_pixel(sparse):
    sources, found = sparse
    assert len(found) == len(sources)
    assert np.all(distances(found, sources) < 0.5)
    assert set(found["kind"]) == {"continuum"}


def test_fluxes_are_right_within_their_errors(sparse):
    sources, found = sparse
    order = [int(np.argmin(np.hypot(found["x"] - x, found["y"] - y))) for x, y, _ in sources]
    flux, error = np.array(found["flux"])[order], np.array(found["flux_err"])[order]
    truth = np.array([snr for *_, snr in sources]) * flux_error(field([]))
    assert np.all(np.abs(flux - truth) < 4 * error + 0.05 * truth)


def test_wave_and_width_are_masked_and_each_source_has_its_number(sparse):
    _, found = sparse
    assert found["wave"].mask.all()
    assert found["fwhm"].mask.all()
    assert sorted(found["source"]) == list(range(1, len(found) + 1))


def test_the_list_is_ranked_and_false_detections_become_fewer_with_rank(sparse):
    _, found = sparse
    assert np.all(np.diff(found["score"]) <= 0)
    assert np.all(np.diff(found["n_false"]) >= 0)
    assert found["n_false"].max() < 0.1


@pytest.mark.parametrize("separation", [5, 7, 9, 11])
def test_close_pairs_are_separated(separation):
    sources = [(14, 20, 40), (14 + separation, 20, 12)]
    found = ContinuumDetector().detect(field(sources, seed=separation + 20))
    assert len(found) == 2
    assert np.all(distances(found, sources) < 1)
    assert np.all(found["flags"] & DetectionFlag.BLEND)


@pytest.mark.parametrize("place", [(26.3, 1.0), (0.4, 20.0), (38.7, 38.2)])
def test_a_bright_source_at_the_edge_is_found_where_it_is(place):
    sources = [(*place, 45), (20, 20, 20)]
    found = ContinuumDetector().detect(field(sources, seed=7))
    assert len(found) == 2
    assert np.all(distances(found, sources) < 0.7)
    assert found["flags"][0] & DetectionFlag.EDGE


def test_noise_alone_gives_as_many_detections_as_expected():
    number, expected = 0, 0
    for seed in range(6):
        cube = field([], seed=seed, shape=(64, 60, 60), correlated=seed % 2 == 1)
        found = ContinuumDetector(threshold=3.5, bands=1).detect(cube)
        number += len(found)
        expected += find_segments(open_cube(cube), bands=1).n_false(3.5)
    assert 5 < expected < 100
    assert expected / 3 < number < 2 * expected


def test_no_source_gives_an_empty_table():
    found = ContinuumDetector().detect(field([]))
    assert len(found) == 0
    assert found.meta["MEDIUM"] == "air"


def test_a_red_source_shows_in_its_band():
    cube = field([])
    cube.data[300:, 19:22, 19:22] += 12.0
    found = ContinuumDetector().detect(cube)
    images = find_segments(open_cube(cube)).images
    assert len(found) == 1
    assert found["snr"][0] > 1.3 * images[0].snr[20, 20]


def test_edge_and_masked_sources_are_flagged():
    cube = field([(1, 20, 40), (20, 20, 40)])
    cube.data[:, 20:22, 22] = np.ma.masked
    found = ContinuumDetector().detect(cube)
    found.sort("x")
    assert found["flags"][0] == DetectionFlag.EDGE
    assert found["flags"][-1] == DetectionFlag.MASKED


def test_no_source_is_where_there_are_no_data():
    cube = field([(17, 20, 400)])
    y, x = np.mgrid[:40, :40]
    cube.data += 60 * np.exp(-np.hypot(x - 17, y - 20) / 8)
    cube.data[:, :, 20:] = np.ma.masked
    found = ContinuumDetector().detect(cube)
    assert np.hypot(found["x"][0] - 17, found["y"][0] - 20) < 3
    assert found["x"].max() < 19.5


def test_the_default_psf_is_flagged_and_a_setting_replaces_it():
    cube = field([(20, 20, 15)])
    cube.primary_header.remove("FSFMODE")
    assert ContinuumDetector().detect(cube)["flags"][0] & DetectionFlag.DEFAULT_PSF
    assert not ContinuumDetector(psf=0.7).detect(cube)["flags"][0] & DetectionFlag.DEFAULT_PSF


def test_a_star_of_the_field_tells_the_psf_and_the_metadata_say_so():
    cube = field([(12, 12, 300), (28, 28, 40)])
    cube.primary_header.remove("FSFMODE")
    found = ContinuumDetector().detect(cube)
    assert len(found) == 2
    assert not np.any(found["flags"] & DetectionFlag.DEFAULT_PSF)
    assert found.meta["PSF_FROM"] == "star"
    assert found.meta["PSF_FWHM"] == pytest.approx(0.7, rel=0.04)


def test_one_galaxy_that_fills_the_field_is_one_source():
    cube = field([])
    y, x = np.mgrid[:40, :40]
    cube.data += 60 * np.exp(-np.hypot(x - 22, (y - 15) / 1.3) / 8)
    found = ContinuumDetector().detect(cube)
    assert len(found) == 1
    assert np.hypot(found["x"][0] - 22, found["y"][0] - 15) < 1


def test_a_constant_sky_is_no_source():
    cube = field([(20, 20, 40)])
    cube.data += 50.0
    assert len(ContinuumDetector().detect(cube)) == 1


def test_the_background_of_a_large_field_may_vary():
    cube = field([(30, 30, 30), (90, 80, 30)], shape=(64, 130, 130))
    cube.data += np.linspace(0, 5, 130)
    found = ContinuumDetector(bands=1).detect(cube)
    assert np.all(distances(found, [(30, 30, 0), (90, 80, 0)]) < 1)
    assert len(found) == 2


@pytest.mark.parametrize("settings", [{"threshold": 0}, {"bands": 0}, {"psf": "wide"}, {"psf": 0}])
def test_impossible_settings_are_refused(settings):
    with pytest.raises(SettingError, match=f"{next(iter(settings))} must be"):
        ContinuumDetector(**settings).detect(field([], shape=(20, 10, 10)))


def test_the_smallest_cube_is_survived():
    wave = WaveCoord(crval=5000.0, cdelt=1.25, cunit="Angstrom", ctype="AWAV", shape=2)
    wcs = WCS(crval=(0, 0), deg=True, cdelt=(5e-5, -5e-5), shape=(1, 2))
    cube = Cube(data=np.ones((2, 1, 2)), var=np.ones((2, 1, 2)), wave=wave, wcs=wcs, unit="1e-20 erg/(s cm2 Angstrom)")
    assert len(ContinuumDetector().detect(cube)) <= 1


def test_bands_partition_the_cube():
    data = open_cube(field([(20, 20, 40)]))
    collapsed = collapse(data, bands=3)
    planes, variances = data.block(0, SHAPE[0])
    image, weight = collapsed.white()
    assert np.allclose(image, (planes / variances).sum(axis=0) / (1 / variances).sum(axis=0), rtol=1e-4, atol=1e-3)
    assert np.allclose(weight, sum(collapsed.band(k)[1] for k in range(3)), rtol=1e-5)
    assert np.isclose(collapsed.edges[-1] - collapsed.edges[0], SHAPE[0] * 1.25)


def test_noise_images_hold_no_source_and_have_the_right_scatter():
    collapsed = collapse(open_cube(field([(20, 20, 300)])), bands=1)
    for image, weight in collapsed.noise(0):
        pull = image * np.sqrt(weight)
        assert 0.85 < pull.std() < 1.15
        assert abs(pull[20, 20]) < 5


def test_the_matched_filter_gives_the_signal_to_noise_ratio_of_theory():
    kernel = PSF(0.7).image(7000, 0.2)
    image = np.zeros((41, 41))
    image[20 - kernel.shape[0] // 2 :, 20 - kernel.shape[0] // 2 :][: kernel.shape[0], : kernel.shape[0]] = 50 * kernel
    snr = matched_filter(image, np.full(image.shape, 4.0), kernel)
    assert np.isclose(snr[20, 20], 50 * 2 * np.sqrt(np.sum(kernel**2)))


def test_magnitudes_and_colours_are_those_of_the_sources(sparse):
    cube = field([(20, 20, 200)])
    found = ContinuumDetector().detect(cube)
    data = open_cube(cube)
    density = 200 * flux_error(field([])) / (SHAPE[0] * 1.25) * 1e-20  # erg / (s cm2 Angstrom), the same everywhere
    first, last = data.wave[0] - 0.625, data.wave[-1] + 0.625
    per_hertz = [density * (high**2 - low**2) / 2 / np.log(high / low) / 2.998e18 for low, high in
                 ((first, last), (first, (first + last) / 2), ((first + last) / 2, last))]  # fmt: skip
    white, blue, red = (-2.5 * np.log10(value) - 48.6 for value in per_hertz)
    assert found["mag"][0] == pytest.approx(white, abs=0.03)
    assert found["color"][0] == pytest.approx(blue - red, abs=0.06)
    assert found["mag_err"][0] == pytest.approx(1.086 * found["flux_err"][0] / found["flux"][0], rel=0.1)
    assert 0 < found["color_err"][0] < 0.05


def test_a_neighbour_does_not_brighten_a_source():
    sources = [(14, 20, 100), (20, 20, 20)]
    found = ContinuumDetector().detect(field(sources))
    found.sort("x")
    assert np.allclose(found["flux"] / flux_error(field([])), [100, 20], atol=5)


def test_one_band_has_no_colour():
    found = ContinuumDetector(bands=1).detect(field([(20, 20, 60)]))
    assert found["color"].mask.all()
    assert not found["mag"].mask.any()


@pytest.mark.parametrize(("number", "least"), [(24, 23), (36, 34)])
def test_most_sources_of_a_crowded_field_are_found_and_no_false_one(number, least):
    rng = np.random.default_rng(number)
    places = []
    while len(places) < number:
        place = rng.uniform(3, 56, 2)
        if all(np.hypot(*(place - other)) > 7 for other in places):
            places.append(place)
    sources = [(*place, snr) for place, snr in zip(places, 7 * 8 ** rng.random(number), strict=True)]
    found = ContinuumDetector().detect(field(sources, shape=(300, 60, 60)))
    assert np.count_nonzero(distances(found, sources) < 1.5) >= least
    assert all(np.min([np.hypot(x - row["x"], y - row["y"]) for x, y, _ in sources]) < 2.5 for row in found)

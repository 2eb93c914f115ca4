"""The detector of radio images: what it finds, what it measures, how sure that is, and what it leaves out."""

import numpy as np
import pytest
from astropy.io import fits
from scipy.ndimage import gaussian_filter

import museml
from museml.catalogs.score import score_detections
from museml.detectors import rms_map
from museml.detectors.dendrogram import DendrogramDetector
from museml.errors import DetectionFlag, SettingError
from museml.simulation.fields import simulate_field

SCALE, BEAM, RMS = 1.5, 6.0, 1e-4  # arcsec, arcsec, Jy/beam
SIDE = 300


def correlated_noise(shape, seed):
    """Return noise of the scatter RMS whose autocorrelation is the beam."""
    smooth = gaussian_filter(np.random.default_rng(seed).standard_normal(shape), BEAM / SCALE / 2.3548 / np.sqrt(2))
    return RMS * smooth / smooth.std()


def gaussian(shape, x, y, peak, major=BEAM, minor=BEAM, pa=0.0):
    """Return the image of a Gaussian source; axes in arcsec with the beam, pa from up to left."""
    dy, dx = np.indices(shape)
    dx, dy, pa = (dx - x) * SCALE, (dy - y) * SCALE, np.radians(pa)
    along, across = dy * np.cos(pa) - dx * np.sin(pa), dx * np.cos(pa) + dy * np.sin(pa)
    return peak * np.exp(-4 * np.log(2) * ((along / major) ** 2 + (across / minor) ** 2))


def as_hdu(values):
    cards = {"CTYPE1": "RA---SIN", "CTYPE2": "DEC--SIN", "CRVAL1": 205.0, "CRVAL2": 55.0, "CRPIX1": 100.0,
             "CRPIX2": 100.0, "CDELT1": -SCALE / 3600, "CDELT2": SCALE / 3600, "BUNIT": "JY/BEAM",
             "BMAJ": BEAM / 3600, "BMIN": BEAM / 3600, "BPA": 0.0}  # fmt: skip
    return fits.PrimaryHDU(np.asarray(values, "f4"), fits.Header(cards))


def detect(values, **settings):
    return museml.detect(as_hdu(values), "dendrogram", **settings)


@pytest.fixture(scope="module")
def grid():
    """100 point sources of S/N 25 on a grid, with offsets of parts of a pixel, and what is found."""
    rng = np.random.default_rng(5)
    places = np.stack(np.meshgrid(*[np.arange(20, 300, 29)] * 2), axis=-1).reshape(-1, 2) + rng.uniform(-0.5, 0.5, 2)
    values = correlated_noise((SIDE, SIDE), 6)
    for x, y in places:
        values += gaussian(values.shape, x, y, 25 * RMS)
    return places, detect(values, threshold=6)


@pytest.fixture(scope="module")
def strong():
    """A simulated field with strong artefacts."""
    return simulate_field((600, 600), seed=5, artefacts="strong", artefact_radius=60)


def test_points_are_found_once_where_they_are(grid):
    places, found = grid
    assert len(found) == len(places)
    distance = np.hypot(found["x"][:, None] - places[:, 0], found["y"][:, None] - places[:, 1]).min(axis=0)
    assert distance.max() < 0.4
    assert np.sqrt(np.mean(distance**2)) == pytest.approx(4 / 2.3548 / 25 * np.sqrt(2), rel=0.5)


def test_fluxes_and_their_errors_are_right(grid):
    found = grid[1]
    pull = (found["flux"] - 25 * RMS) / found["flux_err"]
    assert np.median(found["flux"]) == pytest.approx(25 * RMS, rel=0.02)
    assert 0.7 < np.std(pull) < 1.4
    assert np.median(found["rms"]) == pytest.approx(RMS, rel=0.1)


def test_most_points_are_unresolved_and_have_the_size_of_the_beam(grid):
    found = grid[1]
    points = found[found["dc_major"] == 0]
    assert len(points) > 90
    np.testing.assert_allclose(points["major"], BEAM, rtol=1e-6)
    assert points["major_err"].mask.all()


def test_errors_of_positions_are_those_of_the_scatter(grid):
    places, found = grid
    nearest = np.hypot(found["x"][:, None] - places[:, 0], found["y"][:, None] - places[:, 1]).argmin(axis=1)
    pull = (found["x"] - places[nearest, 0]) * SCALE / found["ra_err"]
    assert 0.7 < np.std(pull) < 1.4


@pytest.mark.parametrize("pa", [30.0, 120.0])
def test_an_extended_source_has_its_flux_size_and_angle(pa):
    peak = 200 * RMS
    values = correlated_noise((150, 150), 7) + gaussian((150, 150), 70.3, 80.6, peak, 15.0, 9.0, pa)
    found = detect(values)
    best = found[0]
    assert best["flux"] == pytest.approx(peak * 15 * 9 / 36, rel=0.03)
    assert best["major"] == pytest.approx(15, rel=0.03)
    assert best["dc_minor"] == pytest.approx(np.sqrt(9**2 - 6**2), rel=0.06)
    assert (best["pa"] - pa + 90) % 180 - 90 == pytest.approx(0, abs=3)
    assert best["major_err"] < 0.5


def test_the_beam_has_one_direction_in_the_image_though_north_turns_at_the_pole():
    hdu = as_hdu(correlated_noise((80, 400), 14) + gaussian((80, 400), 380, 40, 200 * RMS, 12, 6, 30))
    hdu.header.update(CRVAL2=89.95, CRPIX1=30, CRPIX2=40, BMAJ=12 / 3600, BMIN=6 / 3600, BPA=30)
    best = museml.detect(hdu, "dendrogram", threshold=8)[0]
    assert best["flux"] == pytest.approx(200 * RMS, rel=0.03)
    assert best["dc_major"] == 0
    assert abs((best["pa"] - 30 + 90) % 180 - 90) > 20


def test_two_sources_in_one_peak_are_told_apart():
    values = correlated_noise((120, 120), 8)
    for x, peak in ((60, 100), (64, 60)):
        values = values + gaussian(values.shape, x, 60, peak * RMS)
    found = detect(values, threshold=8)
    assert sorted(np.round(found["x"])) == [60, 64]
    assert found["flux"].max() == pytest.approx(100 * RMS, rel=0.1)
    assert np.all(found["flags"] & DetectionFlag.BLEND)


def test_lobes_on_one_trunk_are_one_source():
    values = correlated_noise((120, 160), 9)
    for x in (60, 69, 120):
        values = values + gaussian(values.shape, x, 60, 60 * RMS)
    found = detect(values, threshold=8)
    number = dict(zip(np.round(found["x"]), found["source"], strict=True))
    assert number[60] == number[69] != number[120]


def test_edges_and_holes_are_flagged():
    values = correlated_noise((120, 160), 10)
    for x, y in ((1, 60), (60, 60), (120, 60)):
        values = values + gaussian(values.shape, x, y, 60 * RMS)
    values[61:70, 60:70] = np.nan
    flags = dict(zip(*(lambda f: (np.round(f["x"], -1), f["flags"]))(detect(values, threshold=8)), strict=True))
    assert flags[0] & DetectionFlag.EDGE
    assert flags[60] & DetectionFlag.MASKED
    assert flags[120] == 0


def test_a_field_is_searched_completely_and_reliably():
    field = simulate_field((600, 600), seed=2, artefacts="clean", density=1.5)
    score = score_detections(museml.detect(field.hdu, "dendrogram"), field.components)
    assert score.completeness.value > 0.9
    assert score.reliability.value > 0.96


def test_artefacts_are_left_out_and_flagged_where_they_are_wanted(strong):
    reliability = {}
    for kept in (False, True):
        found = museml.detect(strong.hdu, "dendrogram", keep_artefacts=kept)
        reliability[kept] = score_detections(found, strong.components).reliability.value
    assert reliability[True] + 0.1 < reliability[False] > 0.85
    doubtful = found["flags"] & DetectionFlag.ARTEFACT > 0
    verdict = score_detections(found, strong.components).verdict == "false"
    assert verdict[doubtful].mean() > 0.7 > 0.2 > verdict[~doubtful].mean()


def test_the_answer_does_not_depend_on_the_strips(strong, monkeypatch):
    whole = museml.detect(strong.hdu, "dendrogram")
    monkeypatch.setattr(rms_map, "PIXELS", 100 * 600)
    strips = museml.detect(strong.hdu, "dendrogram")
    for name in ("x", "y", "flux", "score", "flags", "source"):
        np.testing.assert_array_equal(whole[name], strips[name])


def test_the_number_of_false_detections_is_that_of_noise():
    found = detect(correlated_noise((500, 500), 11), threshold=3.7, min_npix=0, min_delta=0)
    assert len(found) == pytest.approx(found["n_false"].max(), rel=0.3)
    assert found["n_false"].min() == pytest.approx(1, abs=2)


@pytest.mark.parametrize("shape", [(12, 300), (20, 20)])
def test_one_source_in_a_small_image(shape):
    values = correlated_noise(shape, 12) + gaussian(shape, 8, 6, 100 * RMS)
    found = detect(values, threshold=8)
    assert len(found) == 1
    assert found["flux"][0] == pytest.approx(100 * RMS, rel=0.15)


@pytest.mark.parametrize("values", [np.zeros((50, 60)), np.full((50, 60), 3.0), correlated_noise((50, 60), 13)])
def test_nothing_found_is_an_empty_table(values):
    found = detect(values, threshold=6)
    assert len(found) == 0
    assert found["flux"].unit == "Jy"


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [("threshold", 2.0, "threshold must be a number from 2.5"), ("min_value", 0, "min_value must be a number from 0.5"),
     ("min_delta", -1, "min_delta must be"), ("min_npix", "few", "min_npix must be"), ("box", 1, "box must be"),
     ("adaptive", 1, "adaptive must be true or false"), ("keep_artefacts", None, "keep_artefacts must be true")],
)  # fmt: skip
def test_settings_that_break_a_rule_are_refused(name, value, words):
    with pytest.raises(SettingError, match=words):
        DendrogramDetector(**{name: value}).check_settings()

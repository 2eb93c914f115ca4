import numpy as np
import pytest
from astropy.table import Table, vstack
from mpdaf.sdetect import Catalog, Source

from museml.data.cubes import open_cube
from museml.data.psf import PSF
from museml.detection import Detections
from museml.errors import ContractError
from museml.extraction import extract_source, extract_sources, white_image
from museml.extraction.narrowband import band_name
from museml.simulation.cubes import inject_lines, simulate_cube


def detections_of(rows):
    """Return detections with the positions, fluxes and widths of a truth table, one source per row."""
    is_line = np.asarray(rows["kind"]) == "line"
    number = np.arange(1, len(rows) + 1)
    columns = {
        "id": number,
        "source": number,
        "kind": np.where(is_line, "line", "continuum"),
        **{name: np.asarray(rows[name], float) for name in ("ra", "dec", "x", "y")},
        "wave": np.ma.array(np.nan_to_num(rows["wave"]), mask=~is_line),
        "fwhm": np.ma.array(np.nan_to_num(rows["fwhm"]), mask=~is_line),
        "snr": np.asarray(rows["snr"], float),
        "flux": np.asarray(rows["flux"], float),
        "flux_err": np.asarray(rows["flux"] / rows["snr"], float),
        "score": np.asarray(rows["snr"], float),
        "n_false": np.zeros(len(rows)),
    }
    return Detections.from_columns(columns, meta={"PLUGIN": "truth", "PLUGIN_V": "1", "MEDIUM": "air"})


@pytest.fixture(scope="module")
def blank():
    return simulate_cube((400, 31, 31), seed=3, n_lines=0, n_galaxies=0, n_continuum=0, psf=PSF(0.7))[0]


@pytest.fixture(scope="module")
def bright(blank):
    """Return a cube with one bright line, its detection, and its flux."""
    from astropy.table import Table

    row = {
        "kind": ["line"],
        "x": [14.3],
        "y": [15.8],
        "wave": [5000.0],
        "fwhm": [4.0],
        "flux": [20000.0],
        "snr": [90.0],
    }
    truth = Table(row)
    cube = open_cube(inject_lines(blank, truth))
    truth["ra"], truth["dec"] = cube.pixel_to_sky(truth["x"], truth["y"])
    return cube, detections_of(truth), 20000.0


def line_flux(spectrum, wave, half):
    values = spectrum.data.filled(0)[np.abs(spectrum.wave.coord() - wave) <= half]
    return values.sum() * 1.25


@pytest.mark.parametrize(("name", "share"), [("MUSE_PSF", 1.0), ("MUSE_PSF_SKYSUB", 0.99), ("MUSE_APER_SKYSUB", 0.73)])
def test_spectra_hold_the_flux_of_the_line(bright, name, share):
    cube, detections, flux = bright
    source = extract_source(cube, detections, 7)
    assert line_flux(source.spectra[name], 5000.0, 10) == pytest.approx(share * flux, rel=0.08)


@pytest.mark.parametrize("name", ["MUSE_PSF", "MUSE_APER", "MUSE_PSF_SKYSUB", "MUSE_APER_SKYSUB", "MUSE_SKY"])
def test_errors_are_those_of_the_noise(blank, name):
    detections = detections_of(simulate_cube((400, 31, 31), seed=4, n_lines=4, n_galaxies=0, n_continuum=0)[1])
    pulls = [
        (source.spectra[name].data / np.sqrt(source.spectra[name].var)).filled(0)
        for source in extract_sources(open_cube(blank), detections, detections["source"])
    ]
    assert np.std(pulls) == pytest.approx(1, abs=0.05)
    assert np.mean(pulls) == pytest.approx(0, abs=0.1)


def test_optimal_weights_beat_the_aperture(bright):
    cube, detections, _ = bright
    source = extract_source(cube, detections, 1)
    signal = {"MUSE_PSF": 1.0, "MUSE_APER": 0.74}
    optimal, aperture = (share / np.sqrt(source.spectra[name].var.mean()) for name, share in signal.items())
    assert optimal > 1.1 * aperture


def test_narrow_band_shows_the_line_at_its_place(bright):
    cube, detections, flux = bright
    source = extract_source(cube, detections, 1)
    image = source.images[band_name(5000.0)]
    assert image.data.sum() == pytest.approx(flux, rel=0.1)
    peak = np.unravel_index(image.data.argmax(), image.shape)
    assert np.hypot(*(np.array(peak) - image.wcs.sky2pix((source.DEC, source.RA))[0])) < 1


def test_narrow_band_has_no_continuum(blank):
    continuum = {"kind": ["continuum"], "x": [15.0], "y": [15.0], "flux": [3e6], "slope": [0.0]}
    cube = inject_lines(blank, Table(continuum))
    row = {"kind": ["line"], "x": [15.0], "y": [15.0], "wave": [5000.0], "fwhm": [4.0], "flux": [1.0], "snr": [9.0]}
    row = Table({**row, "ra": [0.0], "dec": [0.0]})
    image = extract_source(open_cube(cube), detections_of(row), 1).images[band_name(5000.0)]
    pulls = image.data / np.sqrt(image.var)
    assert abs(pulls.mean()) < 0.2
    assert pulls.std() < 1.3


def test_local_sky_is_subtracted_even_if_it_slopes(blank):
    """A line-only source on light that falls across the field keeps no continuum of it."""
    cube = blank.copy()
    cube.data = cube.data + 5 * np.arange(31.0)[None, None, :]
    row = detections_of(simulate_cube((400, 31, 31), seed=4, n_lines=1, n_galaxies=0, n_continuum=0)[1])
    source = extract_source(open_cube(cube), row, 1)
    spectrum = source.spectra["MUSE_PSF_SKYSUB"]
    assert source.REFSPEC == "MUSE_PSF_SKYSUB"
    assert source.spectra["MUSE_PSF"].data.mean() > 100
    assert abs((spectrum.data / np.sqrt(spectrum.var)).mean()) < 0.2


def test_a_galaxy_that_fills_its_sky_ring_is_not_subtracted(blank):
    cube = blank.copy()
    y, x = np.mgrid[:31, :31] - 15.0
    cube.data = cube.data + 50 * np.exp(-np.hypot(x, y) / 12)
    row = {"kind": ["continuum"], "x": [15.0], "y": [15.0], "wave": [0.0], "fwhm": [0.0], "flux": [1.0], "snr": [9.0]}
    from astropy.table import Table

    detections = detections_of(Table({**row, "ra": [0.0], "dec": [0.0]}))
    assert extract_source(open_cube(cube), detections, 1).REFSPEC == "MUSE_PSF"
    star = inject_lines(blank, Table({"kind": ["continuum"], "x": [15.0], "y": [15.0], "flux": [3e6], "slope": [0.0]}))
    assert extract_source(open_cube(star), detections, 1).REFSPEC == "MUSE_PSF_SKYSUB"


def test_position_of_a_source_is_the_mean_of_its_lines(bright):
    cube, detections, _ = bright
    other = detections.copy()
    other["x"], other["wave"] = 15.3, 5100.0
    source = extract_source(cube, vstack([detections, other]), 3)
    assert source.ID == 3
    assert pytest.approx(14.8) == source.X
    assert list(source.lines["LBDA_OBS"]) == [5000.0, 5100.0]
    assert set(source.images) == {"MUSE_WHITE", "NB_5000", "NB_5100"}


def test_masked_voxels_do_not_spoil_the_spectrum(bright):
    cube, detections, flux = bright
    masked = cube.to_mpdaf().copy()
    masked.mask[:, 16, 15] = True
    masked.mask[100] = True
    source = extract_source(open_cube(masked), detections, 1)
    assert line_flux(source.spectra["MUSE_PSF"], 5000.0, 10) == pytest.approx(flux, rel=0.06)
    assert source.spectra["MUSE_PSF"].mask[100]
    assert not source.spectra["MUSE_PSF"].mask[101]


def test_a_source_at_the_corner_of_a_tiny_field(blank):
    tiny = open_cube(blank[:, :4, :4])
    row = detections_of(simulate_cube((400, 31, 31), seed=4, n_lines=1, n_galaxies=0, n_continuum=0)[1])
    row["x"], row["y"] = 0.0, 3.0
    source = extract_source(tiny, row, 1)
    assert source.REFSPEC == "MUSE_PSF"
    assert source.images["MUSE_WHITE"].data.count() == 16


@pytest.mark.parametrize("x", [31.0, -1.0, np.nan])
def test_a_detection_outside_the_field_is_the_detectors_fault(bright, x):
    cube, detections, _ = bright
    detections = detections.copy()
    detections["x"] = x
    with pytest.raises(ContractError, match="detector 'truth' put one at x = "):
        extract_source(cube, detections, 1)


def test_white_image_is_the_mean(blank):
    cube = open_cube(blank)
    assert np.allclose(white_image(cube), blank.data.mean(axis=0), rtol=1e-4, atol=1e-3)


def test_source_survives_its_file_and_mpdaf_makes_a_catalogue(bright, tmp_path):
    cube, detections, _ = bright
    source = extract_source(cube, detections, 12)
    source.write(str(tmp_path / "source.fits"))
    again = Source.from_file(str(tmp_path / "source.fits"))
    assert (again.ID, again.FROM, again.DETECTOR, again.REFSPEC) == (12, "museml", "truth", "MUSE_PSF_SKYSUB")
    assert np.allclose(again.spectra["MUSE_PSF"].data, source.spectra["MUSE_PSF"].data)
    assert again.lines["LBDA_OBS"].unit == "Angstrom"
    catalog = Catalog.from_sources([again])
    assert catalog["RA"][0] == pytest.approx(source.RA)


def test_detections_are_not_changed(bright):
    cube, detections, _ = bright
    before = detections.copy()
    extract_source(cube, detections, 5)
    assert (before["source"] == detections["source"]).all()


def test_a_masked_side_band_leaves_no_continuum_in_the_narrow_band(blank):
    cube = blank.copy()
    cube.data = cube.data + 1000.0
    wave = cube.wave.coord()
    cube.mask[(wave > 4960) & (wave < 4995)] = True
    row = {"kind": ["line"], "x": [15.0], "y": [15.0], "wave": [5000.0], "fwhm": [4.0], "flux": [1.0], "snr": [9.0]}
    row = Table({**row, "ra": [0.0], "dec": [0.0]})
    image = extract_source(open_cube(cube), detections_of(row), 1).images[band_name(5000.0)]
    assert abs((image.data / np.sqrt(image.var)).mean()) < 0.2


@pytest.mark.parametrize("fwhm", [0.5, 0.9])
def test_the_flux_of_a_point_source_does_not_depend_on_the_sampling(blank, fwhm):
    psf, quiet = PSF(fwhm), blank.copy()
    quiet.data = quiet.data * 0
    row = {"kind": ["continuum"], "x": [15.3], "y": [14.8], "wave": [0.0], "fwhm": [0.0], "flux": [3e6], "snr": [9.0]}
    star = inject_lines(quiet, Table({**row, "slope": [0.0]}), psf=psf)
    source = extract_source(open_cube(star), detections_of(Table({**row, "ra": [0.0], "dec": [0.0]})), 1, psf=psf)
    span = 1.25 * len(source.spectra["MUSE_PSF"].data)
    assert source.spectra["MUSE_PSF"].data.mean() * span == pytest.approx(3e6, rel=1e-2)

import numpy as np
import pytest
from astropy.table import Table, vstack

from museml.data.cubes import open_cube
from museml.data.psf import PSF
from museml.detection import Detections
from museml.extraction import extract_sources
from museml.extraction.neighbours import Sources
from museml.simulation.cubes import inject_lines, simulate_cube

BRIGHT = {"source": 1, "kind": "continuum", "x": 17.2, "y": 20.1, "flux": 3e6, "slope": 0.0, "snr": 300.0}
BRIGHT_LINE = {"source": 1, "kind": "line", "x": 17.2, "y": 20.1, "wave": 4900.0, "fwhm": 4.0, "flux": 3e4, "snr": 99.0}
FAINT_LINE = {"source": 2, "kind": "line", "x": 22.6, "y": 21.0, "wave": 5050.0, "fwhm": 4.0, "flux": 3e3, "snr": 9.0}


def detections_of(cube, rows):
    """Return detections as the rows of a truth table tell."""
    is_line = np.asarray(rows["kind"]) == "line"
    ra, dec = cube.pixel_to_sky(rows["x"], rows["y"])
    columns = {name: np.asarray(rows[name]) for name in ("source", "kind", "x", "y", "snr", "flux")}
    columns |= {"id": np.arange(1, len(rows) + 1), "ra": ra, "dec": dec, "score": columns["snr"]}
    columns |= {"n_false": np.zeros(len(rows)), "flux_err": columns["flux"] / columns["snr"]}
    for name in ("wave", "fwhm"):
        columns[name] = np.ma.array(np.ma.filled(rows[name], 0.0), mask=~is_line)
    return Detections.from_columns(columns, meta={"PLUGIN": "truth", "PLUGIN_V": "1"})


def table_of(*rows):
    return vstack([Table([row]) for row in rows])


def line_flux(spectrum, wave, beside=40.0):
    """Return the flux of a line above what is beside it."""
    distance = np.abs(spectrum.wave.coord() - wave)
    level = np.ma.median(spectrum.data[(distance > 12) & (distance < beside)])
    return 1.25 * (spectrum.data[distance < 8] - level).sum()


@pytest.fixture(scope="module")
def blank():
    return simulate_cube((400, 41, 41), seed=5, n_lines=0, n_galaxies=0, n_continuum=0, psf=PSF(0.7))[0]


@pytest.fixture(scope="module")
def pair(blank):
    """Return the sources of a bright galaxy and a faint one 5.5 pixels from it."""
    rows = table_of(BRIGHT, BRIGHT_LINE, FAINT_LINE)
    cube = open_cube(inject_lines(blank, rows))
    return list(extract_sources(cube, detections_of(cube, rows), [1, 2]))


def test_lines_of_a_neighbour_do_not_leak_in(pair):
    bright, faint = pair
    assert line_flux(faint.spectra["MUSE_PSF_SKYSUB"], 4900.0) > 0.03 * 3e4
    assert abs(line_flux(faint.spectra["MUSE_DEBLEND"], 4900.0)) < 0.02 * 3e4
    assert line_flux(faint.spectra["MUSE_DEBLEND"], 5050.0) == pytest.approx(3e3, rel=0.25)
    assert line_flux(bright.spectra["MUSE_DEBLEND"], 4900.0) == pytest.approx(3e4, rel=0.03)


def test_the_continuum_of_a_neighbour_does_not_leak_in(pair):
    bright, faint = pair
    level = 3e6 / 500
    assert faint.spectra["MUSE_PSF_SKYSUB"].data.mean() > 0.02 * level
    assert abs(faint.spectra["MUSE_DEBLEND"].data.mean()) < 0.005 * level
    assert bright.spectra["MUSE_DEBLEND"].data.mean() == pytest.approx(level, rel=0.02)


def test_the_spectrum_without_neighbours_is_the_one_to_be_classified(pair):
    assert [source.REFSPEC for source in pair] == ["MUSE_DEBLEND"] * 2
    assert [(source.header["DEBL_N"], source.header["DEBL_CL"]) for source in pair] == [(1, 0)] * 2


def test_a_source_is_the_same_whoever_else_is_asked_for(blank, pair):
    rows = table_of(BRIGHT, BRIGHT_LINE, FAINT_LINE)
    cube = open_cube(inject_lines(blank, rows))
    (alone,) = extract_sources(cube, detections_of(cube, rows), [2])
    for name, spectrum in pair[1].spectra.items():
        assert np.array_equal(alone.spectra[name].data, spectrum.data)


def test_parts_of_one_object_are_not_taken_apart(blank):
    """A second source with a line at the wavelength of the first one's is a part of the same nebula."""
    rows = table_of(BRIGHT, BRIGHT_LINE, {**FAINT_LINE, "wave": 4900.5})
    cube = open_cube(inject_lines(blank, rows))
    assert {source.REFSPEC for source in extract_sources(cube, detections_of(cube, rows), [1, 2])} == {
        "MUSE_PSF_SKYSUB"
    }


def test_sources_too_close_are_one(blank):
    """Two sources at a third of a FWHM: the noise does not grow, and the header tells."""
    near = {**FAINT_LINE, "x": BRIGHT["x"] + 1.1, "y": BRIGHT["y"]}
    rows = table_of(BRIGHT, near)
    cube = open_cube(inject_lines(blank, rows))
    bright, faint = extract_sources(cube, detections_of(cube, rows), [1, 2])
    assert (faint.header["DEBL_CL"], faint.header["DEBL_N"]) == (1, 0)
    assert "MUSE_DEBLEND" not in faint.spectra
    assert bright.header["DET_FLAG"] & 8


def test_a_star_in_the_field_of_an_extended_galaxy(blank):
    """The shape of an extended neighbour is known from white light: its light is not taken for the star's."""
    galaxy = {**BRIGHT, "size": 1.2, "flux": 1e7}
    star = {**BRIGHT, "source": 2, "x": 23.5, "flux": 1e6, "size": 0.0}
    rows = table_of({**galaxy, "wave": 0.0, "fwhm": 0.0}, {**star, "wave": 0.0, "fwhm": 0.0})
    cube = open_cube(inject_lines(blank, rows))
    _, found = extract_sources(cube, detections_of(cube, rows), [1, 2])
    assert found.spectra["MUSE_PSF"].data.mean() > 1.5 * 1e6 / 500
    assert found.spectra["MUSE_DEBLEND"].data.mean() == pytest.approx(1e6 / 500, rel=0.05)


def test_edges_gaps_and_masked_spaxels(blank):
    cube = blank.copy()
    cube.mask[100:140] = True
    cube.mask[:, :, 21] = True
    rows = table_of({**BRIGHT, "wave": 0.0, "fwhm": 0.0}, FAINT_LINE)
    cube = open_cube(inject_lines(cube, rows))
    _, faint = extract_sources(cube, detections_of(cube, rows), [1, 2])
    spectrum = faint.spectra["MUSE_DEBLEND"]
    assert spectrum.mask[100:140].all()
    assert not spectrum.mask[:90].any()
    assert not spectrum.mask[150:].any()
    assert line_flux(spectrum, 5050.0) == pytest.approx(3e3, rel=0.3)
    pulls = (spectrum.data / np.sqrt(spectrum.var))[250:]
    assert pulls.std() == pytest.approx(1, abs=0.12)


def test_neighbours_are_found_the_nearest_first():
    rows = table_of(FAINT_LINE, {**FAINT_LINE, "source": 1, "x": 30.0}, {**FAINT_LINE, "source": 7, "x": 23.0})
    table = detections_of(open_cube(simulate_cube((20, 5, 5), seed=1)[0]), rows)
    sources = Sources(table)
    assert list(sources.numbers) == [1, 2, 7]
    around = sources.around(sources.row(1), 10.0, 2.0)
    assert (list(around.rows), around.merged) == ([0, 2], 0)
    assert sources.around(sources.row(2), 5.0, 2.0).merged == 1


def test_a_knot_in_a_nebula_is_not_taken_from_it(blank):
    """A line of an extended galaxy that was detected beside its centre only is the galaxy's."""
    galaxy = {**BRIGHT, "size": 1.5, "wave": 0.0, "fwhm": 0.0}
    gas = {**FAINT_LINE, "x": BRIGHT["x"], "y": BRIGHT["y"], "size": 1.5, "flux": 1e4}
    cube = open_cube(inject_lines(blank, table_of(galaxy, gas)))
    knot = {**FAINT_LINE, "x": BRIGHT["x"] + 3.0, "y": BRIGHT["y"]}
    galaxy, knot = extract_sources(cube, detections_of(cube, table_of(galaxy, knot)), [1, 2])
    assert "MUSE_DEBLEND" in knot.spectra
    assert knot.REFSPEC == "MUSE_PSF_SKYSUB"

import numpy as np
import pytest
from astropy.table import Table
from mpdaf.obj import Spectrum, WaveCoord
from mpdaf.sdetect import Source

from museml.data.linelist import LINES
from museml.data.spectral import to_air
from museml.extraction.identification import write_lines

Z = 0.4
NAMES = ("HBETA", "OIII4960", "OIII5008")
PLACES = [float(to_air(LINES[name].wave * (1 + Z), "vacuum")) for name in NAMES]


@pytest.fixture
def source():
    """Return a source with Hb and [OIII] at z = 0.4, of which one was detected, and a detection that is no line."""
    wave = 4750 + 1.25 * np.arange(3681)
    flux = np.random.default_rng(1).normal(0, 10, len(wave))
    flux += sum(300 * np.exp(-(((wave - place) / 2.5) ** 2) / 2) for place in PLACES)
    axis = WaveCoord(crpix=1, cdelt=1.25, crval=4750, cunit="Angstrom", ctype="AWAV", shape=len(wave))
    source = Source.from_data(1, 53.1, -27.8, ("museml", "1", "cube.fits", ""), extras={"REFSPEC": "MUSE_PSF"})
    source.spectra["MUSE_PSF"] = Spectrum(wave=axis, data=flux, var=np.full(len(wave), 100.0))
    columns = {"LBDA_OBS": [PLACES[2] + 0.4, 8000.0], "FLUX": [1900.0, 90.0], "FLUX_ERR": [30.0, 20.0]}
    source.lines = Table(columns, masked=True)
    return source


def named(source):
    return {str(row["LINE"]): (row["LBDA_OBS"], row["ML_LINE"]) for row in source.lines}


def test_detected_lines_are_named_and_missing_ones_added(source):
    write_lines(source, Z)
    assert named(source)["OIII5008"] == (pytest.approx(PLACES[2] + 0.4), 2)
    assert named(source)["HBETA"] == (pytest.approx(PLACES[0], abs=0.5), 1)
    assert named(source)[""] == (8000.0, 0)
    rest = source.lines["LINE_LBDA"][source.lines["LINE"] == "OIII5008"]
    assert rest[0] == LINES["OIII5008"].wave


def test_another_redshift_takes_the_names_back(source):
    write_lines(source, Z)
    write_lines(source, None)
    assert list(source.lines["LBDA_OBS"]) == [pytest.approx(PLACES[2] + 0.4), 8000.0]
    assert set(source.lines["LINE"]) == {""}
    write_lines(source, Z)
    once = named(source)
    write_lines(source, Z)
    assert named(source) == once


def test_a_source_without_detected_lines_gets_those_of_its_spectrum(source):
    source.lines = None
    write_lines(source, Z)
    assert set(NAMES) <= set(source.lines["LINE"])


def test_absorption_lines_are_added_with_negative_flux(source):
    spectrum = source.spectra["MUSE_PSF"]
    wave, place = spectrum.wave.coord(), float(to_air(LINES["CAK"].wave * (1 + Z), "vacuum"))
    spectrum.data = spectrum.data.data + 200 * (1 - 0.6 * np.exp(-(((wave - place) / 6) ** 2) / 2))
    write_lines(source, Z)
    calcium = source.lines[source.lines["LINE"] == "CAK"]
    assert calcium["FLUX"][0] == pytest.approx(-0.6 * 200 * 6 * np.sqrt(2 * np.pi), rel=0.2)
    assert calcium["LBDA_OBS"][0] == pytest.approx(place, abs=0.1)


def test_the_broad_lines_of_a_quasar_are_measured_as_broad(source):
    place = float(to_air(LINES["MGII2796"].wave * (1 + 1.2), "vacuum"))
    spectrum, sigma = source.spectra["MUSE_PSF"], place * 2000 / 3e5
    spectrum.data = spectrum.data.data + 100 * np.exp(-(((spectrum.wave.coord() - place) / sigma) ** 2) / 2)
    source.lines = None
    write_lines(source, 1.2, "QSO")
    line = source.lines[source.lines["LINE"] == "MGII2796"]
    assert line["FWHM_OBS"][0] == pytest.approx(2.355 * sigma, rel=0.4)
    assert line["FLUX"][0] == pytest.approx(100 * sigma * np.sqrt(2 * np.pi), rel=0.4)


def test_lines_of_the_second_object_in_a_blend_are_told_from_those_of_the_first(source):
    spectrum = source.spectra["MUSE_PSF"]
    wave = spectrum.wave.coord()
    others = [float(to_air(LINES[name].wave * 1.2, "vacuum")) for name in ("OIII5008", "HALPHA")]
    spectrum.data = spectrum.data.data + sum(400 * np.exp(-(((wave - place) / 2.5) ** 2) / 2) for place in others)
    source.lines["LBDA_OBS"][1] = others[0] + 0.3
    write_lines(source, Z, second=0.2)
    found = {(str(row["LINE"]), row["ML_OBJECT"]): row for row in source.lines}
    assert found["OIII5008", 1]["LBDA_OBS"] == pytest.approx(PLACES[2] + 0.4)
    assert (found["OIII5008", 2]["LBDA_OBS"], found["OIII5008", 2]["ML_LINE"]) == (pytest.approx(others[0] + 0.3), 2)
    assert (found["HALPHA", 2]["LBDA_OBS"], found["HALPHA", 2]["ML_LINE"]) == (pytest.approx(others[1], abs=0.3), 1)
    assert ("HBETA", 1) in found
    write_lines(source, None, "star", second=0.2)
    assert {row["ML_OBJECT"] for row in source.lines} == {0, 2}
    write_lines(source, Z)
    assert {row["ML_OBJECT"] for row in source.lines} == {1, 0}

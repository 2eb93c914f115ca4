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

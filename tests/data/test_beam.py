"""The beam, its place in headers, and what it does to Gaussians."""

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits

from museml.data.beam import Beam, as_beam, read_beam
from museml.data.brightness import read_unit, to_jy_per_beam
from museml.data.ellipses import convolve, deconvolve
from museml.data.frequency import read_frequency
from museml.errors import InputError


def header_of(history=(), **cards):
    header = fits.Header(cards)
    for card in history:
        header["HISTORY"] = card
    return header


def test_area_is_the_integral_of_the_beam():
    beam = Beam(9.0, 5.0, 30.0)
    y, x = np.mgrid[-40:41, -40:41] * 0.5
    along, across = x * np.sin(np.radians(30)) + y * np.cos(np.radians(30)), x * np.cos(np.radians(30)) - y * 0.5
    values = np.exp(-4 * np.log(2) * ((along / 9) ** 2 + (across / 5) ** 2))
    assert beam.area(0.5) == pytest.approx(values.sum(), rel=1e-3)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (6, Beam(6, 6, 0)),
        ("6", Beam(6, 6, 0)),
        ("8 6 170", Beam(8, 6, 170)),
        ("8, 6, -10", Beam(8, 6, 170)),
        ((6, 8, 100), Beam(8, 6, 10)),
        (Beam(3, 2, 1), Beam(3, 2, 1)),
        (np.array([8.0, 6.0, 10.0]), Beam(8, 6, 10)),
        (0.1 * u.arcmin, Beam(6, 6, 0)),
        ((0.125 * u.arcmin, 6, 0.5 * u.rad), Beam(7.5, 6, np.degrees(0.5))),
    ],
)
def test_a_beam_may_be_given_in_several_ways(given, expected):
    assert as_beam(given) == expected


@pytest.mark.parametrize("given", ["6 6", "large", (1, 2, 3, 4), None, [], {"major": 6}])
def test_what_is_no_beam_is_refused(given):
    with pytest.raises(InputError, match="one number or three"):
        as_beam(given)


@pytest.mark.parametrize("given", ["0 0 0", "6 -6 0", "nan 6 0", "6 6 inf"])
def test_impossible_axes_are_refused(given):
    with pytest.raises(InputError, match="major >= minor > 0"):
        as_beam(given)


def test_header_tells_the_beam_in_degrees():
    assert read_beam(header_of(BMAJ=0.0025, BMIN=0.002, BPA=-20.0)) == Beam(9.0, 7.2, 160.0)
    assert read_beam(header_of(BMAJ=0.0025, BMIN=0.0025)) == Beam(9.0, 9.0, 0.0)
    assert read_beam(header_of(CLEANBMJ=0.0025, CLEANBMN=0.002, CLEANBPA=5)) == Beam(9.0, 7.2, 5.0)
    assert read_beam(header_of()) is None


def test_the_last_aips_card_of_history_counts():
    assert read_beam({"HISTORY": "x\nAIPS   CLEAN BMAJ= 2.5E-3 BMIN= 2.5E-3 BPA= 0"}) == Beam(9, 9, 0)
    cards = ("AIPS   CLEAN BMAJ=  1.2500E-02 BMIN=  1.2500E-02 BPA=   0.00", "AIPS IMNAME='X'",
             "AIPS   CLEAN BMAJ=  2.5000E-03 BMIN=  2.0000E-03 BPA=  12.00")  # fmt: skip
    beam = read_beam(header_of(cards))
    assert (beam.major, beam.minor, beam.pa) == pytest.approx((9.0, 7.2, 12.0))


@pytest.mark.parametrize(
    ("cards", "problem"),
    [
        ({"BMAJ": 0.002}, "lacks BMIN"),
        ({"BMAJ": 0.002, "BMIN": 0.001}, "lacks BPA"),
        ({"BMAJ": "wide", "BMIN": 0.001, "BPA": 0}, "must be numbers"),
        ({"BMAJ": 0.0, "BMIN": 0.0, "BPA": 0.0}, "major >= minor > 0"),
    ],
)
def test_half_a_beam_is_refused(cards, problem):
    with pytest.raises(InputError, match=problem):
        read_beam(header_of(**cards))


def test_deconvolution_undoes_convolution():
    rng = np.random.default_rng(1)
    minor, pa = rng.uniform(0.5, 8, 50), rng.uniform(0, 180, 50)
    major, beam = minor * rng.uniform(1.1, 4, 50), Beam(7.0, 5.0, 40.0)
    back = deconvolve(*convolve(major, minor, pa, beam), beam)
    np.testing.assert_allclose(back, (major, minor, pa), rtol=1e-6)


def test_a_point_convolved_is_the_beam_and_the_beam_deconvolved_a_point():
    beam = Beam(7.0, 5.0, 40.0)
    np.testing.assert_allclose(convolve(0, 0, 0, beam), (7, 5, 40))
    np.testing.assert_allclose(deconvolve(6.9, 4.9, 40, beam), (0, 0, 0))
    np.testing.assert_allclose(deconvolve(9.0, 5.0, 40, beam), (np.sqrt(32), 0, 40), atol=1e-6)


@pytest.mark.parametrize(
    "text",
    ["Jy/beam", "JY/BEAM", "JY BEAM-1", "Jy beam-1", "beam-1 Jy", "Jy.beam^-1", "jy/bm", "Jy per beam", " Jy/Beam "],
)
def test_jy_per_beam_is_understood_in_all_spellings(text):
    assert to_jy_per_beam(read_unit(text), Beam(6, 6), 1.5) == 1


def test_other_units_become_jy_per_beam():
    beam = Beam(6.0, 6.0)

    def factor(text, frequency=None):
        return to_jy_per_beam(read_unit(text), beam, 1.5, frequency)

    assert factor("MJY/BEAM") == pytest.approx(1e-3)
    assert factor("UJY/BEAM") == pytest.approx(1e-6)
    assert factor("Jy/pixel") == pytest.approx(beam.area(1.5)) == pytest.approx(18.13, abs=0.01)
    assert factor("MJY/SR") == pytest.approx(1e6 * beam.solid_angle)
    assert factor("Jy/arcsec2") == pytest.approx(beam.area(1.0))
    assert factor("mK", 1.4e9) == pytest.approx(1e-3 / 1.222e6 * 1.4**2 * 36, rel=1e-3)  # T = 1.222e6 I / (nu^2 FWHM^2)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (None, "must have a unit"),
        (" ", "must have a unit"),
        ("counts of things", "one of brightness.*'counts of things'"),
        ("Jy", "unit of brightness.*'Jy'"),
        ("erg / (s cm2 Angstrom)", "unit of brightness"),
        ("K", "must tell its frequency"),
    ],
)
def test_what_is_no_brightness_is_refused(text, problem):
    with pytest.raises(InputError, match=problem):
        to_jy_per_beam(read_unit(text), Beam(6, 6), 1.5)


def test_frequency_is_on_an_axis_or_in_a_keyword():
    assert read_frequency(header_of(CTYPE3="FREQ", CRVAL3=1.4e9, CRPIX3=2.0, CDELT3=1e8)) == pytest.approx(1.3e9)
    assert read_frequency(header_of(CTYPE3="FREQ", CRVAL3=1.4, CUNIT3="GHz")) == pytest.approx(1.4e9)
    assert read_frequency(header_of(RESTFRQ=144e6)) == 144e6
    assert read_frequency(header_of()) is None


@pytest.mark.parametrize(
    "cards",
    [
        {"CTYPE3": "FREQ", "CRVAL3": "high"},
        {"CTYPE3": "FREQ", "CRVAL3": 1.4, "CUNIT3": "feet"},
        {"CTYPE3": "FREQ", "CRVAL3": -1.0, "CUNIT3": "Hz"},
        {"RESTFRQ": "unknown"},
    ],
)
def test_what_is_no_frequency_is_none(cards):
    assert read_frequency(header_of(**cards)) is None
    assert read_frequency(header_of(**cards, OBSFREQ=1e9)) == 1e9

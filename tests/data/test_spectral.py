import numpy as np
import pytest

from museml.data.linelist import LINES, emission_lines
from museml.data.spectral import medium_of, to_air, to_vacuum
from museml.errors import InputError

#: lines that MPDAF lists at air wavelengths, though its list is meant to be in vacuum
IN_AIR_IN_MPDAF = {"CAK", "CAH", "CAG", "MGB", "NAD"}


def test_halpha_in_air():
    assert to_air(6564.61, "vacuum") == pytest.approx(6562.80, abs=0.01)


def test_air_and_vacuum_are_inverse():
    wave = np.linspace(1900.0, 12000.0, 500)
    np.testing.assert_allclose(to_vacuum(to_air(wave[5:], "vacuum"), "air"), wave[5:], atol=1e-6)
    np.testing.assert_array_equal(to_vacuum(wave, "vacuum"), wave)


def test_no_air_below_2000_angstrom():
    assert to_vacuum(1900.0, "air") == 1900.0


def test_a_wrong_medium_shifts_z_by_83_km_s():
    wave = np.array([5000.0, 9000.0])
    np.testing.assert_allclose(to_vacuum(wave, "air") / wave - 1, 2.77e-4, atol=5e-6)


def test_unknown_medium():
    with pytest.raises(InputError, match="air or in vacuum; received medium 'water'"):
        to_air(5000.0, "water")


def test_medium_of_fits_axis_types():
    assert [medium_of(c) for c in ("AWAV", "AWAV-LOG", "WAVE", "LINEAR", None)] == ["air", "air", "vacuum", "", ""]


@pytest.mark.parametrize("ctype", ["WAVELENG", "WAVELENGTH", "AWAVE", "WAVN"])
def test_what_only_looks_like_an_axis_type_says_no_medium(ctype):
    assert medium_of(ctype) == ""


def test_lines_agree_with_mpdaf_but_for_its_air_wavelengths():
    from mpdaf.sdetect.linelist import emlines

    for row in emlines:
        name, wave = str(row["id"]), float(row["c"])
        assert name in LINES
        mine = to_air(LINES[name].wave, "vacuum") if name in IN_AIR_IN_MPDAF else LINES[name].wave
        assert mine == pytest.approx(wave, abs=2.0 if name in IN_AIR_IN_MPDAF else 0.7), name


def test_calcium_k_of_mpdaf_is_in_air():
    from mpdaf.sdetect.linelist import emlines

    wave = float(emlines["c"][emlines["id"] == "CAK"][0])
    assert wave == pytest.approx(to_air(LINES["CAK"].wave, "vacuum"), abs=0.02)
    assert LINES["CAK"].wave - wave > 1.1


def test_kinds_are_complete_and_sorted():
    emission = emission_lines()
    assert {line.kind for line in LINES.values()} == {"emission", "absorption", "faint"}
    assert {line.kind for line in emission} == {"emission"}
    assert [line.wave for line in emission] == sorted(line.wave for line in emission)

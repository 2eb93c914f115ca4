import subprocess
import sys
import types

import numpy as np
import pytest
from astropy import units as u
from mpdaf.obj import WCS, Cube, Spectrum, WaveCoord
from mpdaf.sdetect import Catalog, Source

from museml import Predictions, methods
from museml.data.spectral import to_air
from museml.errors import InputError, MusemlWarning, PredictionFlag, SettingError

WAVE = 4750 + 1.25 * np.arange(3681)
LINES = {6564.61: 60, 6585.28: 18, 4862.68: 20, 5008.24: 30, 4960.3: 10}


def galaxy(number=7, z=0.32):
    values = np.random.default_rng(number).normal(5, 1, len(WAVE))
    for rest, flux in LINES.items():
        values += flux / 3.5 * np.exp(-0.5 * ((WAVE - to_air(rest * (1 + z), "vacuum")) / 1.4) ** 2)
    wave = WaveCoord(crval=4750.0, cdelt=1.25, ctype="AWAV", cunit=u.AA, shape=len(WAVE))
    unit = u.Unit("1e-20 erg / (s cm2 Angstrom)")
    made = Source.from_data(number, 10.0, -20.0, ("museml", "1", "cube.fits", "1"))
    made.spectra["MUSE_TOT"] = Spectrum(data=values, var=np.ones(len(WAVE)), wave=wave, unit=unit)
    return made


def test_source_gets_redshift_lines_and_provenance(tmp_path):
    source = galaxy()
    answer = source.classify("lines")
    assert isinstance(answer, Predictions)
    assert list(answer["id"]) == ["7"]
    source.write(str(tmp_path / "s.fits"))
    again = Source.from_file(str(tmp_path / "s.fits"))
    best = again.z[again.z["Z_DESC"] == "MUSEML"][0]
    assert best["Z"] == pytest.approx(0.32, abs=2e-4)
    assert best["Z_MIN"] < best["Z"] < best["Z_MAX"]
    assert again.tables["ML_PZ"]["P"].sum() == pytest.approx(1, abs=0.01)
    assert (again.ML_NAME, again.ML_CLASS) == ("lines", "galaxy")
    assert {"HALPHA", "OIII5008", "HBETA"} <= set(again.lines["LINE"])


def test_classifying_twice_changes_nothing():
    source = galaxy()
    source.classify("lines")
    names, rows = list(source.lines["LINE"]), len(source.z)
    source.classify("lines")
    assert list(source.lines["LINE"]) == names
    assert len(source.z) == rows


def test_detected_lines_get_their_names_and_keep_their_place():
    source = galaxy()
    wave = to_air(6564.61 * 1.32, "vacuum")
    source.add_line(["LBDA_OBS", "FLUX", "NOTE"], [wave + 0.4, 55.0, "mine"])
    source.classify("lines")
    assert source.lines["LINE"][0] == "HALPHA"
    assert source.lines["NOTE"][0] == "mine"
    assert list(source.lines["LINE"]).count("HALPHA") == 1


def test_settings_reach_the_classifier():
    assert galaxy(z=0.32).classify("lines", z_max=0.2)["z"][0] < 0.2


def test_catalogue_gets_columns_even_if_a_file_is_missing(tmp_path):
    for number in (1, 2):
        galaxy(number).write(str(tmp_path / f"s-{number:04d}.fits"))
    catalogue = Catalog(rows=[[1], [2], [3]], names=["ID"], masked=True)
    catalogue.meta["folder"] = str(tmp_path)
    with pytest.warns(MusemlWarning, match="each row of a catalogue must have its Source file; there is none for '3'"):
        answer = catalogue.classify("lines")
    assert list(answer["id"]) == ["1", "2", "3"]
    np.testing.assert_allclose(catalogue["ML_Z"][:2], 0.32, atol=2e-4)
    assert catalogue["ML_Z"].mask[2]
    assert catalogue["ML_FLAG"][2] & PredictionFlag.UNREADABLE
    assert catalogue.meta["ML_NAME"] == "lines"
    catalogue.write(tmp_path / "c.fits")
    assert Catalog.read(tmp_path / "c.fits")["ML_P"][0] > 0.9


def test_catalogue_of_sources_after_classify():
    source = galaxy()
    source.classify("lines")
    catalogue = Catalog.from_sources([source])
    assert catalogue["Z_MUSEML"][0] == pytest.approx(0.32, abs=2e-4)
    assert catalogue["HALPHA_FLUX"][0] == pytest.approx(60, rel=0.2)


def test_cube_detects(monkeypatch):
    monkeypatch.setattr("museml.methods.detect", lambda cube, detector, **settings: (detector, settings))
    assert Cube.detect(None, "lines", threshold=4) == ("lines", {"threshold": 4})


def test_a_name_that_is_taken_is_kept():
    module = types.ModuleType("mpdaf.obj")
    module.Cube = type("Cube", (), {"detect": lambda self: "theirs"})
    module.Image = type("Image", (), {})
    with pytest.warns(MusemlWarning, match="Cube has a method 'detect' already"):
        methods.install(module)
    assert module.Cube().detect() == "theirs"


def test_installing_twice_is_harmless():
    import mpdaf.sdetect

    methods.install(mpdaf.sdetect)
    assert Source.classify is methods.classify_source


@pytest.mark.parametrize(
    "imports",
    [
        "import museml; from mpdaf.sdetect.source import Source; from mpdaf.obj import Cube",
        "from mpdaf.sdetect import Source; from mpdaf.obj import Cube; import museml",
    ],
)
def test_methods_are_there_whichever_is_imported_first(imports):
    code = f"{imports}\nassert Source.classify and Cube.detect"
    subprocess.run([sys.executable, "-W", "error::museml.errors.MusemlWarning", "-c", code], check=True)


def test_nothing_is_set_on_the_instance():
    source = galaxy()
    before = set(source.__dict__)
    source.classify("lines")
    assert set(source.__dict__) == before


def test_an_image_finds_its_sources():
    from mpdaf.obj import Image

    from museml.simulation.fields import simulate_field

    hdu = simulate_field((150, 150), seed=5, density=4.0).hdu
    image = Image(data=hdu.data, wcs=WCS(hdu.header, shape=hdu.shape), unit=u.Jy / u.beam)
    with pytest.raises(InputError, match="must have a beam"):
        image.detect("dendrogram")
    found = image.detect("dendrogram", beam="6 6 0", threshold=6.0)
    assert len(found) > 3
    assert found.meta["PLUGIN"] == "dendrogram"
    with pytest.raises(SettingError, match=r"'lines' takes cube, Image\.detect needs"):
        image.detect("lines")

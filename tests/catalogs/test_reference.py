from types import SimpleNamespace

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from museml.catalogs import reference
from museml.catalogs.column_names import with_own_names
from museml.catalogs.reference import open_catalog, query_reference, read_catalog
from museml.errors import InputError, MissingPackageError, UnknownNameError


@pytest.fixture
def lotss():
    """Return two rows as LoTSS has them."""
    columns = {"Source_Name": [b"ILTJ1", b"ILTJ2"], "RA": [220.8, 359.99], "DEC": [54.0, -1.0], "E_RA": [0.2, 0.3]}
    columns |= {"Peak_flux": [2.0, 10.0], "Total_flux": [4.0, 11.0], "E_Total_flux": [0.4, np.nan], "Maj": [6.5, 12.0]}
    table = Table({**columns, "Min": [6.0, 7.0], "PA": [10.0, 170.0], "Isl_rms": [0.1, 0.2], "S_Code": ["S", "M"]})
    units = {"RA": "deg", "DEC": "deg", "E_RA": "arcsec", "Maj": "arcsec", "Peak_flux": "mJy / beam"}
    for name, unit in {**units, "Total_flux": "mJy", "E_Total_flux": "mJy", "Isl_rms": "mJy / beam"}.items():
        table[name].unit = unit
    return table


@pytest.mark.parametrize("suffix", ["fits", "vot", "ecsv", "fits.gz"])
def test_catalogues_of_lotss_get_own_names_and_units(lotss, tmp_path, suffix):
    formats = {"vot": "votable", "ecsv": "ascii.ecsv"}
    path = tmp_path / f"dr2.{suffix}"
    lotss.write(path, **({"format": formats[suffix]} if suffix in formats else {}))
    table = open_catalog(path)
    assert np.allclose(table["flux"], [0.004, 0.011])
    assert np.allclose(table["snr"], [20, 50])
    assert str(table["peak"].unit) == "Jy / beam"
    assert list(table["id"]) == ["ILTJ1", "ILTJ2"]
    assert np.allclose(table["major"], [6.5, 12])
    assert table["flux_err"].mask.tolist() == [False, True]
    assert table.meta["NAME"] == "dr2"


def test_degrees_and_janskys_of_pybdsf_are_converted():
    table = Table({"RA": [1.0], "DEC": [2.0], "Maj": [6 / 3600], "Total_flux": [0.01], "Source_id": [7]})
    for name, unit in (("RA", "deg"), ("DEC", "deg"), ("Maj", "deg"), ("Total_flux", "Jy")):
        table[name].unit = unit
    own = with_own_names(table)
    assert np.allclose([own["major"][0], own["flux"][0], own["source"][0]], [6, 0.01, 7])


def test_tables_without_units_have_those_of_their_program(tmp_path):
    path = tmp_path / "aegean.csv"
    path.write_text(
        "island,source,ra,dec,err_ra,peak_flux,int_flux,local_rms,a,b,pa\n3,0,10,-5,0.0001,1,2,0.1,8,6,20\n"
    )
    table = open_catalog(path)
    assert np.isclose(table["ra_err"][0], 0.36)
    assert (table["source"][0], table["major"][0], table["snr"][0]) == (3, 8, 10)


def test_the_tables_of_vizier_are_known():
    nvss = Table({"NVSS": ["000000+1"], "RAJ2000": ["00 00 30.0"], "DEJ2000": ["-10 30 00"], "S1.4": [25.0]})
    table = with_own_names(nvss)
    assert np.allclose([table["ra"][0], table["dec"][0], table["flux"][0]], [0.125, -10.5, 0.025])
    first = Table({"_RAJ2000": [1.0], "_DEJ2000": [2.0], "RAJ2000": ["x"], "Fint": [3.0], "Maj": [2.0], "fMaj": [6.0]})
    first["PA"], first["fPA"] = [10.0], [40.0]
    assert (with_own_names(first)["major"][0], with_own_names(first)["pa"][0]) == (6, 40)
    lotss = Table({"RAJ2000": [1.0], "DEJ2000": [2.0], "SpeakTot": [3.0], "Islrms": [0.1], "Source": ["ILT"]})
    assert with_own_names(lotss)["flux"][0] == 0.003
    assert with_own_names(lotss)["id"][0] == "ILT"


def test_errors_of_right_ascension_in_seconds_of_time_become_arcsec_on_the_sky():
    nvss = Table({"_RAJ2000": [1.0], "_DEJ2000": [60.0], "e_RAJ2000": [0.04], "e_DEJ2000": [0.6], "S1.4": [3.0]})
    nvss["e_RAJ2000"].unit, nvss["e_DEJ2000"].unit = "s", "arcsec"
    assert np.allclose([with_own_names(nvss)[name][0] for name in ("ra_err", "dec_err")], [0.3, 0.6])


def test_names_and_units_can_be_told():
    table = Table({"lon": [1.0], "lat": [2.0], "S150": [3.0]})
    own = open_catalog(table, names={"ra": "lon", "dec": "lat", "flux": "S150"}, units={"flux": "mJy"})
    assert own["flux"][0] == 0.003
    with pytest.raises(InputError, match="the column 'l' is named for 'ra'"):
        open_catalog(table, names={"ra": "l"})


def test_own_tables_stay_as_they_are(truth):
    own = open_catalog(truth)
    for name in ("ra", "dec", "wave", "flux", "snr", "source", "kind"):
        assert np.ma.allequal(own[name], truth[name])
    assert own["flux"].unit == truth["flux"].unit


def test_units_matter_only_where_they_are_needed():
    table = Table({"ra": [1.0], "dec": [2.0], "noise": [3.0]})
    table["noise"].unit = "adu"
    assert open_catalog(table, only=("ra", "dec")).colnames == ["ra", "dec"]
    table["pa"] = [3.0]
    table["pa"].unit = "Jy"
    with pytest.raises(InputError, match="the column 'pa' must be in a unit like deg, not Jy"):
        open_catalog(table)


def test_files_that_are_no_catalogue_are_told(lotss, tmp_path):
    whole = tmp_path / "whole.fits"
    lotss.write(whole)
    cases = {
        "cut.fits": (whole.read_bytes()[:-2880], "is truncated"),
        "head.fits": (whole.read_bytes()[:4000], "has none"),
    }
    cases |= {
        "text.fits": (b"hello", "cannot be read"),
        "a.txt": (b"1 2", "is none; convert it"),
    }
    cases |= {"none.csv": (b"x,y\n1,2\n", "needs the column 'ra'; this one has x, y")}
    for name, (content, message) in cases.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=message):
            open_catalog(tmp_path / name)
    fits.PrimaryHDU(np.zeros((3, 3))).writeto(tmp_path / "image.fits")
    with pytest.raises(InputError, match="has none, or is truncated"):
        read_catalog(tmp_path / "image.fits")
    with pytest.raises(InputError, match="cannot be read"):
        read_catalog(tmp_path / "missing.fits")


def test_a_column_that_is_there_twice_is_told(tmp_path):
    (tmp_path / "twice.csv").write_text("ra,dec,ra\n1,2,3\n")
    assert open_catalog(tmp_path / "twice.csv")["ra"][0] == 1  # astropy calls the second one ra_1
    columns = [fits.Column("RA", "D", array=[1.0]), fits.Column("XX", "D", array=[2.0])]
    path = tmp_path / "twice.fits"
    fits.BinTableHDU.from_columns(columns).writeto(path)
    path.write_bytes(path.read_bytes().replace(b"'XX      '", b"'ra      '"))
    with pytest.raises(InputError, match="has 'ra' twice"):
        read_catalog(path)


@pytest.fixture
def vizier(monkeypatch, lotss):
    """Return what was asked of a VizieR that is none."""
    asked = []

    def make(columns, row_limit):
        assert row_limit == -1
        return SimpleNamespace(query_region=lambda centre, radius, catalog: answer(catalog, radius))

    def answer(catalog, radius):
        asked.append((catalog, radius.to_value("deg")))
        if catalog == "I/0/broken":
            raise TimeoutError("no answer")
        return [] if catalog == "VIII/65/nvss" else [lotss]

    service = SimpleNamespace(search=lambda pos, radius: SimpleNamespace(to_table=lambda: lotss[:1]))
    module = SimpleNamespace(Vizier=make, dal=SimpleNamespace(SCSService=lambda address: service))
    monkeypatch.setattr(reference, "import_module", lambda name: module)
    return asked


def test_references_are_fetched_by_name(vizier):
    table = query_reference("LoTSS-DR2", 220.8, 54.0, 0.5)
    assert vizier == [("J/A+A/659/A1/catalog", 0.5)]
    assert np.allclose(table["flux"], [0.004, 0.011])
    assert len(query_reference("nvss", 220.8, 54.0, 0.5)) == 0
    assert len(query_reference("https://vo.example/scs", 220.8, 54.0, 0.5)) == 1


def test_references_that_cannot_be_had_are_told(vizier, monkeypatch):
    with pytest.raises(UnknownNameError, match="no reference catalogue named 'lotss'; known: lotss-dr2, first"):
        query_reference("lotss", 1.0, 1.0, 0.1)
    with pytest.raises(InputError, match="did not answer: no answer"):
        query_reference("I/0/broken", 1.0, 1.0, 0.1)

    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(reference, "import_module", missing)
    with pytest.raises(MissingPackageError, match=r"pip install museml\[reference\]"):
        query_reference("nvss", 1.0, 1.0, 0.1)

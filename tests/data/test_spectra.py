import warnings

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.nddata import StdDevUncertainty
from astropy.table import QTable, Table
from mpdaf.obj import Spectrum, WaveCoord
from mpdaf.sdetect import Catalog, Source, SourceList

from museml import Batch
from museml.data import prepare
from museml.data.scatter import scatter_variance
from museml.data.spectra import CHUNK
from museml.errors import InputError, MusemlWarning, PredictionFlag

N = 40
WAVE = 4750.0 + 1.25 * np.arange(N)
FLUX = np.random.default_rng(1).normal(10, 1, N)
UNIT = u.Unit("1e-20 erg / (s cm2 Angstrom)")


def spectrum(flux=FLUX, var=1.0, ctype="AWAV", cunit=u.Angstrom, crval=4750.0):
    wave = WaveCoord(crval=crval, cdelt=1.25, ctype=ctype, cunit=cunit, shape=N)
    var = None if var is None else np.broadcast_to(var, N).copy()
    return Spectrum(data=np.array(flux, float), var=var, wave=wave, unit=UNIT)


def table(medium="air", **columns):
    columns = {"wave": WAVE * u.AA, "flux": FLUX * UNIT, "ivar": np.full(N, 4.0) / UNIT**2, **columns}
    return QTable(columns, meta={"medium": medium})


def source(number=7, **spectra):
    made = Source.from_data(number, 10.0, -20.0, ("museml", "1", "cube.fits", "1"))
    for name, value in (spectra or {"MUSE_TOT": spectrum()}).items():
        made.spectra[name] = value
    return made


def only(data):
    (batch,) = prepare(data, "spectrum")
    return batch


def test_mpdaf_spectrum_keeps_axis_medium_and_unit():
    batch = only(spectrum(var=4.0))
    assert (batch.medium, batch.unit, batch.ids) == ("air", UNIT, ("1",))
    np.testing.assert_allclose(batch.axis.to_value("Angstrom"), WAVE)
    np.testing.assert_allclose(batch.values[0], FLUX, rtol=1e-6)
    np.testing.assert_allclose(batch.errors[0], 2.0)


def test_units_of_length_become_angstrom():
    batch = only(table(wave=WAVE / 10 * u.nm))
    np.testing.assert_allclose(batch.axis.to_value("Angstrom"), WAVE)
    assert batch.axis.unit == u.Angstrom


def test_table_has_inverse_variance():
    np.testing.assert_allclose(only(table()).errors[0], 0.5)


def test_specutils_spectrum_in_one_and_two_dimensions():
    from specutils import Spectrum as AstroSpectrum

    two = np.vstack([FLUX, FLUX + 1])
    both = AstroSpectrum(
        flux=two * UNIT,
        spectral_axis=WAVE * u.AA,
        uncertainty=StdDevUncertainty(np.full_like(two, 3.0)),
        meta={"medium": "vacuum", "id": "pair"},
    )
    batch = only(both)
    assert batch.ids == ("pair-1", "pair-2")
    assert batch.medium == "vacuum"
    np.testing.assert_allclose(batch.errors, 3.0)


def test_source_takes_refspec_then_the_order_of_preference():
    both = source(MUSE_TOT=spectrum(FLUX + 5), MUSE_PSF_SKYSUB=spectrum())
    assert only(both).ids == ("7",)
    np.testing.assert_allclose(only(both).values[0], FLUX, rtol=1e-6)
    both.header["REFSPEC"] = "MUSE_TOT"
    np.testing.assert_allclose(only(both).values[0], FLUX + 5, rtol=1e-6)


def test_lines_of_a_source_go_along():
    made = source()
    made.lines = Table({"LBDA_OBS": [4760.0], "FLUX": [3.0], "FLUX_ERR": [1.0]})
    assert only(made).lines[0]["LBDA_OBS"][0] == 4760.0


def test_rows_with_one_axis_are_grouped_and_order_is_kept():
    data = [spectrum(), spectrum(), spectrum(crval=5000.0), spectrum()]
    batches = list(prepare(data, "spectrum"))
    assert [batch.ids for batch in batches] == [("1", "2"), ("3",), ("4",)]


def test_batches_are_bounded_and_a_generator_is_read_lazily():
    batches = prepare((spectrum() for _ in range(CHUNK + 3)), "spectrum")
    assert [len(batch) for batch in batches] == [CHUNK, 3]


def test_a_batch_stays_as_it_is():
    batch = only(spectrum())
    assert only(batch) is batch
    assert isinstance(batch, Batch)


def test_files_and_folders(tmp_path):
    spectrum().write(str(tmp_path / "b.fits"))
    source().write(str(tmp_path / "a.fits"))
    Table(table()).write(tmp_path / "c.ecsv")
    assert only(tmp_path).ids == ("a", "b", "c")
    assert only(str(tmp_path / "b.fits")).ids == ("b",)


def test_files_of_one_name_keep_apart(tmp_path):
    paths = [tmp_path / "one" / "a.fits", tmp_path / "two" / "a.fits", tmp_path / "two" / "b.fits"]
    for path in paths:
        path.parent.mkdir(exist_ok=True)
        spectrum().write(str(path))
    assert only(paths).ids == ("one/a.fits", "two/a.fits", "b")
    assert only(paths[1:]).ids == ("a", "b")
    Table(table()).write(tmp_path / "two" / "a.ecsv")
    assert only(tmp_path / "two").ids == ("two/a.ecsv", "two/a.fits", "b")


def test_fits_table(tmp_path):
    made = Table(table())
    made.write(tmp_path / "t.fits")
    np.testing.assert_allclose(only(tmp_path / "t.fits").errors[0], 0.5)


def test_units_as_the_pipeline_writes_them_are_read_quietly(tmp_path):
    spectrum().write(str(tmp_path / "s.fits"))
    with fits.open(tmp_path / "s.fits", mode="update") as hdus:
        hdus["DATA"].header["BUNIT"] = "10**(-20)*erg/s/cm**2/Angstrom"
    with warnings.catch_warnings():
        warnings.simplefilter("error", u.UnitsWarning)
        assert only(tmp_path / "s.fits").unit == UNIT


@pytest.mark.parametrize("unit", [UNIT, u.Unit("W / (m2 um)")])
@pytest.mark.parametrize("in_data", [True, False])
def test_file_of_specutils(tmp_path, unit, in_data):
    from specutils import Spectrum as AstroSpectrum

    made = AstroSpectrum(
        flux=FLUX * unit,
        spectral_axis=WAVE / 10 * u.nm,
        uncertainty=StdDevUncertainty(np.full(N, 3.0)),
        meta={"header": fits.Header({"MEDIUM": "air"})},
    )
    made.write(tmp_path / "s.fits", format="tabular-fits", store_data_header=in_data)
    batch = only(tmp_path / "s.fits")
    assert (batch.ids, batch.medium) == (("s",), "air")
    np.testing.assert_allclose(batch.axis.to_value("Angstrom"), WAVE)
    np.testing.assert_allclose((batch.values * batch.unit).to_value(unit)[0], FLUX, rtol=1e-5)
    np.testing.assert_allclose((batch.errors * batch.unit).to_value(unit), 3.0, rtol=1e-5)


def test_file_of_specutils_without_medium(tmp_path):
    columns = {"wavelength": WAVE * u.AA, "flux": FLUX * UNIT, "uncertainty": np.ones(N) * UNIT}
    fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU(QTable(columns), name="DATA")]).writeto(tmp_path / "s.fits")
    with pytest.raises(InputError, match=r"air or in vacuum; 's' does not; .*'MEDIUM'"):
        only(tmp_path / "s.fits")


def test_catalogue_with_sources_beside_it(tmp_path):
    sources = SourceList([source(3), source(12)])
    sources.write("field", str(tmp_path))
    assert only(tmp_path / "field.fits").ids == ("3", "12")


def test_catalogue_in_memory(tmp_path):
    source(3).write(str(tmp_path / "x-0003.fits"))
    catalogue = Catalog(rows=[[3]], names=["ID"])
    with pytest.raises(InputError, match="must say where its sources are"):
        only(catalogue)
    catalogue.meta["folder"] = str(tmp_path)
    assert only(catalogue).ids == ("3",)
    catalogue["FILENAME"] = ["x-0003.fits"]
    assert only(catalogue).ids == ("x-0003",)


def test_one_bad_row_among_good_ones_is_flagged(tmp_path):
    (tmp_path / "bad.fits").write_text("no FITS")
    with pytest.warns(MusemlWarning, match="'bad' is left out: a spectrum must be a readable FITS"):
        batch = only([tmp_path / "bad.fits", spectrum()])
    assert batch.ids == ("bad", "2")
    assert batch.mask[0].all()
    assert batch.flags[0] & PredictionFlag.UNREADABLE
    assert batch.flags[1] == 0


@pytest.mark.parametrize(
    ("flux", "flag", "reason"),
    [(np.full(N, np.nan), PredictionFlag.NO_DATA, "no valid pixel"), (np.ones(N), PredictionFlag.CONSTANT, "constant")],
)
@pytest.mark.parametrize("company", [0, 1])
def test_spectra_without_information_are_flagged_rows(flux, flag, reason, company):
    with pytest.warns(MusemlWarning, match=reason):
        batch = only([spectrum(flux), *(spectrum() for _ in range(company))])
    assert len(batch) == 1 + company
    assert batch.flags[0] & flag
    assert not batch.flags[1:].any()


def test_negative_variances_are_masked_and_flagged():
    var = np.ones(N)
    var[3] = -1
    batch = only(spectrum(var=var))
    assert batch.mask[0].nonzero()[0].tolist() == [3]
    assert batch.flags[0] == PredictionFlag.BAD_ERRORS


def test_coverage_below_half_is_flagged():
    flux = FLUX.copy()
    flux[: N // 2 + 1] = np.nan
    assert only(spectrum(flux)).flags[0] == PredictionFlag.LOW_COVERAGE


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (spectrum(ctype="LINEAR"), "air or in vacuum.*CTYPE1"),
        (spectrum(cunit=u.s), "unit of length"),
        (table(medium="water"), "meta\\['medium'\\]"),
        (QTable({"x": WAVE}), "must have the columns wave and flux"),
        (table(wave=WAVE[::-1] * u.AA), "must increase"),
        (table()[:1], "at least 2 pixels; '1' has 1; give all of it"),
        (source(A=spectrum(), B=spectrum()), "REFSPEC"),
        (3.0, "received float"),
        ([], "at least one spectrum"),
        ([spectrum(ctype="LINEAR"), spectrum(ctype="LINEAR")], "and 1 more"),
        ("/nowhere/at/all.fits", "must exist"),
    ],
)
def test_bad_input_is_one_line(data, reason):
    with pytest.raises(InputError, match=reason) as error:
        only(data)
    assert "\n" not in str(error.value)


def test_specutils_without_medium():
    from specutils import Spectrum as AstroSpectrum

    made = AstroSpectrum(flux=FLUX * UNIT, spectral_axis=WAVE * u.AA, uncertainty=StdDevUncertainty(np.ones(N)))
    with pytest.raises(InputError, match=r"set spectrum.meta\['medium'\]"):
        only(made)


def test_truncated_file(tmp_path):
    path = tmp_path / "whole.fits"
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(np.zeros(3681), name="DATA")]).writeto(path)
    (tmp_path / "cut.fits").write_bytes(path.read_bytes()[:-6000])
    with pytest.raises(InputError, match="is truncated"):
        only(tmp_path / "cut.fits")


@pytest.mark.parametrize(("card", "reason"), [("CUNIT1", "has no CUNIT1"), ("CTYPE1", "by CTYPE1")])
def test_file_with_an_incomplete_axis(tmp_path, card, reason):
    spectrum().write(str(tmp_path / "s.fits"))
    with fits.open(tmp_path / "s.fits", mode="update") as hdus:
        del hdus["DATA"].header[card]
    with pytest.raises(InputError, match=reason):
        only(tmp_path / "s.fits")


@pytest.mark.parametrize("form", ["spectrum", "file", "table", "specutils"])
def test_missing_errors_are_estimated_and_flagged(tmp_path, form):
    from specutils import Spectrum as AstroSpectrum

    spectrum(var=None).write(str(tmp_path / "s.fits"))
    bare = Table({"wave": WAVE * u.AA, "flux": FLUX}, meta={"medium": "air"})
    other = AstroSpectrum(flux=FLUX * UNIT, spectral_axis=WAVE * u.AA, meta={"medium": "air"})
    forms = {"spectrum": spectrum(var=None), "file": tmp_path / "s.fits", "table": bare, "specutils": other}
    batch = only(forms[form])
    assert batch.flags[0] == PredictionFlag.ESTIMATED_ERRORS
    assert 0.7 < np.median(batch.errors[0]) < 1.4  # the scatter of FLUX is 1
    assert not batch.mask.any()


def test_estimated_errors_follow_the_noise_but_no_line():
    rng = np.random.default_rng(2)
    sigma = np.where(np.arange(2000) < 1000, 1.0, 5.0)
    flux = rng.normal(0, sigma) + 200 * np.exp(-0.5 * ((np.arange(2000) - 500) / 3) ** 2)
    errors = np.sqrt(scatter_variance(flux, np.zeros(2000, bool)))
    assert np.median(errors[:900]) == pytest.approx(1, rel=0.15)
    assert np.median(errors[1100:]) == pytest.approx(5, rel=0.15)
    assert errors[500] < 1.6
    assert np.isnan(scatter_variance(flux, np.arange(2000) > 3)).all()
    assert (scatter_variance(np.zeros(50), np.zeros(50, bool)) == 1).all()


def test_a_cube_is_no_spectrum(tmp_path):
    fits.PrimaryHDU(np.zeros((3, 3, 3))).writeto(tmp_path / "cube.fits")
    with pytest.raises(InputError, match="has 3; for a cube use"):
        only(tmp_path / "cube.fits")


def test_empty_folder(tmp_path):
    with pytest.raises(InputError, match="folder must hold"):
        only(tmp_path)


def test_errors_in_another_unit_than_the_flux_are_converted():
    from specutils import Spectrum as AstroSpectrum

    thousand = 1000 * UNIT
    made = AstroSpectrum(
        flux=FLUX * UNIT,
        spectral_axis=WAVE * u.AA,
        uncertainty=StdDevUncertainty(np.full(N, 3e-3), unit=u.Unit(thousand)),
        meta={"medium": "air"},
    )
    columns = {"wave": WAVE * u.AA, "flux": FLUX * UNIT}
    table = QTable(columns | {"ivar": np.full(N, 1 / 9e-6) * u.Unit(thousand) ** -2}, meta={"medium": "air"})
    for data in (made, table):
        assert only(data).errors[0] == pytest.approx(3.0, rel=1e-5)


def test_errors_must_go_with_the_flux():
    columns = {"wave": WAVE * u.AA, "flux": FLUX * UNIT, "ivar": np.ones(N) * u.s}
    with pytest.raises(InputError, match="must have a unit that goes with the flux"):
        only(QTable(columns, meta={"medium": "air"}))

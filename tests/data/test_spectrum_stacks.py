import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.table import QTable, Table

from museml.data import prepare
from museml.data.unread import count_spectra, unread
from museml.errors import InputError, MusemlWarning, PredictionFlag

N, CHANNELS = 4, 50
WAVE = 5000.0 + 2 * np.arange(CHANNELS)
LOG_WAVE = 10 ** (3.7 + 1e-4 * np.arange(CHANNELS))
FLUX = np.random.default_rng(1).normal(5, 1, (N, CHANNELS)).astype("f4")
IVAR = np.full((N, CHANNELS), 4.0, "f4")


def table(**columns):
    return Table({"FLUX": FLUX, "IVAR": IVAR, **columns}, meta={"MEDIUM": "vacuum"})


def only(data):
    (batch,) = prepare(data, "spectrum")
    return batch


def image(name, values, **cards):
    return fits.ImageHDU(values, fits.Header(cards), name=name)


def desi(path):
    """Write arms that were joined, as DESI keeps them."""
    targets = fits.BinTableHDU(Table({"TARGETID": [11, 12, 13, 14]}), name="FIBERMAP")
    mask = np.zeros((N, CHANNELS), "i4")
    mask[1, 3] = 4
    parts = [image("BRZ_WAVELENGTH", WAVE, BUNIT="Angstrom", AIRORVAC="vac"), image("BRZ_FLUX", FLUX),
             image("BRZ_IVAR", IVAR), image("BRZ_MASK", mask)]  # fmt: skip
    fits.HDUList([fits.PrimaryHDU(), targets, *parts]).writeto(path)


def spplate(path):
    """Write a plate as SDSS keeps it."""
    header = fits.Header({"COEFF0": 3.7, "COEFF1": 1e-4, "VACUUM": True})
    fits.HDUList([fits.PrimaryHDU(FLUX, header), image("IVAR", IVAR)]).writeto(path)


def bintable(path):
    """Write a table with the wavelengths in a table of their own."""
    axis = fits.BinTableHDU(QTable({"wave_vacuum": WAVE * u.AA}), name="WAVE")
    fits.HDUList([fits.PrimaryHDU(), fits.table_to_hdu(table(ID=["a", "b", "c", "d"])), axis]).writeto(path)


def muse(path):
    """Write images with a spectral axis, in air, with variances."""
    axis = {"CTYPE1": "AWAV", "CRVAL1": 500.0, "CDELT1": 0.2, "CRPIX1": 1.0, "CUNIT1": "nm"}
    fits.HDUList([fits.PrimaryHDU(), image("DATA", FLUX, **axis), image("STAT", 1 / IVAR)]).writeto(path)


@pytest.mark.parametrize(
    ("write", "ids", "wave", "medium"),
    [
        (desi, ("11", "12", "13", "14"), WAVE, "vacuum"),
        (spplate, ("stack-1", "stack-2", "stack-3", "stack-4"), LOG_WAVE, "vacuum"),
        (bintable, ("a", "b", "c", "d"), WAVE, "vacuum"),
        (muse, ("stack-1", "stack-2", "stack-3", "stack-4"), WAVE, "air"),
    ],
)
def test_files_of_surveys(tmp_path, write, ids, wave, medium):
    write(tmp_path / "stack.fits")
    batch = only(tmp_path / "stack.fits")
    assert (batch.ids, batch.medium) == (ids, medium)
    np.testing.assert_allclose(batch.axis.to_value("Angstrom"), wave, rtol=1e-12)
    assert batch.mask.sum() == (write is desi)
    np.testing.assert_allclose(batch.values[~batch.mask], FLUX[~batch.mask])
    np.testing.assert_allclose(batch.errors[~batch.mask], 0.5)
    assert count_spectra(tmp_path / "stack.fits") == N


def test_each_row_may_have_its_own_wavelengths():
    batches = list(prepare(table(LOGLAM=np.log10(WAVE) + 1e-4 * np.arange(N)[:, None]), "spectrum"))
    assert [batch.ids for batch in batches] == [("1",), ("2",), ("3",), ("4",)]
    np.testing.assert_allclose(batches[1].axis.to_value("Angstrom"), WAVE * 10**1e-4)


def test_a_spectrum_of_sdss(tmp_path):
    columns = {"flux": FLUX[0], "loglam": np.log10(LOG_WAVE), "ivar": IVAR[0]}
    header = fits.Header({"VACUUM": True})
    fits.HDUList([fits.PrimaryHDU(header=header), fits.table_to_hdu(Table(columns))]).writeto(tmp_path / "spec.fits")
    batch = only(tmp_path / "spec.fits")
    assert (batch.ids, batch.medium) == (("spec",), "vacuum")
    np.testing.assert_allclose(batch.axis.to_value("Angstrom"), LOG_WAVE)


def test_a_bad_row_is_flagged_and_the_rest_go_on(tmp_path):
    flux = FLUX.copy()
    flux[2] = np.nan
    stack = table(WAVE=np.tile(WAVE, (N, 1)) * u.AA)
    stack["FLUX"] = flux
    with pytest.warns(MusemlWarning, match="'3' is left out: it has no valid pixel"):
        batch = only(stack)
    assert batch.flags.tolist() == [0, 0, PredictionFlag.NO_DATA, 0]


def test_stacks_and_single_spectra_in_one_folder(tmp_path):
    bintable(tmp_path / "a.fits")
    spplate(tmp_path / "b.fits")
    (tmp_path / "c.fits").write_text("no FITS")
    assert [item.name for item in unread(tmp_path)] == ["a", "b", "c", "d", "b-1", "b-2", "b-3", "b-4", "c"]


@pytest.mark.parametrize("ending", ["ecsv", "vot"])
def test_catalogues_in_text_files(tmp_path, ending):
    bintable(tmp_path / "x.fits")
    columns = {"flux": FLUX[0], "wave": WAVE * u.AA}
    QTable(columns, meta={"MEDIUM": "air"}).write(tmp_path / "field-0002.fits")
    Table({"ID": [2]}).write(tmp_path / f"catalog.{ending}", format={"vot": "votable"}.get(ending))
    batch = only(tmp_path / f"catalog.{ending}")
    assert (batch.ids, batch.medium) == (("2",), "air")


@pytest.mark.parametrize(
    ("stack", "reason"),
    [
        (Table({"FLUX": FLUX, "IVAR": IVAR}, meta={"COEFF0": 3.7, "COEFF1": 1e-4}), "air or in vacuum.*keyword MEDIUM"),
        (table(), "must have wavelengths; .* has none"),
        (table(WAVE=np.tile(WAVE, (N, 1))), "unit of length"),
        (table(LOGLAM=np.log10(WAVE[:N])), "must go together"),
    ],
)
def test_bad_stacks_are_one_line(stack, reason):
    with pytest.raises(InputError, match=reason):
        only(stack)

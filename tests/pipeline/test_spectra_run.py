import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.table import Table

from museml import Batch, Classifier, Redshifts
from museml.errors import InputError, MusemlWarning, OutputError, PredictionFlag, SettingError
from museml.output import read_table
from museml.pipeline import spectra_run
from museml.pipeline.spectra_run import classify_to_file

WAVE = 5000.0 + np.arange(40)
AXIS = WAVE * u.Angstrom
N = 25


class Mean(Classifier):
    """Take the mean for the redshift; stop at a spectrum of a name."""

    name = "mean"
    stop = None

    def __init__(self, *, step=0.1):
        self.step = step

    def predict(self, batch):
        if self.stop in batch.ids:
            raise KeyboardInterrupt
        z = np.ma.array(batch.values.mean(axis=1).astype(float), mask=batch.mask.all(axis=1))
        kinds = np.where(z.mask, "unknown", "galaxy")
        columns = {
            "id": list(batch.ids),
            "class": kinds,
            "z": z,
            "p": np.ma.array(np.full(len(batch), 0.5), mask=z.mask),
        }
        pz = np.tile(np.arange(3, dtype="f4"), (len(batch), 1))
        return Redshifts.from_columns({**columns, "flags": batch.flags, "pz": pz}, {"LNZ0": 0.0, "DLNZ": self.step})


@pytest.fixture
def stack(tmp_path):
    """Return a file with 25 spectra of mean 0 to 24, and one without valid pixels."""
    flux = np.arange(N)[:, None] + np.tile([-0.5, 0.5], 20)
    flux[3] = np.nan
    ids = [f"{'long name ' * (i == 20)}{i}" for i in range(N)]
    table = Table({"ID": ids, "FLUX": flux, "IVAR": np.ones((N, 40))}, meta={"MEDIUM": "air"})
    axis = fits.ImageHDU(WAVE, fits.Header({"BUNIT": "Angstrom"}), name="WAVE")
    fits.HDUList([fits.PrimaryHDU(), fits.table_to_hdu(table), axis]).writeto(tmp_path / "stack.fits")
    return tmp_path / "stack.fits"


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    monkeypatch.setattr(spectra_run, "ROWS", 4)
    monkeypatch.setattr("museml.data.spectra.CHUNK", 3)


def run(stack, out, step=0.1, **options):
    return classify_to_file(stack, out, Mean(step=step), progress=False, **options)


def run_until(name, stack, out, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(Mean, "stop", name)
        with pytest.raises(KeyboardInterrupt):
            run(stack, out)


def spectrum(name):
    values = np.tile(np.float32([0, 1]), 20)[None]
    return Batch((name,), values, np.ones_like(values), values < 0, AXIS, "air")


def expected(stack, *, pz):
    table = Mean().classify(stack)
    if not pz:
        table.remove_column("pz")
    return table


def assert_same(table, other):
    assert table.colnames == other.colnames
    for name in table.colnames:
        np.testing.assert_array_equal(np.ma.filled(table[name], -1), np.ma.filled(other[name], -1))


@pytest.mark.filterwarnings("ignore:.*is left out")
@pytest.mark.parametrize("pz", [False, True])
def test_the_table_is_that_of_classify(stack, tmp_path, pz):
    counts = run(stack, tmp_path / "z.fits", pz=pz)
    assert counts == {"galaxy": N - 1, "unknown": 1}
    table = read_table(Redshifts, tmp_path / "z.fits")
    assert_same(table, expected(stack, pz=pz))
    assert table.meta["DLNZ"] == 0.1
    assert table.meta["PLUGIN"] == "mean"
    with fits.open(tmp_path / "z.fits") as hdus:
        hdus.verify("exception")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["stack.fits", "z.fits"]


def test_one_bad_spectrum_is_flagged(stack, tmp_path):
    with pytest.warns(MusemlWarning, match="'3' is left out"):
        run(stack, tmp_path / "z.ecsv")
    table = Table.read(tmp_path / "z.ecsv")
    assert np.flatnonzero(table["flags"]).tolist() == [3]
    assert table["flags"][3] == PredictionFlag.NO_DATA


@pytest.mark.filterwarnings("ignore:.*is left out")
@pytest.mark.parametrize("name", ["8", "13", "24"])
def test_a_stopped_run_is_resumed(stack, tmp_path, name, monkeypatch):
    out, seen = tmp_path / "z.fits", []
    run_until(name, stack, out, monkeypatch)
    assert not out.exists()
    with pytest.raises(OutputError, match="parts of a run that was stopped; resume it"):
        run(stack, out)
    run(stack, out, resume=True, report=lambda table: seen.extend(table["id"]))
    assert len(seen) < N or name == "8"
    assert_same(read_table(Redshifts, out), expected(stack, pz=False))


@pytest.mark.filterwarnings("ignore:.*is left out")
def test_another_run_is_not_resumed(stack, tmp_path, monkeypatch):
    out = tmp_path / "z.fits"
    run_until("24", stack, out, monkeypatch)
    with pytest.raises(OutputError, match="differs from this one: SETTINGS was"):
        run(stack, out, step=0.2, resume=True)
    with pytest.raises(InputError, match="same spectra in the same order"):
        run([spectrum("other"), stack], out, resume=True)
    run(stack, out, overwrite=True)
    assert len(Table.read(out)) == N


def test_nothing_is_left_of_a_run_without_spectra(tmp_path):
    (tmp_path / "bad.fits").write_text("no FITS")
    with pytest.raises(InputError, match="readable FITS"):
        run(tmp_path / "bad.fits", tmp_path / "z.fits")
    assert [path.name for path in tmp_path.iterdir()] == ["bad.fits"]


def test_probabilities_are_written_into_fits_only(stack, tmp_path):
    with pytest.raises(SettingError, match=r"into FITS only; .*z\.vot' is none"):
        run(stack, tmp_path / "z.vot", pz=True)


def test_spectra_are_read_as_they_are_needed(tmp_path):
    """Parts are on the disk before the last spectra are read."""
    there = []

    def spectra():
        for i in range(12):
            there.append(len(list(tmp_path.glob("z.fits.parts/part*"))))
            yield spectrum(str(i))

    run(spectra(), tmp_path / "z.fits")
    assert there[-1] == 1
    assert there == sorted(there)

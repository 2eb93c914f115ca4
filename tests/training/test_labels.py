import numpy as np
import pytest
from astropy.table import Table
from mpdaf.obj import Spectrum, WaveCoord
from mpdaf.sdetect import Source

from museml.errors import InputError
from museml.training.label_files import read_labelled
from museml.training.labels import LabelledSpectra, check_enough, make_labels, training_classes, vacuum_redshifts


def write_source(folder, number, z=None, flux=None, **keywords):
    """Write a small Source, with a redshift in its table Z."""
    rng = np.random.default_rng(number)
    wave = WaveCoord(crval=5000.0, cdelt=1.25, crpix=1, cunit="Angstrom", ctype="AWAV", shape=80)
    source = Source.from_data(number, 10.0, -5.0, ("test", "1", "cube.fits", "1"))
    data = rng.normal(size=80) if flux is None else flux
    source.spectra["MUSE_TOT"] = Spectrum(wave=wave, data=data, var=np.ones(80))
    source.header["REFSPEC"] = "MUSE_TOT"
    source.header.update(keywords)
    if z is not None:
        source.add_z("EMI", z, 1e-4)
    source.write(str(folder / f"field-{number:04d}.fits"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("labelled") / "sources"
    path.mkdir()
    write_source(path, 1, 0.5, GROUP="a", KIND="galaxy")
    write_source(path, 2, 0.0001, GROUP="b", KIND="star")
    write_source(path, 3, GROUP="c", KIND="sky")
    write_source(path, 4, 9.0, GROUP="d", KIND="galaxy")
    write_source(path, 5, 1.2, flux=np.ones(80), GROUP="e", KIND="comet")
    (path / "field-0006.fits").write_bytes(b"not FITS")
    return path


def redshifts(labelled):
    return dict(zip(labelled.labels["id"], np.ma.filled(labelled.labels["z"], -1).round(6), strict=True))


def test_redshifts_are_read_from_the_sources(folder):
    labelled = read_labelled(folder, "EMI")
    assert redshifts(labelled)["field-0001"] == 0.5
    assert redshifts(read_labelled(folder)) == redshifts(labelled)


def test_what_museml_wrote_is_no_label(folder, tmp_path):
    source = Source.from_file(str(folder / "field-0001.fits"))
    source.add_z("MUSEML", 3.3, 1e-4)
    source.write(str(tmp_path / "field-0001.fits"))
    assert redshifts(read_labelled(tmp_path)) == {"field-0001": 0.5}


@pytest.mark.filterwarnings("ignore:spectrum .* is left out")
def test_bad_rows_are_counted_and_do_not_sink_the_rest(folder):
    labelled = read_labelled(folder, classes="KIND")
    used = [name for batch, _ in labelled.batches() for name in batch.ids]
    assert used == ["field-0001", "field-0002", "field-0003"]
    assert labelled.left_out() == {
        "redshift beyond -0.004 to 6.75": 1,
        "constant": 1,
        "cannot be read": 1,
    }
    assert "3 of 6 spectra can be used; left out: 1 " in labelled.summary()


def test_a_batch_comes_with_its_labels(folder):
    with pytest.warns(match="is left out"):
        pairs = list(read_labelled(folder, objects="GROUP").batches())
    for batch, labels in pairs:
        assert list(batch.ids) == list(labels["id"])
    assert list(pairs[0][1]["object"]) == ["a", "b"]


def test_labels_of_a_table_beside_the_files(folder):
    table = Table({"ID": [2, 1, 77], "zspec": [0.7, 0.6, 0.5], "CONFID": [3, 3, 1]})
    labelled = read_labelled(folder, "zspec", catalog=table)
    assert redshifts(labelled)["field-0001"] == 0.6
    assert labelled.left_out() == {"no redshift": 4}
    table = Table({"file": ["field-0001.fits"], "z": [0.3]})
    assert redshifts(read_labelled(folder, catalog=table))["field-0001"] == 0.3


@pytest.mark.parametrize("name", ["catalog.fits", "catalog.csv", "catalog.ecsv"])
def test_a_catalogue_has_its_sources_beside_it(folder, name):
    path = folder.parent / name
    Table({"ID": [2, 1], "Z_BEST": [0.7, 0.6]}).write(path, overwrite=True)
    labelled = read_labelled(path, "z_best")
    assert [list(batch.ids) for batch, _ in labelled.batches()] == [["2", "1"]]
    assert redshifts(labelled) == {"2": 0.7, "1": 0.6}


def test_a_table_with_a_spectrum_per_row_has_its_labels_in_a_column(tmp_path):
    rng = np.random.default_rng(0)
    table = Table({"ID": ["a", "b"], "FLUX": rng.normal(size=(2, 80)), "IVAR": np.ones((2, 80)), "Z_SPEC": [0.1, 2.0]})
    table["WAVE"] = np.tile(np.linspace(5000, 6000, 80), (2, 1))
    table["WAVE"].unit, table.meta["MEDIUM"] = "Angstrom", "vacuum"
    table.write(tmp_path / "stack.fits")
    labelled = read_labelled(tmp_path / "stack.fits", "z_spec")
    assert [list(batch.ids) for batch, _ in labelled.batches()] == [["a", "b"]]
    assert redshifts(labelled) == {"a": 0.1, "b": 2.0}


def test_a_label_that_is_nowhere_is_told(folder):
    with pytest.raises(InputError, match="no file has a redshift or header keyword 'ZZ'"):
        read_labelled(folder, "ZZ")
    with pytest.raises(InputError, match="none named 'zz'; it has ID, z"):
        read_labelled(folder, "zz", catalog=Table({"ID": [1], "z": [0.1]}))
    with pytest.raises(InputError, match="no entry of its column 'ID', such as '99'"):
        read_labelled(folder, "z", catalog=Table({"ID": [99], "z": [0.1]}))
    with pytest.raises(InputError, match="must name the spectra in a column filename, file"):
        read_labelled(folder, "z", catalog=Table({"z": [0.1]}))


def test_redshifts_that_contradict_each_other_are_not_used():
    table = make_labels(["1", "2", "3", "4"], [0.5, 0.5004, 0.9, 2.0], objects=["a", "a", "b", "b"])
    assert list(table["problem"]) == ["", "", *["redshifts of one object disagree"] * 2]


def test_what_is_listed_again_is_used_once():
    table = make_labels(["1", "1", "2", "2"], [0.5, 0.5, 1.0, 3.0])
    assert list(table["problem"]) == ["", "listed again", *["redshifts of one object disagree"] * 2]


def test_missing_redshifts_in_all_their_forms():
    table = make_labels(["1", "2", "3", "4"], np.ma.array([np.nan, -9999, 1.0, 0.4], mask=[0, 0, 1, 0]))
    assert list(table["problem"]) == ["no redshift"] * 3 + [""]
    assert list(table["z"].mask) == [True, True, True, False]


def test_redshifts_may_be_text_but_must_be_numbers():
    assert list(make_labels(["1", "2"], ["0.5", "?"])["problem"]) == ["", "no redshift"]
    with pytest.raises(InputError, match="redshifts must be numbers, not 'galaxy'; name another column"):
        make_labels(["1", "2"], ["galaxy", "star"])


def test_classes_are_told_or_follow_from_the_redshift():
    table = make_labels(["1", "2", "3", "4"], [0.5, 0.0001, np.nan, 2.0], classes=["", "", "Sky", "quasar"])
    assert list(training_classes(table)) == ["galaxy", "star", "nothing", "QSO"]
    table = make_labels(["1"], [0.5], classes=["comet"])
    assert list(table["problem"]) == ["class 'comet' is not known"]


def test_too_few_spectra_are_refused(spectra):
    labelled = LabelledSpectra(spectra, make_labels(spectra.ids, [0.5, 0.6, *[np.nan] * 4]))
    with pytest.raises(InputError, match="2 of 6 spectra can be used; left out: 4 no redshift"):
        check_enough(labelled, 50, "training")


def test_fewer_labels_than_spectra_are_refused(spectra):
    labelled = LabelledSpectra(spectra, make_labels(["1"], [0.5]))
    with pytest.raises(InputError, match="each spectrum must have a row of labels"):
        list(labelled.batches())


def test_redshifts_from_air_wavelengths_become_83_km_s_larger():
    assert (vacuum_redshifts([1.0])[0] - 1.0) / 2.0 == pytest.approx(2.76e-4, abs=0.02e-4)

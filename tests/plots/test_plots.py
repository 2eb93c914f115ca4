import numpy as np
import pytest
from astropy.table import Table
from matplotlib import rc_context
from mpdaf.obj import Spectrum, WaveCoord
from mpdaf.sdetect import Source

from museml.catalogs.summary import SourceTable
from museml.classification import Redshifts
from museml.data.cubes import open_cube
from museml.errors import OutputError, PredictionFlag
from museml.extraction import white_image
from museml.plots import plot_overview, plot_source, save_figure
from museml.plots.overview import spread
from museml.plots.panels import observed, smoothed
from museml.sources import write_prediction

Z = 0.4


def make_source(z=Z, p=0.9, z_2=3.0, p_2=0.08, lines=("HBETA", "OIII5008"), flags=0):
    """Return a source with two lines at z = 0.4 and an answer."""
    source = Source.from_data(7, 53.1, -27.8, ("museml", "1", "cube.fits", ""), extras={"REFSPEC": "MUSE_PSF"})
    wave = 4750 + 1.25 * np.arange(3681)
    places = [observed(name, Z, "air") for name in lines]
    rng = np.random.default_rng(1)
    flux = rng.normal(0, 10, len(wave)) + sum(300 * np.exp(-(((wave - place) / 2.5) ** 2) / 2) for place in places)
    axis = WaveCoord(crpix=1, cdelt=1.25, crval=4750, cunit="Angstrom", ctype="AWAV", shape=len(wave))
    source.spectra["MUSE_PSF"] = Spectrum(wave=axis, data=flux, var=np.full(len(wave), 100.0))
    if places:
        columns = {"LBDA_OBS": places, "FLUX": [200.0, 300.0], "FLUX_ERR": [10.0, 10.0], "LINE": list(lines)}
        source.lines = Table(columns, masked=True)
    for key in ("X", "Y"):
        source.header[key] = 5.0
    source.header["DET_SNR"] = 30.0
    pz = np.zeros((1, 3000), "f4")
    pz[0, int(np.log1p(Z) / 6.6e-4)] = p
    columns = {"id": ["7"], "class": ["galaxy"], "z": [z], "z_err": [2e-4], "p": [p], "z_2": [z_2], "p_2": [p_2]}
    meta = {"LNZ0": 0.0, "DLNZ": 6.6e-4}
    write_prediction(source, Redshifts.from_columns({**columns, "flags": [flags], "pz": pz}, meta))
    return source


def words(figure):
    """Return all the text in a figure."""
    from matplotlib.text import Text

    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def test_lines_are_where_they_are_observed_in_air():
    assert observed("HALPHA", 0.0858, "air") == pytest.approx(7125.9, abs=0.2)
    assert observed("HALPHA", 0.0, "vacuum") == pytest.approx(6564.6, abs=0.02)


def test_page_names_the_lines_and_says_the_answer():
    texts = words(plot_source(make_source(flags=int(PredictionFlag.AMBIGUOUS))))
    assert "Hβ" in texts
    assert any("galaxy" in text and "z = 0.40000 ± 0.00020" in text and "p = 0.900" in text for text in texts)
    assert any("flags: ambiguous" in text for text in texts)
    assert "Source 7" in texts


def test_lines_are_marked_at_their_wavelengths():
    figure = plot_source(make_source())
    marks = {round(line.get_xdata()[0]) for line in figure.axes[0].lines if len(line.get_xdata()) == 2}
    assert {round(observed(name, Z, "air")) for name in ("HBETA", "OIII5008")} <= marks


def test_absorption_is_marked_in_a_colour_of_its_own():
    source = make_source(lines=("HBETA", "CAK"))
    source.lines["FLUX"][1] = -300.0
    marks = [line for line in plot_source(source).axes[0].lines if line.get_linestyle() == "--"]
    assert [round(mark.get_xdata()[0]) for mark in marks] == [round(observed("CAK", Z, "air"))]


def test_runner_up_is_shown_only_if_it_counts():
    assert any("z 3.0000" in text for text in words(plot_source(make_source())))
    assert not any("z 3.0000" in text for text in words(plot_source(make_source(p_2=1e-6))))


def test_limits_show_the_line_and_not_a_spike_of_noise():
    source = make_source()
    spectrum = source.spectra["MUSE_PSF"]
    spectrum.data[3600], spectrum.var[3600] = 1e6, 1e12
    low, high = plot_source(source).axes[0].get_ylim()
    assert 200 < high < 1000
    assert -100 < low < 0


def test_a_source_without_lines_redshift_or_images_has_a_page():
    unknown = np.ma.masked_all(1)
    source = make_source(lines=())
    write_prediction(source, Redshifts.from_columns({"id": ["7"], "class": ["unknown"], "p": unknown}))
    texts = words(plot_source(source))
    assert "unknown, no redshift" in texts
    assert "no redshift" in texts


def test_a_page_of_masked_data_has_no_warning(tmp_path):
    source = make_source()
    source.spectra["MUSE_PSF"].mask[:] = True
    save_figure(plot_source(source), tmp_path / "page.png")
    assert (tmp_path / "page.png").read_bytes()[:4] == b"\x89PNG"


def test_smoothing_weighs_by_the_inverse_variance():
    flux, error = np.ma.zeros(200), np.ones(200)
    flux[100], error[100] = 1e5, 1e4
    values, sigma = smoothed(flux, error)
    assert abs(values[100]) < 1
    assert np.std(
        smoothed(np.ma.array(np.random.default_rng(0).normal(size=20000)), np.ones(20000))[0]
    ) == pytest.approx(sigma[50], rel=0.05)


def test_pictures_do_not_depend_on_the_users_settings(tmp_path):
    def draw(name):
        save_figure(plot_source(make_source()), tmp_path / name)
        return (tmp_path / name).read_bytes()

    alone = draw("a.png")
    with rc_context({"font.size": 30, "axes.facecolor": "red"}):
        assert draw("d.png") == alone


def test_a_picture_in_a_missing_folder_is_one_line(tmp_path):
    with pytest.raises(OutputError, match="make the folder first"):
        save_figure(plot_source(make_source()), tmp_path / "no" / "page.png")


def table_of(z, p, classes):
    n = len(z)
    columns = {name: np.zeros(n) for name in ("RA", "DEC", "snr", "n_false")}
    columns |= {"ID": np.arange(1, n + 1), "x": 3.0 + 4 * np.arange(n), "y": np.full(n, 9.0), "class": classes}
    counts = {"n_lines": np.ones(n, int), "continuum": np.zeros(n, int), "det_flags": np.zeros(n, int)}
    return SourceTable.from_columns({**columns, **counts, "z": z, "p": p})


def test_overview_numbers_the_sources_and_explains_them(cube):
    field = open_cube(cube)
    table = table_of([0.1, 0.5, 3.0], [0.9, 0.99, 0.2], ["galaxy", "QSO", "star"])
    figure = plot_overview(white_image(field), field.wcs, table, "field")
    texts = words(figure)
    assert {"1", "2", "3", "N", "E", "galaxy", "QSO", "star", "field", "3 sources"} <= set(texts)
    assert "no redshift\nwith p > 0.5" in texts
    low, high = figure.axes[1].get_ylim()
    assert (low, high) == pytest.approx((0.1, 0.5))


def test_overview_arrows_point_north_and_east(cube):
    field = open_cube(cube)
    figure = plot_overview(white_image(field), field.wcs, table_of([], [], np.array([], str)), "field")
    places = {text.get_text(): text.get_position() for text in figure.axes[0].texts}
    assert places["N"][1] > places["E"][1]
    assert places["E"][0] < places["N"][0]


def test_numbers_are_moved_apart():
    places = np.random.default_rng(0).uniform(0, 40, (12, 2))
    size = np.array([20.0, 12.0])
    moved = spread(places, size)
    apart = np.abs(moved[:, None] - moved[None])
    overlap = ((size - apart) > 0.5).all(axis=2) & ~np.eye(12, dtype=bool)
    assert not overlap.any()
    alone = np.array([[0.0, 0.0], [100.0, 0.0]])
    assert np.allclose(spread(alone, size), alone, atol=0.01)

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from matplotlib.collections import EllipseCollection
from matplotlib.patches import Ellipse
from matplotlib.text import Text

from museml.data.images import open_image
from museml.errors import DetectionFlag, InputError, MusemlWarning, OutputError, SettingError
from museml.plots import window as windows
from museml.plots.figures import save_figure
from museml.plots.image import plot_image
from museml.plots.window import Window, choose_window, read_binned

SCALE = 2.0  # arcsec


def make_hdu(shape=(120, 160), centre=(150.0, 2.0), turn=0.0, mirrored=False, beam=(10.0, 6.0, 30.0), **cards):
    """Return an image of noise, 10 uJy/beam, on the sky."""
    values = np.random.default_rng(3).normal(0, 1e-5, shape).astype("f4")
    header = fits.Header({"CTYPE1": "RA---SIN", "CTYPE2": "DEC--SIN", "BUNIT": "JY/BEAM", "RADESYS": "ICRS"})
    header.update({"CRVAL1": centre[0], "CRVAL2": centre[1], "CRPIX1": shape[1] / 2, "CRPIX2": shape[0] / 2})
    sine, cosine = np.sin(np.radians(turn)), np.cos(np.radians(turn))
    sign = 1 if mirrored else -1
    header.update({"CDELT1": sign * SCALE / 3600, "CDELT2": SCALE / 3600})
    header.update({"PC1_1": cosine, "PC1_2": -sine, "PC2_1": sine, "PC2_2": cosine})
    header.update({"BMAJ": beam[0] / 3600, "BMIN": beam[1] / 3600, "BPA": beam[2], **cards})
    return fits.PrimaryHDU(values, header)


def rows_at(image, x, y, **columns):
    """Return a catalogue with sources at pixels of an image."""
    ra, dec = image.pixel_to_sky(np.atleast_1d(x), np.atleast_1d(y))
    n = len(ra)
    sizes = {"major": np.full(n, 60.0), "minor": np.full(n, 30.0), "pa": np.full(n, 20.0)}
    return Table({"id": np.arange(1, n + 1), "ra": ra, "dec": dec, **sizes, **columns})


def ellipses(figure):
    return [part for part in figure.axes[0].collections if isinstance(part, EllipseCollection)]


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()] if figure.legends else []


def test_averaging_keeps_means_and_holes():
    values = np.arange(7 * 9, dtype="f4").reshape(7, 9)
    values[:3, :3], values[3, 3] = np.nan, np.nan

    class Fake:
        def block(self, rows, columns):
            return values[rows, columns].copy()

    binned = read_binned(Fake(), Window(slice(0, 7), slice(0, 9), 3))
    assert binned.shape == (3, 3)
    assert np.isnan(binned[0, 0])
    assert binned[0, 1] == values[:3, 3:6].mean()
    assert binned[1, 1] == pytest.approx(np.nanmean(values[3:6, 3:6]))
    assert binned[2, 2] == values[6, 6:9].mean()


def test_large_images_are_read_in_strips(monkeypatch):
    image = open_image(make_hdu((500, 400)))
    window = choose_window(image, most=100)
    whole, asked = read_binned(image, window), []
    monkeypatch.setattr(windows, "STRIP", 12000)
    block = image.block
    monkeypatch.setattr(image, "block", lambda rows, columns: asked.append(rows) or block(rows, columns))
    assert np.array_equal(read_binned(image, window), whole)
    assert max(rows.stop - rows.start for rows in asked) <= 30
    assert whole.shape == (100, 80)


def test_holes_are_neither_filled_nor_moved():
    hdu = make_hdu()
    hdu.data[30:50, 40:80] = np.nan
    shown = plot_image(hdu).axes[0].images[0]
    mask = np.ma.getmaskarray(shown.get_array())
    assert np.array_equal(mask, np.isnan(hdu.data))
    assert shown.get_extent() == [-0.5, 159.5, -0.5, 119.5]


@pytest.mark.parametrize(("turn", "mirrored"), [(0, False), (40, False), (40, True)])
def test_ellipses_have_the_angle_of_the_sky(turn, mirrored):
    image = open_image(make_hdu(turn=turn, mirrored=mirrored))
    table = rows_at(image, 50.0, 70.0)
    (drawn,) = ellipses(plot_image(image, table))
    assert np.allclose(drawn.get_offsets(), [[50, 70]], atol=1e-4)
    angle = np.radians(drawn.get_angles()[0])
    ra, dec = image.pixel_to_sky(50 + np.cos(angle), 70 + np.sin(angle))
    east, north = (ra - table["ra"][0]) * np.cos(np.radians(dec)), dec - table["dec"][0]
    assert np.degrees(np.arctan2(east, north)) % 180 == pytest.approx(20, abs=0.1)
    assert drawn.get_widths()[0] == pytest.approx(60 / SCALE)
    assert drawn.get_heights()[0] == pytest.approx(30 / SCALE)


def test_the_beam_is_drawn_to_scale():
    figure = plot_image(make_hdu(beam=(30.0, 12.0, 30.0)))
    (beam,) = [patch for patch in figure.axes[0].patches if isinstance(patch, Ellipse)]
    assert (beam.width, beam.height, beam.angle) == pytest.approx((15, 6, 120), abs=0.1)
    assert any("beam 30″ × 12″, PA 30°" in text.get_text() for text in figure.findobj(Text))


def test_colours_tell_what_two_catalogues_share():
    image = open_image(make_hdu())
    ours, theirs = rows_at(image, [30, 60, 90], [40, 50, 60]), rows_at(image, [30.5, 90, 20, 120], [40, 60, 100, 20])
    figure = plot_image(image, ours, theirs, names=("mine", "LoTSS"))
    assert legend(figure) == ["only in LoTSS: 2", "in both: 2", "only in mine: 1"]
    assert np.allclose(ellipses(figure)[2].get_offsets(), [[60, 50]], atol=1e-3)


def test_a_match_beyond_the_edge_of_a_zoom_counts():
    image = open_image(make_hdu())
    ours, theirs = rows_at(image, 60, 60), rows_at(image, 63, 60)
    at = image.pixel_to_sky(50, 60)
    figure = plot_image(image, ours, theirs, at=tuple(map(float, at)), size=44.0)
    assert legend(figure) == ["only in reference: 0", "in both: 1", "only in catalogue: 0"]


def test_flags_have_colours_and_positions_may_be_missing():
    image = open_image(make_hdu())
    flags = np.array([0, DetectionFlag.BLEND, DetectionFlag.ARTEFACT | DetectionFlag.BLEND, 0])
    table = Table(rows_at(image, [30, 60, 90, 20], [40, 50, 60, 20], flags=flags), masked=True)
    table["ra"].mask[3] = True
    assert legend(plot_image(image, table)) == ["artefact: 1", "blend: 1", "no flag: 1"]


def test_contours_are_in_units_of_the_local_noise():
    hdu = make_hdu((300, 300))
    y, x = np.mgrid[:300, :300]
    hdu.data[:, 150:] *= 5
    for column in (75, 225):
        hdu.data += 12e-5 * np.exp(-((x - column) ** 2 + (y - 150) ** 2) / 50)
    image = open_image(hdu)
    figure = plot_image(image, contours=[8])
    (contour,) = [part for part in figure.axes[0].collections if not isinstance(part, EllipseCollection)]
    corners = np.concatenate([path.vertices for path in contour.get_paths()])
    assert np.abs(corners - [75, 150]).max() < 8  # the source in five times the noise has none
    assert any("contours at 8 σ" in text.get_text() for text in figure.findobj(Text))


def test_a_zoom_shows_the_position_or_the_source():
    image = open_image(make_hdu((400, 400)))
    table = rows_at(image, [100, 110, 300], [200, 200, 150], source=[1, 1, 2])
    figure = plot_image(image, table, source=2)
    (left, right), (bottom, top) = figure.axes[0].get_xlim(), figure.axes[0].get_ylim()
    assert ((left + right) / 2, (bottom + top) / 2) == pytest.approx((300, 150), abs=1)
    assert legend(figure) == ["catalogue: 1"]
    at = tuple(float(value) for value in image.pixel_to_sky(399, 399))
    assert plot_image(image, at=at, size=40.0).axes[0].images[0].get_array().shape == (11, 11)


@pytest.mark.parametrize("centre", [(0.0, 10.0), (150.0, 90.0), (20.0, -89.99)])
def test_pictures_at_the_poles_and_where_right_ascension_begins(tmp_path, centre):
    image = open_image(make_hdu(centre=centre))
    table = rows_at(image, [20, 80, 81, 140], [20, 60, 61, 100])
    figure = plot_image(image, table)
    save_figure(figure, tmp_path / "picture.png")
    assert legend(figure) == ["catalogue: 4"]
    assert np.allclose(ellipses(figure)[0].get_offsets(), [[20, 20], [80, 60], [81, 61], [140, 100]], atol=1e-3)


def test_a_catalogue_of_another_field_is_told():
    table = Table({"id": ["J0123+45"], "ra": [10.0], "dec": [-45.0]})
    with pytest.warns(MusemlWarning, match="no row of 1 of 'catalogue' lies in"):
        plot_image(make_hdu(), table)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"at": (10.0, 2.0)}, "the position to show must be in the image"),
        ({"at": (150.0, 2.0), "size": -3.0}, "size must be a positive number"),
        ({"source": 1}, "needs a catalogue with the column 'source'"),
        ({"size": 0.0}, "size must be a positive number"),
    ],
)
def test_what_cannot_be_shown_is_told(arguments, text):
    with pytest.raises(SettingError, match=text):
        plot_image(make_hdu(), **arguments)


def test_catalogues_need_positions():
    with pytest.raises(InputError, match="needs the column 'dec'"):
        plot_image(make_hdu(), Table({"ra": [150.0]}))


def test_unknown_sources_and_contours_of_averaged_pixels_are_told(monkeypatch):
    image = open_image(make_hdu())
    with pytest.raises(SettingError, match="has no source 7"):
        plot_image(image, rows_at(image, 5, 5, source=[1]), source=7)
    monkeypatch.setattr("museml.plots.image.PIXELS", 50)
    with pytest.raises(SettingError, match="contours need a part of the image of at most 50 pixels"):
        plot_image(image, contours=[5])


def test_a_constant_image_and_an_empty_catalogue_have_a_picture(tmp_path):
    hdu = make_hdu()
    hdu.data[:] = 0
    image = open_image(hdu)
    save_figure(plot_image(image, rows_at(image, [], [])), tmp_path / "picture.png")
    assert (tmp_path / "picture.png").read_bytes()[:4] == b"\x89PNG"
    with pytest.raises(OutputError, match="make the folder first"):
        save_figure(plot_image(image), tmp_path / "no" / "picture.png")

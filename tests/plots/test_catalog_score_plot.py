import numpy as np
import pytest
from astropy.table import Table
from matplotlib.text import Text

from museml.catalogs.outline import catalog_footprint
from museml.catalogs.score import score_detections
from museml.plots.catalog_score import plot_catalog_score
from museml.plots.figures import save_figure


@pytest.fixture
def lists():
    """Return detections and a truth; all from S/N 5 on are found, 1.2 times too bright and 0.5 arcsec east."""
    rng = np.random.default_rng(2)
    snr = 2 + 3 * rng.pareto(1.2, 300)
    truth = Table({"ra": 359.9 + rng.uniform(0, 0.2, 300), "dec": rng.uniform(-60.1, -60, 300), "snr": snr})
    truth["ra"] %= 360
    truth["flux"], truth["major"] = snr * 1e-4, 6.0
    found = truth[snr >= 5]
    found["ra"] = (found["ra"] + 0.5 / 3600 / np.cos(np.radians(found["dec"]))) % 360
    found["flux"] *= 1.2
    found["score"], found["p_real"] = found["snr"], 0.95
    return found, truth


def words(axes):
    return [text.get_text() for text in axes.findobj(Text)]


def test_the_panels_show_what_the_score_says(lists, tmp_path):
    figure = plot_catalog_score(score_detections(*lists), "a list")
    rates, tradeoff, _, fluxes, _, places = figure.axes
    curve = rates.lines[0]
    assert np.all(curve.get_ydata()[curve.get_xdata() < 5] == 0)
    assert np.all(curve.get_ydata()[curve.get_xdata() > 5] == 1)
    assert any("completeness 1.000\nreliability 1.000" in text for text in words(tradeoff))
    assert np.allclose(fluxes.collections[0].get_offsets()[:, 1], 1.2)
    assert any("median east +0.5″" in text for text in words(places))
    assert "a list" in [text.get_text() for text in figure.texts]
    save_figure(figure, tmp_path / "score.png")
    assert (tmp_path / "score.png").read_bytes()[:4] == b"\x89PNG"


def test_only_what_lies_in_the_footprint_is_drawn(lists):
    found, truth = lists
    score = score_detections(found, truth, footprint=catalog_footprint([359.95, 359.95, 0.05], [-60.1, -60.0, -60.05]))
    fluxes = plot_catalog_score(score).axes[3]
    count = int(score.inside[score.pairs.others].sum())
    assert len(fluxes.collections[0].get_offsets()) == count < len(score.pairs.rows)


def test_without_a_true_ratio_the_measured_one_is_drawn(lists):
    found, truth = lists
    del truth["snr"], truth["flux"]
    _, _, _, fluxes, sizes, _ = plot_catalog_score(score_detections(found, truth)).axes
    assert "no flux in both" in words(fluxes)
    assert sizes.get_xlabel() == "measured S/N"


def test_what_is_missing_is_told(lists, tmp_path):
    found, truth = lists
    figure = plot_catalog_score(score_detections(found["ra", "dec"][:0], truth["ra", "dec"]))
    told = {word for axes in figure.axes for word in words(axes) if word.startswith("no ")}
    assert told == {
        "no signal-to-noise ratios", "no column 'score'", "no column 'p_real'", "no flux in both", "no major in both",
        "no match",
    }  # fmt: skip
    save_figure(figure, tmp_path / "score.png")

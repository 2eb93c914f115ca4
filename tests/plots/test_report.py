import re
from html.parser import HTMLParser

import numpy as np
import pytest

from museml.plots import evaluation as figures
from museml.plots.report import make_report
from museml.training.evaluation import Answers


@pytest.fixture(scope="module")
def answers():
    """Return answers at two depths: right ones, swaps of [OII] and Lya, and no answer."""
    rng = np.random.default_rng(2)
    count = 120
    z_true = rng.uniform(0.1, 6, count)
    z = z_true + 2e-4 * rng.normal(size=count)
    z[:10] = 3728.48 * (1 + z_true[:10]) / 1215.67 - 1
    z = np.ma.masked_where(np.arange(count) > 110, z)
    offset = np.ma.asarray((z - z_true) / (1 + z_true))
    columns = {"id": [f"<{i}>" for i in range(count)], "depth": np.repeat([1.0, 3.0], count // 2)}
    columns |= {"object": columns["id"], "type": np.where(z_true > 3, "Lya", "emission")}
    columns |= {"snr_cont": rng.exponential(2, count), "snr_line": rng.exponential(15, count), "z_true": z_true, "z": z}
    columns |= {"class_true": ["galaxy"] * count, "class": np.where(np.ma.getmaskarray(z), "unknown", "galaxy")}
    columns |= {"p": np.ma.array(rng.uniform(0.3, 1, count), mask=np.ma.getmaskarray(z)), "offset": offset}
    columns["rank"] = np.where(np.ma.filled(abs(offset), 1) < 0.005, 1, 0)
    return Answers.from_columns(columns, {"PLUGIN": "lines"})


class Reader(HTMLParser):
    """Checks that tags are closed in order, and collects them."""

    void = {"meta", "img", "br", "!doctype"}

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.text = [], [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in self.void:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture(scope="module")
def page(answers):
    return make_report(answers, "A & B", {"spectra": "<many>"}, ["look <here>"], {"loss": [2, 1], "val_loss": [2, 3]})


def test_the_report_is_one_file_of_valid_html(page):
    reader = Reader()
    reader.feed(page)
    assert reader.open == []
    assert not re.search(r"(src|href)=\"(?!data:)", page)
    pictures = [attributes["src"] for tag, attributes in reader.tags if tag == "img"]
    assert len(pictures) == 7
    assert all(picture.startswith("data:image/png;base64,iVBOR") for picture in pictures)


def test_text_of_the_user_is_no_markup(page):
    reader = Reader()
    reader.feed(page)
    assert {"A & B", "<many>", "look <here>"} <= set(reader.text)
    assert "<0>" in reader.text


def test_the_most_confident_wrong_answers_are_listed(page, answers):
    reader = Reader()
    reader.feed(page)
    wrong = answers[(answers["rank"] == 0) & (answers["depth"] == 1)]
    first = wrong["id"][np.argmax(np.ma.filled(wrong["p"], 0))]
    listed = [text for text in reader.text if re.fullmatch(r"<\d+>", text)]
    assert listed[0] == first
    assert len(listed) == len(wrong)


def test_a_swap_of_lines_lies_on_its_track(answers):
    figure = figures.plot_confusion(answers)
    axes = figure.axes[0]
    tracks = [line.get_xydata() for line in axes.lines if line.get_linestyle() == ":"]
    point = axes.collections[0].get_offsets()[0]
    distance = [abs((point[1] - point[0]) - (track[0][1] - track[0][0])) for track in tracks]
    assert min(distance) < 2e-3


def test_every_depth_has_its_line(answers):
    axes = figures.plot_success(answers).axes[0]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["1", "3"]


def test_one_answer_makes_a_report(answers):
    one = answers[:1]
    assert "None." in make_report(answers[20:21], "one", {})
    assert "1 of 1" in make_report(one, "one", {})


def test_the_kept_epoch_is_marked():
    axes = figures.plot_learning({"loss": [3, 2, 1, 0.5], "val_loss": [3, 2, 2.5, 4]}).axes[0]
    assert axes.lines[-1].get_xdata()[0] == 2
    axes = figures.plot_learning({"loss": [3, 2], "val_loss": [3, 2.5], "val_loss_before": [2]}).axes[0]
    assert "kept" not in [text.get_text() for text in axes.get_legend().get_texts()]

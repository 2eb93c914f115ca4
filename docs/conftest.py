"""Pages with examples run in a folder of their own."""

import matplotlib as mpl
import pytest

mpl.use("Agg")

collect_ignore = ["_ext", "conf.py"]  # need Sphinx, which the tests do without


@pytest.fixture(autouse=True)
def _own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

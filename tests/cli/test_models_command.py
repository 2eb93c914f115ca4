import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from museml import conf, load_model
from museml.cli import main
from museml.cli.models import models


def run(*arguments):
    return CliRunner().invoke(models, arguments)


def test_the_table_has_the_shipped_model():
    lines = run().stdout.splitlines()
    assert lines[0].split() == ["name", "version", "accepts", "package", "summary"]
    assert any(line.startswith("reality") and "residuals" in line for line in lines[1:])


def test_json_can_be_read():
    (row,) = [row for row in json.loads(run("--json").stdout) if row["name"] == "reality"]
    assert row["package"] == "museml"
    assert row["version"]


def test_the_card_tells_scores_and_failures():
    text = run("show", "reality").stdout
    for heading in ("task", "training data", "scores", "failures", "licence", "sha256"):
        assert f"\n{heading}\n" in text
    assert "residuals with p > 0.9" in text
    assert max(map(len, text.splitlines())) < 140


def test_the_card_as_json():
    card = json.loads(run("show", "reality", "--json").stdout)
    assert card["classes"] == ["line", "residual"]
    assert all(0 <= score["value"] <= 1 for score in card["scores"])


def test_an_unknown_model_is_one_line():
    answer = CliRunner().invoke(main, ["models", "show", "realty"])
    assert answer.exit_code == 1
    assert "no model named 'realty'; known: reality" in answer.stderr
    assert len(answer.stderr.splitlines()) == 1


def test_a_broken_model_does_not_hide_the_others(monkeypatch):
    from museml.cli import models as module
    from museml.errors import ModelError

    def broken(name):
        raise ModelError("it is damaged")

    monkeypatch.setattr(sys.modules["museml.cli.models"], "load_model", broken)
    assert "cannot be read: it is damaged" in run().stdout
    assert module is not None


@pytest.mark.parametrize("arguments", [["models"], ["models", "show", "reality"]])
def test_keras_stays_asleep(arguments):
    code = (
        "import sys\nfrom museml.cli import main\n"
        f"main({arguments}, standalone_mode=False)\n"
        "print(sorted({'keras', 'tensorflow', 'mpdaf'} & set(sys.modules)))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.splitlines()[-1] == "[]"


def test_the_users_own_models_are_listed(tmp_path):
    load_model("reality").save(tmp_path / "mine.asdf")
    with conf.set_temp("model_folder", str(tmp_path)):
        names = [(row["name"], row["package"]) for row in json.loads(run("--json").stdout)]
    assert names[:2] == [("mine", "(own)"), ("reality", "museml")]

"""The example plugin, installed by pip into a folder of its own and used from other processes."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Return the plugin's source folder, and the environment of a process that has it installed."""
    folder = tmp_path_factory.mktemp("installed")
    source = folder / "source"
    shutil.copytree(HERE / "example_plugin", source)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-index"]
    target = ["--no-build-isolation", "--target", str(folder / "site"), str(source)]
    subprocess.run([*pip, *target], check=True, capture_output=True, text=True, timeout=120)
    return source, {**os.environ, "PYTHONPATH": str(folder / "site"), "MUSEML_STRICT_PLUGINS": "1", "MPLBACKEND": "Agg"}


def run(installed, *words):
    source, environment = installed
    done = subprocess.run(words, cwd=source, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_museml_plugins_lists_it(installed):
    rows = json.loads(run(installed, sys.executable, "-m", "museml", "plugins", "--json"))
    own = {row["name"]: row for row in rows if row["package"] == "museml-example"}
    assert set(own) == {"peaks", "islands", "halpha"}
    assert own["peaks"]["version"] == "1.2.3"
    assert own["peaks"]["state"] == "ok"


def test_it_detects_and_classifies_by_name(installed):
    code = """
import museml
from museml.simulation.cubes import simulate_cube
from museml.testing.examples import example_data
cube, _ = simulate_cube((600, 26, 34), seed=3, n_lines=6, n_galaxies=0, n_continuum=4)
found = museml.detect(cube, detector="peaks", threshold=6)
named = museml.classify(example_data("spectrum"), classifier="halpha")
print(len(found), found.meta["PLUGIN"], found.meta["PLUGIN_V"], found.meta["SETTINGS"], len(named))
"""
    assert run(installed, sys.executable, "-c", code) == '3 peaks 1.2.3 {"size": 5, "threshold": 6} 6\n'


def test_its_own_contract_test_passes(installed):
    assert "1 passed" in run(installed, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider")

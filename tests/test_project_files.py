"""Files at the top say the same as the code."""

import configparser
import re
from pathlib import Path

import pytest

from museml._version import __version__

TOP = Path(__file__).parent.parent
COMMANDS = ["python -m pip install . && museml demo", 'python -m pip install ".[test]" && pytest']


def read(name):
    return (TOP / name).read_text(encoding="utf-8")


def test_the_readme_starts_with_the_two_commands():
    commands = [line.strip() for line in read("README.rst").splitlines() if "pip install" in line and "&&" in line]
    assert commands[:2] == COMMANDS


def test_the_citation_has_the_version():
    assert f"\nversion: {__version__}\n" in read("CITATION.cff")


def test_the_changes_have_a_heading_for_the_version():
    release = re.match(r"\d+\.\d+\.\d+", __version__).group()
    assert re.search(rf"^{re.escape(release)} \(.+\)\n-+$", read("CHANGES.rst"), re.MULTILINE)


@pytest.fixture
def setup():
    parser = configparser.ConfigParser()
    parser.read_string(read("setup.cfg"))
    return parser


def test_the_oldest_versions_tested_are_the_floors(setup):
    floors = dict(re.findall(r"^([\w-]+)>=([\d.]+)", setup["options"]["install_requires"], re.MULTILINE))
    oldest = dict(re.findall(r"oldestdeps: ([\w-]+)==([\d.]+?)(?:\.\*)?$", read("tox.ini"), re.MULTILINE))
    assert {name: oldest.get(name) for name in floors} == floors


def test_every_python_that_is_promised_is_tested(setup):
    promised = re.findall(r"Python :: (3\.\d+)", setup["metadata"]["classifiers"])
    assert {version.replace(".", "") for version in promised} == set(
        re.search(r"py\{([\d,]+)\}-test", read("tox.ini")).group(1).split(",")
    )

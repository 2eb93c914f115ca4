"""museml stays light: asdf and pytest import it through entry points in programs that never use it."""

import json
import os
import resource
import subprocess
import sys

import pytest

HEAVY = ("mpdaf", "keras", "tensorflow", "photutils", "skimage", "specutils", "matplotlib")


def python(code, *words):
    """Run code in a new process without the user's plugins and return what it printed."""
    environment = {**os.environ, "MUSEML_LOAD_PLUGINS": "none"}
    command = [sys.executable, "-c", code, *words]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def loaded(code, *words):
    """Return the heavy packages that are loaded after code has run, and the CPU seconds of the process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    end = f"\nimport sys, json\nprint(json.dumps([name for name in {HEAVY} if name in sys.modules]))"
    names = json.loads(python(code + end, *words).splitlines()[-1])
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return names, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_importing_museml_costs_little_above_astropy():
    code = "import astropy.table, time; t = time.process_time(); import museml; print(time.process_time() - t)"
    assert min(float(python(code)) for _ in range(3)) < 0.1


@pytest.mark.parametrize(
    "module",
    ["museml", "museml.registry", "museml.plugins", "museml.cli", "museml.detection", "museml.classification",
     "museml.api", "museml.model", "museml.asdf.integration"],
)  # fmt: skip
def test_light_modules_load_nothing_heavy(module):
    assert loaded(f"import {module}")[0] == []


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["plugins"], ["plugins", "--json"]])
def test_commands_that_only_list_are_quick(words):
    code = "import sys; from museml.cli import main; main(sys.argv[1:], standalone_mode=False)"
    names, seconds = loaded(code, *words)
    assert names == []
    assert seconds < 2


@pytest.mark.parametrize("words", [["models"], ["models", "show", "reality"]])
def test_a_card_is_read_without_keras(words):
    code = "import sys; from museml.cli import main; main(sys.argv[1:], standalone_mode=False)"
    names, _ = loaded(code, *words)
    assert not {"keras", "tensorflow", "mpdaf"} & set(names)


def test_public_names_are_there():
    import museml

    assert [name for name in museml.__all__ if not hasattr(museml, name)] == []
    with pytest.raises(AttributeError, match="module 'museml' has no attribute 'detekt'"):
        museml.detekt  # noqa: B018

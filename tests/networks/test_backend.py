import os
import subprocess
import sys

import pytest

from museml.errors import MissingPackageError
from museml.networks import backend


def test_keras_starts_in_silence():
    code = "from museml.networks.backend import load_keras; load_keras().ops.ones(3)"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stderr == ""
    assert answer.stdout == ""


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "keras", None)
    with pytest.raises(MissingPackageError, match=r"need the packages keras and tensorflow.*run 'python -m"):
        backend.load_keras()


def fail():
    with backend._quiet():
        os.write(2, b"the reason")
        raise ZeroDivisionError


def test_a_failed_start_shows_what_was_said(capfd):
    with pytest.raises(ZeroDivisionError):
        fail()
    assert "the reason" in capfd.readouterr().err

import subprocess
import sys

import pytest

import museml
from museml.errors import MusemlWarning, OutputError
from museml.pipeline import lock
from museml.pipeline.lock import FolderLock

HOLD = """
import time
from museml.pipeline.lock import FolderLock

with FolderLock("."):
    print(flush=True)
    time.sleep(60)
"""


@pytest.fixture
def other(tmp_path):
    """Return a process that holds the lock on a folder."""
    with subprocess.Popen([sys.executable, "-c", HOLD], cwd=tmp_path, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        yield process
        process.kill()


def test_a_folder_in_use_is_refused_and_the_lock_of_a_dead_process_is_not_heeded(other, tmp_path, cube_file, settings):
    with pytest.raises(OutputError, match=rf"is in use by process {other.pid} on .* since 20.*; wait until it ends"):
        museml.run(cube_file, tmp_path, **settings)
    other.kill()
    other.wait()
    assert (tmp_path / lock.NAME).exists()
    assert len(museml.run(cube_file, tmp_path, **settings)) == 3
    assert not (tmp_path / lock.NAME).exists()


def test_a_lock_ends_with_its_block(tmp_path):
    for _ in range(2):
        with FolderLock(tmp_path), pytest.raises(OutputError, match="in use"), FolderLock(tmp_path):
            pass


def test_a_lock_that_was_removed_while_waiting_for_it_does_not_count(tmp_path, monkeypatch):
    """The process before removes its file between the opening and the locking of it."""
    opened, real = [], lock._open

    def remove_first(path):
        file = real(path)
        opened.append(path)
        if len(opened) == 1:
            path.unlink()
        return file

    monkeypatch.setattr(lock, "_open", remove_first)
    with FolderLock(tmp_path):
        assert len(opened) == 2
        assert (tmp_path / lock.NAME).read_text().startswith("process ")


def test_a_disk_without_locks_is_worth_a_warning(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(lock.fcntl, "flock", refuse)
    with (
        pytest.warns(MusemlWarning, match="cannot be locked .Function not implemented.; make sure"),
        FolderLock(tmp_path),
    ):
        pass


def test_a_folder_without_permission(tmp_path, monkeypatch):
    (tmp_path / lock.NAME).mkdir()
    with pytest.raises(OutputError, match="cannot be written: Is a directory"), FolderLock(tmp_path):
        pass

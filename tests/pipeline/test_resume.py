import errno
import os
import signal
import subprocess
import sys
import time

import pytest
from mpdaf.sdetect import Source

import museml
from museml.errors import OutputError
from museml.pipeline import cube_run, tasks

KILLED = """
import sys
import museml

if __name__ == "__main__":
    museml.run(sys.argv[1], sys.argv[2], detector="lines", classifier="lines", plots=False, progress=False)
"""


@pytest.mark.parametrize("file", ["detections.fits", "extracted/source-00002.fits", "sources/source-00001.fits"])
def test_a_killed_run_resumes_and_ends_the_same(cube_file, finished, tmp_path, file, settings, same):
    out = tmp_path / "out"
    run = subprocess.Popen([sys.executable, "-c", KILLED, cube_file, out], stderr=subprocess.DEVNULL)
    while run.poll() is None and not (out / file).exists():
        time.sleep(0.002)
    run.send_signal(signal.SIGKILL)
    run.wait()
    (out / ".catalog.fits.museml-part").write_text("half")
    museml.run(cube_file, out, resume=True, **settings)
    same(finished, out)


NO_SPACE = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("at", [1, 2])
@pytest.mark.parametrize("name", ["write_prediction", "write_lines"])
def test_ctrl_c_leaves_nothing_half_written(cube_file, finished, tmp_path, failing, name, at, settings, same):
    failing(tasks, name, KeyboardInterrupt(), at)
    with pytest.raises(KeyboardInterrupt):
        museml.run(cube_file, tmp_path / "out", **settings)
    assert not list((tmp_path / "out").rglob(".*.museml-part"))
    assert "stopped: KeyboardInterrupt" in (tmp_path / "out" / "run.log").read_text()
    museml.run(cube_file, tmp_path / "out", resume=True, **settings)
    same(finished, tmp_path / "out")


@pytest.mark.parametrize("at", [2, 5])
def test_a_full_disk_is_one_line_and_the_run_resumes(cube_file, finished, tmp_path, monkeypatch, at, settings, same):
    write, calls = Source.write, []

    def full(source, filename, overwrite=True):
        calls.append(filename)
        write(source, filename, overwrite)
        if len(calls) == at:
            os.truncate(filename, 100)
            raise NO_SPACE

    monkeypatch.setattr(Source, "write", full)
    with pytest.raises(OutputError, match=r"No space left on device; free some space") as caught:
        museml.run(cube_file, tmp_path / "out", **settings)
    assert "\n" not in str(caught.value)
    assert not list((tmp_path / "out").rglob(".*.museml-part"))
    museml.run(cube_file, tmp_path / "out", resume=True, **settings)
    same(finished, tmp_path / "out")


def test_a_full_disk_for_the_log_and_the_tables(cube_file, tmp_path, failing, settings):
    failing(cube_run, "write_table", OutputError("'x' cannot be written: No space left on device"), 1)
    with pytest.raises(OutputError, match="No space"):
        museml.run(cube_file, tmp_path / "out", **settings)
    assert not (tmp_path / "out" / "detections.fits").exists()

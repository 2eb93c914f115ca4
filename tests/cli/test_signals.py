import os
import signal
import subprocess
import sys

import pytest

SWALLOWED = """
import os
import signal
import sys
import time
import weakref

import museml
from museml.cli import main


class Thing:
    pass


def run(*args, **kwargs):
    thing = Thing()
    reference = weakref.ref(thing, lambda _: os.kill(os.getpid(), getattr(signal, sys.argv[1])))
    del thing  # the signal comes in the callback, whose exceptions Python drops
    time.sleep(600)


signal.signal(signal.SIGINT, signal.default_int_handler)  # pytest-xdist ignores it, and its children inherit that
museml.run = run
main(["run", "cube.fits", "-o", "out"])
"""

SCRIPT = """
import signal
import sys
import time

import museml
from museml.cli import main
from museml.pipeline.workers import Workers


def work(number):
    print("at work", flush=True)
    time.sleep(600)


def run(*args, **kwargs):
    try:
        with Workers(2) as workers:
            list(workers.map(work, [(1,), (2,)]))
    finally:
        print("stopping", flush=True)
        time.sleep(float(sys.argv[1]))


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # pytest-xdist ignores it, and its children inherit that
    museml.run = run
    main(["run", "cube.fits", "-o", "out"])
"""


@pytest.fixture
def started(tmp_path):
    """Return a function that starts the program and waits until both of its workers are at work."""
    (tmp_path / "script.py").write_text(SCRIPT)
    programs = []

    def start(delay=0):
        command = [sys.executable, tmp_path / "script.py", str(delay)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        programs.append(subprocess.Popen(command, text=True, start_new_session=True, **pipes))
        assert [programs[-1].stdout.readline() for _ in range(2)] == ["at work\n"] * 2
        return programs[-1]

    yield start
    for program in programs:
        if program.poll() is None:
            os.killpg(program.pid, signal.SIGKILL)
            program.communicate()


# communicate() returns when the pipes are closed, that is when no worker lives any more


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_program_and_its_workers_amid_their_work(started, number, code):
    program = started()
    program.send_signal(number)
    _, errors = program.communicate(timeout=60)
    assert program.returncode == code
    assert errors.strip() == "museml: stopped; files written so far are whole"


def test_workers_end_with_a_program_that_is_killed(started):
    program = started()
    program.kill()
    program.communicate(timeout=60)
    assert program.returncode == -signal.SIGKILL


def test_ctrl_c_for_a_second_time_ends_the_program_at_once(started):
    program = started(delay=600)
    program.send_signal(signal.SIGINT)
    assert program.stdout.readline() == "stopping\n"
    program.send_signal(signal.SIGINT)
    program.communicate(timeout=60)
    assert program.returncode == -signal.SIGINT


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_a_signal_in_a_callback_is_not_lost(name, code):
    done = subprocess.run([sys.executable, "-c", SWALLOWED, name], capture_output=True, text=True, timeout=60)
    assert done.returncode == code
    assert done.stderr.strip() == "museml: stopped; files written so far are whole"

"""One finder on one cube in a process of its own, for bench_cubes.py: its answer, time and memory."""

import json
import resource
import subprocess
import sys
import time
from pathlib import Path

from astropy.table import Table

__all__ = ["ask", "command"]


def ask(finder, path, answer, python=None):
    """Return a finder's answer; its ``meta`` has the cost.

    Parameters
    ----------
    finder : str
        See cubes_finders.py and cubes_rivals.py.
    path : path
        The cube.
    answer : path
        Where the answer is kept.
    """
    done = subprocess.run([python or sys.executable, *command(finder, path, answer)], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{finder} on {path} failed: {done.stderr[-1500:]}")
    table = Table.read(answer, format="ascii.ecsv")
    table.meta = json.loads(done.stdout.splitlines()[-1])
    table.write(answer, format="ascii.ecsv", overwrite=True)
    return table


def command(finder, path, answer):
    """Return what a Python is told to run."""
    return ["-W", "ignore", __file__, finder, str(path), str(answer)]


def measure(finder, path, answer):
    """Run a finder in this process and print its cost as JSON."""
    from cubes_finders import OWN
    from cubes_rivals import RIVALS

    function = (OWN | RIVALS)[finder]
    before, cpu, wall = _peak(), _cpu(), time.perf_counter()
    table = function(Path(path))
    cost = {"cpu_s": _cpu() - cpu, "wall_s": time.perf_counter() - wall, "peak_mib": _peak(), "start_mib": before}
    cost["children_mib"] = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    table.write(answer, format="ascii.ecsv", overwrite=True)
    print(json.dumps(cost))


def _cpu():
    """Return the CPU time of this process and of those that it started and that have ended."""
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def _peak():
    """Return the greatest resident memory of this process so far, MiB (Linux)."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


if __name__ == "__main__":
    measure(*sys.argv[1:])

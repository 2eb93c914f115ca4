"""One finder on one radio image in a process of its own, for bench_radio.py: its answer, time and memory."""

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

from astropy.table import Table
from radio_rivals import RIVALS

__all__ = ["OWN", "ask", "ask_all", "rivals_python"]

#: name -> detector of museml and its settings; lists that go deeper are for the completeness at a given reliability
OWN = {
    "dendrogram": ("dendrogram", {}),
    "patches": ("patches", {}),
    "joint": ("joint", {}),
    "patches, deeper": ("patches", {"min_p_real": 0.5}),
    "joint, deeper": ("joint", {"min_p_real": 0.5}),
}
RIVAL = Path(__file__).with_name("radio_rivals.py")
LIMIT = 3600  # seconds on a clock after which a finder counts as failed


def rivals_python():
    """Return the Python in which the other finders are installed, or None."""
    return os.environ.get("RADIO_RIVALS_PYTHON")


def ask(finder, path, answer, limit=LIMIT):
    """Return a finder's answer; its ``meta`` has the cost, and under ``failed`` why there is no answer.

    Parameters
    ----------
    finder : str
        A name of museml's detectors or of one in radio_rivals.py.
    path : path
        The image.
    answer : path
        Where the answer is kept.
    """
    python, script = (rivals_python(), RIVAL) if finder in RIVALS else (sys.executable, __file__)
    cost = _run([python, "-W", "ignore", str(script), finder, str(path), str(answer)], limit)
    return _keep(cost, answer)


def ask_all(finder, pairs):
    """Let a detector of museml answer to several images in one process; the cost of starting is in that of the first.

    Parameters
    ----------
    finder : str
        Its name.
    pairs : list of (path, path)
        Images, and where the answers are kept.
    """
    words = [str(path) for pair in pairs for path in pair]
    done = subprocess.run([sys.executable, "-W", "ignore", __file__, finder, *words], capture_output=True, text=True)
    costs = [json.loads(line) for line in done.stdout.splitlines()[-len(pairs) :]]
    if done.returncode or len(costs) != len(pairs):
        raise RuntimeError(f"{finder} failed: {done.stderr[-1500:]}")
    for (_, answer), cost in zip(pairs, costs, strict=True):
        _keep(cost, answer)


def _keep(cost, answer):
    """Put the cost beside the answer."""
    table = Table(names=["ra", "dec"]) if cost["failed"] else Table.read(answer, format="ascii.ecsv")
    table.meta = cost
    table.write(answer, format="ascii.ecsv", overwrite=True)
    return table


def _run(command, limit):
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit)
    except subprocess.TimeoutExpired:
        return {"failed": f"no answer after {limit} s"}
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        return {"failed": lines[-1][:200]}
    return json.loads(done.stdout.splitlines()[-1])


def main(finder, *words):
    """Run a detector of museml in this process on images and print the cost of each as JSON."""
    import museml

    name, settings = OWN[finder]
    before, detector = _peak(), museml.get_detector(name, "image", **settings)
    for path, answer in zip(words[::2], words[1::2], strict=True):
        cpu, wall = _cpu(), time.perf_counter()
        table = Table(detector.detect(path))
        cost = {"cpu_s": _cpu() - cpu, "wall_s": time.perf_counter() - wall, "peak_mib": _peak(), "start_mib": before}
        table.meta = {}
        table.write(answer, format="ascii.ecsv", overwrite=True)
        print(json.dumps(cost | {"rows": len(table), "failed": ""}), flush=True)


def _cpu():
    """Return the CPU time of this process and of those that it started and that have ended."""
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def _peak():
    """Return the greatest resident memory of this process so far, MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main(*sys.argv[1:])

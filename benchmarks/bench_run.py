"""What ``museml run`` takes for a cube, step by step, and what an archive of such cubes would take.

Run from anywhere: ``python benchmarks/bench_run.py [CUBE] [--jobs 2] [--classifier redshift] [--side 320]``.
Without CUBE a full cube, 3681 x 320 x 320, is simulated first: 3 GB. The run is a process of its own; its memory is
that of all its processes together, without files that are mapped into it, which the system takes back when it needs
the room. The stored results are in README.md beside this file.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil

ARCHIVE = 20_000  # cubes
CORES = 32  # of a node
NODES = (1, 10, 100)
SHAPE = (3681, 320, 320)
#: objects in a field of 320 x 320 spaxels: crowded, as after 10 hours
OBJECTS = {"n_lines": 400, "n_galaxies": 200, "n_emitters": 100, "n_continuum": 300, "n_pairs": 30}
HOURS = 10.0


def run_counted(cube, out, jobs, classifier):
    """Run museml in this process, and print CPU time, wall time, and how often the cube was read over."""
    import resource

    import museml
    from museml.data.cubes import CubeData, open_cube

    read, block = [0], CubeData.block

    def counted(self, *args, **kwargs):
        data, var = block(self, *args, **kwargs)
        read[0] += data.size
        return data, var

    CubeData.block = counted
    start = time.perf_counter()
    museml.run(cube, out, jobs=int(jobs), classifier=classifier, progress=False)
    seconds = time.perf_counter() - start
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    shape = open_cube(cube).shape
    passes = 1 + read[0] / (shape[0] * shape[1] * shape[2])  # and one for the checksum
    print(json.dumps({"seconds": seconds, "cpu": sum(sum(part[:2]) for part in usage), "passes": passes}))


def measure(cube, out, jobs, classifier):
    """Return what a run says of itself, and its memory at most, in GB."""
    code = (
        "import sys; sys.path.insert(0, sys.argv.pop(1)); from bench_run import run_counted; run_counted(*sys.argv[1:])"
    )
    command = [sys.executable, "-W", "ignore", "-c", code, Path(__file__).parent, cube, out, jobs, classifier]
    process = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, text=True)
    most = [0]
    threading.Thread(target=_watch, args=(process, most), daemon=True).start()
    answer, _ = process.communicate()
    if process.returncode:
        raise SystemExit(process.returncode)
    return {**json.loads(answer.splitlines()[-1]), "memory": most[0]}


def _watch(process, most):
    """Keep the memory, at most, of a process and of those that it has started."""
    while process.poll() is None:
        try:
            family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
            most[0] = max(most[0], sum(map(_own_memory, family)))
        except psutil.NoSuchProcess:
            pass
        time.sleep(0.1)


def _own_memory(process):
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines() if process.is_running() else []
    return next((int(line.split()[1]) * 1024e-9 for line in lines if line.startswith("RssAnon")), 0.0)


def report(cube, out, cost):
    """Print the cost of a run by steps, and return the size of its results in GB."""
    record = json.loads((out / "provenance.json").read_text())
    print(f"{cube.name}: {cube.stat().st_size / 1e9:.2f} GB, {record['results']['sources']} sources\n")
    print("| step | seconds |\n|---|---|")
    steps = record["seconds"]
    rest = cost["seconds"] - sum(steps.values())
    for name, seconds in {"read, checksum, start": rest, **steps, "**in all**": cost["seconds"]}.items():
        print(f"| {name} | {seconds:.1f} |")
    parts = {name: _size(out / name) for name in ("sources", "plots")}
    size = _size(out)
    passes = f"the cube read {cost['passes']:.1f} times over"
    print(f"\nCPU time {cost['cpu']:.0f} s, memory at most {cost['memory']:.2f} GB, {passes}")
    print(f"results {1e3 * size:.0f} MB: {', '.join(f'{name} {1e3 * part:.0f} MB' for name, part in parts.items())}\n")
    return size


def _size(folder):
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e9


def extrapolate(cube, cost, size):
    """Print what an archive of such cubes takes."""
    hours = ARCHIVE * cost["cpu"] / 3600
    volume = ARCHIVE * cube.stat().st_size / 1e12
    print(f"{ARCHIVE} such cubes: {volume:.0f} TB, {hours:.0f} CPU hours, {ARCHIVE * size / 1e3:.1f} TB of results\n")
    print(f"| nodes with {CORES} cores | days | GB/s, each cube read from the disk once |\n|---|---|---|")
    for nodes in NODES:
        wall = hours / (nodes * CORES)
        print(f"| {nodes} | {wall / 24:.1f} | {1e3 * volume / (3600 * wall):.2f} |")


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("cube", nargs="?", type=Path)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--classifier", default="redshift")
    parser.add_argument("--side", type=int, default=SHAPE[1])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        cube = options.cube or simulate(Path(name) / "cube.fits", options.side)
        out = Path(name) / "out"
        cost = measure(cube, out, options.jobs, options.classifier)
        size = report(cube, out, cost)
        extrapolate(cube, cost, size)


def simulate(path, side):
    """Write a simulated cube with a number of objects that grows with its area."""
    from museml.simulation.cubes import write_cube

    share = (side / SHAPE[1]) ** 2
    objects = {name: round(number * share) for name, number in OBJECTS.items()}
    write_cube(path, (SHAPE[0], side, side), seed=1, galaxy_continuum=True, exposure_hours=HOURS, **objects)
    return path


if __name__ == "__main__":
    main()

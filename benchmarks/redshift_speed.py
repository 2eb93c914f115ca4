"""Time and memory of classifiers of redshifts, each in a process of its own."""

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from redshift_rivals import make_rival
from redshift_sets import SEED

from museml.simulation.spectra import simulate_spectra

__all__ = ["speed"]

#: spectra whose rate is measured
MANY = {"redshift": 2048, "nmf": 128, "templates": 128, "lines": 64}
SINGLES = 15


def speed(names, folder, model=None):
    """Yield, for each classifier, the seconds until it is ready, for one spectrum, and the spectra per second."""
    for name in names:
        command = [sys.executable, "-W", "ignore", __file__, name, str(folder), *([str(model)] if model else [])]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        yield json.loads(done.stdout.splitlines()[-1])


def measure(name, folder, model=None):
    """Measure one classifier in this process."""
    batch, _ = simulate_spectra(MANY[name], SEED + 2)
    imported = _seconds(_import_keras) if name == "redshift" else 0.0
    made = make_rival(name, Path(folder), model)
    first = _seconds(lambda: made.classify(batch.rows(0, 1)))
    singles = [_seconds(lambda i=i: made.classify(batch.rows(i, i + 1))) for i in range(1, SINGLES + 1)]
    made.classify(batch.rows(0, 256))
    rate = len(batch) / _seconds(lambda: made.classify(batch))
    peak = _peak()
    return {"classifier": name, "import_keras_s": imported, "load_and_first_s": first,
            "one_ms": 1e3 * float(np.median(singles)), "per_second": rate, "peak_mib": peak}  # fmt: skip


def _import_keras():
    from museml.networks.backend import load_keras

    load_keras()


def _peak():
    """Return the greatest memory of this process in MiB; that of getrusage is at least its parent's."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def _seconds(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    print(json.dumps(measure(*sys.argv[1:])))

"""The tree of museml beside that of astrodendro, for bench_radio.py: CPU time, and whether the leaves are the same.

In the Python of the other finders, ``python radio_trees.py snr.npy answer.npz MIN_VALUE`` builds astrodendro's tree.
"""

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

__all__ = ["compare"]

PIXELS = (21_000, 137_000, 697_000)  # above the threshold
DELTA, AREA = 1.0, 8  # sigma; pixels


def compare(snr, python, work):
    """Yield a row for each number of pixels above the threshold.

    Parameters
    ----------
    snr : ndarray
        An image in units of its noise.
    python : path
        The Python in which astrodendro is installed.
    work : path
        Folder for what passes between the two.
    """
    from museml.detectors.leaves import leaf_labels

    np.save(work / "snr.npy", snr)
    leaf_labels(snr[:64, :64].copy(), 1.0, DELTA, AREA)  # compiles
    for pixels in PIXELS:
        threshold = float(np.partition(snr.ravel(), -pixels)[-pixels])
        start = time.process_time()
        labels = leaf_labels(snr, threshold, DELTA, AREA)
        seconds = time.process_time() - start
        command = [python, "-W", "ignore", __file__, "snr.npy", "labels.npz", repr(threshold)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=work)
        theirs = np.load(work / "labels.npz")["labels"]
        yield {
            "pixels": pixels, "leaves": int(labels.max()), "identical": _same(labels, theirs),
            "museml_cpu_s": seconds, "astrodendro_cpu_s": json.loads(done.stdout.splitlines()[-1]),
        }  # fmt: skip


def _same(first, second):
    """Return whether two images of labels have the same leaves under whatever numbers."""
    pairs = np.unique(np.stack([first.ravel(), second.ravel()]), axis=1)
    single = all(len(np.unique(row)) == len(row) for row in pairs)
    return "yes" if single and not np.any((pairs[0] == 0) != (pairs[1] == 0)) else "no"


def main(path, answer, threshold):
    """Build astrodendro's tree, keep its leaves and print the CPU time."""
    from radio_rivals import leaves

    snr = np.load(path)
    start = time.process_time()
    found = leaves(snr, float(threshold), DELTA, AREA)
    seconds = time.process_time() - start
    labels = np.zeros(snr.shape, np.int32)
    for number, leaf in enumerate(found, 1):
        labels[leaf.indices()] = number
    np.savez_compressed(answer, labels=labels)
    print(json.dumps(seconds))


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    main(*sys.argv[1:])

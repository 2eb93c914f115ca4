"""Pools of clean spectra on disk, made in parts so that a stopped simulation goes on."""

import hashlib
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from importlib.resources import files
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from tqdm import tqdm

from museml.output import whole_file
from museml.simulation.spectra.library import SHIPPED
from museml.training.redshift import Pool, make_pool

__all__ = ["read_pool"]

PART = 1000  # spectra in a file


def read_pool(folder, n, seed, instrument, processes=1):
    """Return a pool of clean spectra, simulating what is not in a folder yet.

    Parameters
    ----------
    folder : path
        Where the parts are kept.
    n : int
        Number of spectra.
    seed : tuple of int
        The same seed makes the same spectra.
    instrument : str
        Name of one of `museml.simulation.spectra.INSTRUMENTS`.
    processes : int
        Number of processes that simulate.

    Returns
    -------
    Pool
    """
    name = "-".join([instrument, *map(str, seed), _simulator()])
    paths = [Path(folder) / f"{name}-{i:04d}.npz" for i in range(-(-n // PART))]
    missing = [(path, (*seed, i), instrument) for i, path in enumerate(paths) if not path.is_file()]
    if missing:
        _simulate(missing, processes)
    return _joined(paths, n, instrument)


@cache
def _simulator():
    """Return what tells one state of the simulator from another, so that nothing older is used."""
    package = files("museml.simulation.spectra")
    sources = sorted((path for path in package.iterdir() if path.suffix == ".py"), key=str)
    parts = [path.read_bytes() for path in sources]
    return hashlib.sha256(b"".join([*parts, SHIPPED.read_bytes()])).hexdigest()[:8]


def _simulate(jobs, processes):
    bar = {"desc": f"simulating {jobs[0][2]}", "unit": "part", "total": len(jobs), "disable": None}
    if processes < 2:
        for _ in tqdm(map(_write, jobs), **bar):
            pass
        return
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        for _ in tqdm(pool.map(_write, jobs), **bar):
            pass


def _write(job):
    path, seed, instrument = job
    pool = make_pool(PART, seed, instrument)
    with whole_file(path) as part, open(part, "wb") as file:
        np.savez(file, flux=pool.flux, classes=pool.classes, z=pool.z)


def _joined(paths, n, instrument):
    parts = []
    for path in paths:
        with np.load(path, allow_pickle=False) as file:
            parts.append([file[name] for name in ("flux", "classes", "z")])
    flux, classes, z = (np.concatenate(arrays)[:n] for arrays in zip(*parts, strict=True))
    return Pool(flux, classes, z, instrument)

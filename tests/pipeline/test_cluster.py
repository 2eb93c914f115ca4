"""A cluster of two worker processes on this computer."""

import json
import os
import signal
import sys
import time
from importlib.metadata import PackageNotFoundError
from threading import Thread

import pytest
from distributed import Client, Future, KilledWorker, LocalCluster

import museml
from museml import __version__
from museml.errors import MissingPackageError, MusemlError, MusemlWarning, SettingError
from museml.pipeline import cluster
from museml.pipeline.cluster import Cluster
from museml.simulation.cubes import simulate_cube

NAMES = ("a", "b")


@pytest.fixture(scope="module")
def dask():
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50) as two:
        yield two


@pytest.fixture(scope="module")
def cubes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cubes")
    for seed, name in enumerate(NAMES):
        cube, _ = simulate_cube((300, 20, 20), seed, n_lines=2, n_galaxies=0, n_continuum=0, snr=(15, 30))
        cube.write(str(folder / f"{name}.fits"))
    return [folder / f"{name}.fits" for name in NAMES]


def kill_worker_at_work(folder):
    """Kill the first worker that has found the lines of a cube and works on, as the system does for lack of memory."""
    while not (found := list(folder.glob("*/detections.fits"))):
        time.sleep(0.005)
    os.kill(int((found[0].parent / ".museml-lock").read_text().split()[1]), signal.SIGKILL)


def test_a_worker_is_killed_midway_and_the_job_ends_right(dask, cubes, tmp_path, settings, same):
    museml.run(cubes, tmp_path / "here", **settings)
    (tmp_path / "there").mkdir()
    killer = Thread(target=kill_worker_at_work, args=(tmp_path / "there",), daemon=True)
    killer.start()
    catalogs = museml.run(cubes, tmp_path / "there", scheduler=dask.scheduler_address, **settings)
    killer.join()
    assert sorted(catalogs) == list(NAMES)
    for name in NAMES:
        same(tmp_path / "here" / name, tmp_path / "there" / name)
    logs = [(tmp_path / "there" / name / "run.log").read_text().count("museml") for name in NAMES]
    assert sorted(logs) == [1, 2]


def test_the_sources_of_one_cube_are_shared(dask, cubes, tmp_path, settings):
    (tmp_path / "scheduler.json").write_text(json.dumps({"address": dask.scheduler_address}))
    catalog = museml.run(cubes[0], tmp_path / "out", scheduler=tmp_path / "scheduler.json", **settings)
    assert len(catalog) == 2


def test_a_bad_cube_is_reported(dask, cubes, tmp_path, settings):
    (tmp_path / "bad.fits").write_text("not FITS")
    with pytest.warns(MusemlWarning, match="cube 'bad' failed, the others go on: .* must be a FITS file"):
        catalogs = museml.run([tmp_path / "bad.fits", cubes[0]], tmp_path / "out", scheduler=dask, **settings)
    assert list(catalogs) == ["a"]


def test_a_task_at_which_all_workers_die_is_given_up(dask, monkeypatch):
    def killed(future):
        raise KilledWorker(future.key, None, 4)

    with Cluster(dask) as workers:
        monkeypatch.setattr(Future, "result", killed)
        (place, error), *others = workers.each(abs, [(-1,)])
    assert (place, others) == (0, [])
    assert isinstance(error, MusemlError)
    assert "several workers ended at it" in str(error)


def test_another_version_is_refused(dask, monkeypatch):
    monkeypatch.setattr(cluster, "__version__", "9.9")
    text = r"need museml 9.9, as this process has; the scheduler has 0\.1.*; start them in the same environment"
    with pytest.raises(MusemlError, match=text), Cluster(dask):
        pass


def test_workers_without_museml_are_refused(dask, monkeypatch):
    monkeypatch.setattr(Client, "run", lambda *_, **__: {"tcp://a:1": __version__, "tcp://b:1": PackageNotFoundError()})
    with pytest.raises(MusemlError, match="the worker at tcp://b:1 has none"), Cluster(dask):
        pass


def test_a_worker_of_another_version_that_comes_later_is_refused(dask, monkeypatch):
    with Cluster(dask) as workers:
        monkeypatch.setattr(cluster, "__version__", "9.9")
        with pytest.raises(MusemlError, match=r"need museml 9.9; the one at tcp://.* has 0\.1"):
            list(workers.map(abs, [(-1,)]))


@pytest.mark.parametrize(
    ("scheduler", "error", "match"),
    [
        ("localhost", SettingError, "'localhost' is neither"),
        ("no.json", SettingError, "'no.json' is neither"),
        ("tcp://127.0.0.1:9", MusemlError, "must answer at 'tcp://127.0.0.1:9' within 0.5 s; it does not"),
        ("tcp://127.0.0.1", MusemlError, "missing port"),
    ],
)
def test_a_scheduler_that_is_not_there(cubes, tmp_path, settings, monkeypatch, scheduler, error, match):
    monkeypatch.setattr(cluster, "PATIENCE", 0.5)
    with pytest.raises(error, match=match):
        museml.run(cubes[0], tmp_path / "out", scheduler=scheduler, **settings)
    assert not (tmp_path / "out").exists()


def test_without_dask_the_extra_is_named(cubes, tmp_path, settings, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'museml\[dask\]'"):
        museml.run(cubes[0], tmp_path / "out", scheduler="tcp://127.0.0.1:9", **settings)


def test_a_cube_in_memory_cannot_be_sent(dask, tmp_path, settings):
    cube = simulate_cube((50, 10, 10), n_lines=0, n_galaxies=0, n_continuum=0)[0]
    with pytest.raises(SettingError, match="cubes must be paths that its workers see, too; one is Cube"):
        museml.run([cube], tmp_path / "out", scheduler=dask, **settings)

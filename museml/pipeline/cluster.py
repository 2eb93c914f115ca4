"""Work shared among the workers of a Dask cluster that is there already; the same answers as without."""

import asyncio
import json
import os
import warnings
from concurrent.futures import CancelledError, ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from threading import Lock

import numpy as np

from museml._version import __version__
from museml.config import conf
from museml.errors import MissingPackageError, MusemlError, MusemlWarning, SettingError

__all__ = ["Cluster"]

PATIENCE = 5  # seconds to wait for an answer of the scheduler


class Cluster:
    """Workers of a Dask cluster; used as `~museml.pipeline.workers.Workers` are.

    A worker does one task at a time, with as many threads as it has. When one dies, Dask gives its task to another.

    Parameters
    ----------
    scheduler : str, path, or cluster of Dask
        Address of the scheduler, such as tcp://host:8786, or the file that ``dask scheduler --scheduler-file`` writes,
        or an object of Dask, such as a ``LocalCluster`` or ``SLURMCluster``.
    """

    alone = False

    def __init__(self, scheduler):
        is_text = isinstance(scheduler, (str, os.PathLike))
        self._scheduler = _address(scheduler) if is_text else scheduler
        self._client, self._futures = None, []

    def __enter__(self):
        self._client = _connect(self._scheduler)
        try:
            self._check_scheduler()
            self._wait_for_workers()
            self._check_workers()
        except BaseException:
            self._client.close()
            raise
        return self

    def __exit__(self, kind, error, traceback):
        if kind:
            self._client.cancel(self._futures)
        self._futures = []
        self._client.close()

    def inner(self, tasks):
        """Return how many processes each of some tasks may use for itself: none but its worker."""
        return 1

    def share(self, seconds):
        """Return among how many workers to share work."""
        return max(1, len(self._client.nthreads()))

    def map(self, function, tasks, seconds=np.inf):
        """Yield ``function(*task)`` for each task, in order; see `museml.pipeline.workers.Workers.map`."""
        futures = self._submit(function, tasks)
        for future in futures:
            yield self._answer(future)

    def each(self, function, tasks):
        """Yield the place of each task and its result as they are done; see `museml.pipeline.workers.Workers.each`.

        A task whose workers died several times has a `~museml.errors.MusemlError` for its result.
        """
        from distributed import as_completed

        places = {future: place for place, future in enumerate(self._submit(function, tasks))}
        for future in as_completed(list(places), loop=self._client.loop):
            place = places.pop(future)
            try:
                yield place, self._answer(future)
            except _LostError as error:
                yield place, MusemlError(str(error))

    def _submit(self, function, tasks):
        self._futures = [self._client.submit(_work, __version__, function, task, pure=False) for task in tasks]
        return list(self._futures)

    def _answer(self, future):
        from distributed import KilledWorker

        try:
            answer, messages = future.result()
        except KilledWorker as error:
            raise _LostError(
                "several workers ended at it: memory may have run out, or they lack a package, that of a plugin for "
                "instance; look into their logs"
            ) from error
        except CancelledError as error:
            raise MusemlError(
                f"the scheduler at {self._scheduler!s} must be there until the end; it is gone; start it and resume"
            ) from error
        finally:
            self._futures.remove(future)
            future.release()
        for message in messages:
            warnings.warn(message, stacklevel=3)
        return answer

    def _wait_for_workers(self):
        if not self._client.nthreads():
            text = f"the cluster at {self._scheduler!s} has no workers yet; waiting for the first"
            warnings.warn(text, MusemlWarning, stacklevel=5)
            self._client.wait_for_workers(1)

    def _check_scheduler(self):
        try:
            _check_version("the scheduler", self._client.run_on_scheduler(version, "museml"))
        except PackageNotFoundError as error:
            _check_version("the scheduler", error)

    def _check_workers(self):
        for worker, answer in self._client.run(version, "museml", on_error="return").items():
            _check_version(f"the worker at {worker}", answer)


class _LostError(MusemlError):
    """The workers that had a task died."""


def _check_version(where, answer):
    """Refuse a process of the cluster without museml, or with another version, before work is given to it."""
    if answer == __version__:
        return
    other = f"has {answer}" if isinstance(answer, str) else "has none"
    raise MusemlError(
        f"scheduler and workers need museml {__version__}, as this process has; {where} {other}; start them in the "
        "same environment"
    )


def _address(scheduler):
    """Return the address of a scheduler that is given as text or as a scheduler file."""
    if "://" in str(scheduler):
        return str(scheduler)
    try:
        return json.loads(Path(scheduler).read_text(encoding="utf-8"))["address"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SettingError(
            f"the scheduler must be an address, such as tcp://host:8786, or an existing scheduler file; "
            f"{str(scheduler)!r} is neither; correct it"
        ) from error


def _connect(scheduler):
    """Return the client of a scheduler."""
    try:
        from distributed import Client
    except ImportError as error:
        raise MissingPackageError(
            "a scheduler needs the package 'distributed'; install it with: python -m pip install 'museml[dask]'"
        ) from error
    if isinstance(scheduler, str):
        _greet(scheduler)
    return Client(scheduler, set_as_default=False)


def _greet(address):
    """Refuse an address where no scheduler answers; a Client would first try for half a minute."""
    from distributed import Security
    from distributed.comm import connect

    async def greet():
        comm = await connect(address, timeout=PATIENCE, **Security().get_connection_args("client"))
        comm.abort()

    try:
        with ThreadPoolExecutor(1) as thread:  # in a notebook, this one has an event loop already
            thread.submit(asyncio.run, greet()).result()
    except (OSError, ValueError, RuntimeError) as error:
        raise MusemlError(
            f"a Dask scheduler must answer at {address!r} within {PATIENCE} s; it does not: {_root(error)}; start it, "
            "or correct the address"
        ) from error


def _root(error):
    """Return the first cause of an error that says anything, in one line."""
    while error.__cause__ and str(error.__cause__):
        error = error.__cause__
    return " ".join(str(error).split())


_ONE = Lock()  # warnings and Matplotlib's style belong to the whole process, so that it does one task at a time


def _work(version, function, task):
    """Do a task on a worker; return its result and the warnings that it gave."""
    from distributed import get_worker

    if version != __version__:
        raise MusemlError(f"all workers need museml {version}; the one at {get_worker().address} has {__version__}")
    with _ONE, conf.set_temp("threads", get_worker().state.nthreads), warnings.catch_warnings(record=True) as caught:
        return function(*task), [warning.message for warning in caught]

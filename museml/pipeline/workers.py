"""Work shared among processes; the same answers, in the same order, for any number of them."""

import multiprocessing
import os
import signal
import warnings
from collections import deque
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import connection, resource_tracker
from threading import Thread

import numpy as np

from museml.config import conf
from museml.data.threads import thread_count
from museml.errors import MusemlError, SettingError

__all__ = ["Workers"]

#: environment variables that tell a process how many threads linear algebra and networks may use
THREADS = (
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"),
    "TF_NUM_INTEROP_THREADS",
)
START = 10.0  # seconds of work below which it is not worth starting processes, which import all again


class Workers:
    """Processes that are started when there is work for them; with ``jobs=1``, none.

    They are spawned, not forked, since a forked TensorFlow hangs. To be used in a ``with`` block: an
    exception, Ctrl-C say, ends them at once, and so does the end of the main process, however it comes. What
    they leave half-written then has a temporary name, which `~museml.output.remove_parts` knows.
    """

    def __init__(self, jobs):
        if isinstance(jobs, bool) or not isinstance(jobs, int) or jobs < 1:
            raise SettingError(f"jobs must be a whole number from 1, not {jobs!r}")
        self.jobs = jobs
        self._pool = self._lifeline = None
        self._threads = 1

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        self._end(at_once=kind is not None)

    @property
    def alone(self):
        """Whether the work is done in this process."""
        return self.jobs == 1

    def inner(self, tasks):
        """Return how many processes each of some tasks may use for itself."""
        return max(1, self.jobs // max(tasks, 1))

    def share(self, seconds):
        """Return among how many processes to share work: only one if it is less than starting them."""
        return self.jobs if self._pool or seconds > START else 1

    def map(self, function, tasks, seconds=np.inf):
        """Yield ``function(*task)`` for each task, in order; warnings of the workers are passed on.

        Parameters
        ----------
        function : callable
            At the top of a module, so that the workers find it.
        tasks : list of tuple
            Its arguments.
        seconds : float
            About how long all this takes one process.

        Raises
        ------
        MusemlError
            If a worker ends before its work is done.
        """
        if self.share(seconds) == 1 or len(tasks) < 2:
            yield from (function(*task) for task in tasks)
            return
        self._start(len(tasks))
        futures = [self._submit(function, task) for task in tasks]
        for future in futures:
            try:
                yield _answer(future)
            except BrokenProcessPool as error:
                raise MusemlError(f"{_LOST}; use fewer jobs, or jobs=1, and resume") from error

    def each(self, function, tasks):
        """Yield the place of each task and what ``function(*task)`` returns, as they are done.

        When a worker ends before its work is done, the tasks that were being worked on are tried again, one by
        one. If a worker ends at one of them again, a `~museml.errors.MusemlError` stands in the place of its result,
        and the work on the others goes on.

        Parameters
        ----------
        function, tasks
            As for `map`.

        Raises
        ------
        MusemlError
            If workers cannot even start.
        """
        if self.alone or len(tasks) < 2:
            yield from ((place, function(*task)) for place, task in enumerate(tasks))
            return
        self._check_start(len(tasks))
        left = dict(enumerate(tasks))
        while left:
            lost = yield from self._until_lost(function, left, self.jobs)
            for place in lost:
                if (yield from self._until_lost(function, {place: left.pop(place)}, 1)):
                    yield place, MusemlError(_LOST)

    def _check_start(self, tasks):
        self._start(tasks)
        try:
            self._submit(_alive, ()).result()
        except BrokenProcessPool as error:
            raise MusemlError(_LOST) from error

    def _until_lost(self, function, left, width):
        """Yield what is done, and take it out of ``left``; return the places at work when a worker ended."""
        self._start(len(left))
        waiting, running = deque(left), {}
        while waiting or running:
            while waiting and len(running) < width:
                place = waiting.popleft()
                running[self._submit(function, left[place])] = place
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                try:
                    answer = _answer(future)
                except BrokenProcessPool:
                    self._end(at_once=True)
                    return list(running.values())
                place = running.pop(future)
                del left[place]
                yield place, answer
        return []

    def _start(self, tasks):
        if self._pool is None:
            number, context = min(self.jobs, tasks), multiprocessing.get_context("spawn")
            self._threads = max(1, thread_count() // number)
            with _interrupts_blocked():
                end, self._lifeline = context.Pipe(duplex=False)
                self._pool = ProcessPoolExecutor(number, context, _begin, (end, self._threads))

    def _submit(self, function, task):
        with _interrupts_blocked(), _environment(self._threads):  # this may start a process
            return self._pool.submit(_work, function, task)

    def _end(self, at_once):
        if self._pool:
            if at_once:
                self._lifeline.close()
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._lifeline.close()
            self._pool = None


_LOST = (
    "a worker process ended before its work was done: memory may have run out, or a script lacks the line "
    "if __name__ == '__main__'"
)


def _answer(future):
    answer, messages = future.result()
    for message in messages:
        warnings.warn(message, stacklevel=3)
    return answer


@contextmanager
def _interrupts_blocked():
    """Keep Ctrl-C back for a moment; processes started meanwhile never see it: the main process ends them."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # as it starts, it lets Ctrl-C through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _environment(threads):
    """Let processes that are started meanwhile have so many threads, unless the user has said how many.

    With more threads than cores, those of linear algebra keep each other waiting for most of the time.
    """
    names = [name for name in THREADS if name not in os.environ]
    os.environ.update(dict.fromkeys(names, str(threads)))
    try:
        yield
    finally:
        for name in names:
            del os.environ[name]


def _begin(lifeline, threads):
    """Set up a worker, with its part of the cores; let it end with the main process.

    That is when the other end of the pipe, which only the main process has, is closed.
    """
    conf.threads = threads
    Thread(target=_wait_and_end, args=(lifeline,), daemon=True).start()


def _alive():
    """Do nothing: a worker that can do that has started well."""


def _wait_and_end(lifeline):
    connection.wait([lifeline])
    os._exit(1)


def _work(function, task):
    with warnings.catch_warnings(record=True) as caught:
        answer = function(*task)
    return answer, [warning.message for warning in caught]

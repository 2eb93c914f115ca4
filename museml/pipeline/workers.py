"""Work shared among processes; the same answers, in the same order, for any number of them."""

import multiprocessing
import os
import signal
import warnings
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import connection, resource_tracker
from threading import Thread

import numpy as np

from museml.errors import MusemlError, SettingError

__all__ = ["Workers"]

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

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        if self._pool:
            if kind:
                self._lifeline.close()
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._lifeline.close()
            self._pool = None

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
        """
        if self.share(seconds) == 1 or len(tasks) < 2:
            yield from (function(*task) for task in tasks)
            return
        with _interrupts_blocked():
            self._start(min(self.jobs, len(tasks)))
            futures = [self._pool.submit(_work, function, task) for task in tasks]
        for future in futures:
            answer, messages = self._result(future)
            for message in messages:
                warnings.warn(message, stacklevel=2)
            yield answer

    def _start(self, number):
        if self._pool is None:
            context = multiprocessing.get_context("spawn")
            end, self._lifeline = context.Pipe(duplex=False)
            self._pool = ProcessPoolExecutor(number, context, _end_with, (end,))

    def _result(self, future):
        try:
            return future.result()
        except BrokenProcessPool as error:
            raise MusemlError(
                "a worker process ended before its work was done: memory may have run out, or a script lacks "
                "the line if __name__ == '__main__'; use fewer jobs, or jobs=1, and resume"
            ) from error


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


def _end_with(lifeline):
    """Let this worker end when the other end of a pipe, which only the main process has, is closed."""
    Thread(target=_wait_and_end, args=(lifeline,), daemon=True).start()


def _wait_and_end(lifeline):
    connection.wait([lifeline])
    os._exit(1)


def _work(function, task):
    with warnings.catch_warnings(record=True) as caught:
        answer = function(*task)
    return answer, [warning.message for warning in caught]

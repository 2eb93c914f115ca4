"""Work on several blocks of data at a time, in threads."""

import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor

from museml.config import conf
from museml.errors import SettingError

__all__ = ["in_threads", "thread_count"]


def thread_count():
    """Return the number of threads to work with, by ``museml.conf.threads``.

    Raises
    ------
    SettingError
        If the setting is negative.
    """
    if conf.threads < 0:
        raise SettingError(f"conf.threads must be at least 0, not {conf.threads}; set 0 for all cores")
    if conf.threads:
        return conf.threads
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_threads(function, items):
    """Apply a function to each item, several at a time, and yield the answers in order.

    NumPy and SciPy let go of Python's lock while they work on large arrays, so threads use all
    cores without a copy of the data.

    Parameters
    ----------
    function : callable
        Of one argument; it must not depend on the other calls.
    items : iterable
        It is read by the caller's thread, one item ahead of those at work, so that memory stays bounded.

    Yields
    ------
    object
        What the function returns.
    """
    count = thread_count()
    if count == 1:
        yield from map(function, items)
        return
    with ThreadPoolExecutor(count) as pool:
        waiting = deque()
        for item in items:
            waiting.append(pool.submit(function, item))
            del item  # the pool lets go of it when it is done
            if len(waiting) > count:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

"""How the program is stopped: Ctrl-C and SIGTERM, which batch systems send, unwind it; a second one ends it at once."""

import signal
import threading
from contextlib import contextmanager

__all__ = ["Stopped", "stoppable"]

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stopped(KeyboardInterrupt):
    """A signal asked the program to stop.

    Parameters
    ----------
    number : int
        The signal.
    """

    def __init__(self, number):
        super().__init__(number)
        #: what shells expect from a program that a signal stopped
        self.exit_code = 128 + number


@contextmanager
def stoppable():
    """Raise `Stopped` where the program is when a signal comes; the next signal finds Python's own ways off.

    A signal that is ignored, as under nohup, stays ignored.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}
    heeded = [number for number, handler in before.items() if handler not in (signal.SIG_IGN, None)]
    for number in heeded:
        signal.signal(number, _stop)
    try:
        yield
    finally:
        for number in heeded:
            signal.signal(number, before[number])


def _stop(number, frame):
    for each in SIGNALS:
        if signal.getsignal(each) is _stop:
            signal.signal(each, signal.SIG_DFL)
    raise Stopped(number)

"""How the program is stopped: Ctrl-C and SIGTERM, which batch systems send, unwind it; a second one ends it at once."""

import signal
import sys
import threading
from contextlib import contextmanager

__all__ = ["Stopped", "stoppable"]

DELAY = 0.05  # seconds
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
    hook, sys.unraisablehook = sys.unraisablehook, _raise_again
    try:
        yield
    finally:
        sys.unraisablehook = hook
        for number in heeded:
            signal.signal(number, before[number])


def _stop(number, frame):
    for each in SIGNALS:
        if signal.getsignal(each) is _stop:
            signal.signal(each, signal.SIG_DFL)
    raise Stopped(number)


def _raise_again(unraisable):
    """Send a signal again a moment later, when it came where Python cannot raise, in a callback of C say."""
    stop = unraisable.exc_value
    if not isinstance(stop, Stopped):
        sys.__unraisablehook__(unraisable)
        return
    number = stop.exit_code - 128
    signal.signal(number, _stop)
    threading.Timer(DELAY, signal.pthread_kill, (threading.main_thread().ident, number)).start()

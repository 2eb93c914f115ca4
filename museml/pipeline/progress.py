"""Progress bars on stderr."""

from threading import RLock

from tqdm import tqdm

__all__ = ["Progress", "bar"]


class Progress:
    """One bar that names the step at work; silent where stderr is not a terminal.

    Parameters
    ----------
    title : str
        What is worked on.
    shown : bool
        False for no bar at all.
    """

    def __init__(self, title, shown=True):
        self._title = title
        self._bar = _Bar(total=1, disable=None if shown else True, leave=False, bar_format=_FORMAT)

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        self._bar.close()

    def step(self, name):
        """Name the step at work."""
        self._bar.set_description_str(f"{self._title}: {name}")

    def more(self, units):
        """Add units of work to come."""
        self._bar.total += units
        self._bar.refresh()

    def advance(self, units=1):
        """Count units of work as done."""
        self._bar.update(units)


def bar(total, unit, shown=True, done=0):
    """Return a bar that counts things, with their rate and the time left; silent where stderr is not a terminal.

    Parameters
    ----------
    total : int or None
        How many there are, if that is known.
    unit : str
        What they are.
    shown : bool
        False for no bar at all.
    done : int
        So many are done before the start.
    """
    return _Bar(total=total, unit=f" {unit}", initial=done, disable=None if shown else True, leave=False)


class _Bar(tqdm):
    """A bar with a lock for threads only: one for processes, tqdm's default, outlives a worker that is ended."""

    _lock = RLock()


_FORMAT = "{desc} {percentage:3.0f}% |{bar:30}| {elapsed}"

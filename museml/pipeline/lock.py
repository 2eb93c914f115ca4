"""One run at a time in a folder: a lock that ends with the process that holds it, however that ends."""

import os
import platform
import warnings
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from museml.errors import MusemlWarning, OutputError

try:
    import fcntl
except ImportError:  # Windows, where museml has no locks
    fcntl = None

__all__ = ["FolderLock"]

NAME = ".museml-lock"


class FolderLock:
    """A lock on a folder, for a ``with`` block.

    The system gives it back when the process ends, so that a file left by one that was killed locks nothing. It
    holds between computers, too, on file systems that share their locks, as NFS does.

    Parameters
    ----------
    folder : path
        The folder; it exists.
    wait : bool
        Whether to wait while another process holds the lock, instead of raising `~museml.errors.OutputError`.
    """

    def __init__(self, folder, wait=False):
        self._path, self._wait, self._file = Path(folder) / NAME, wait, None

    def __enter__(self):
        while self._file is None:
            self._take()
        return self

    def __exit__(self, kind, error, traceback):
        with suppress(OSError):
            self._path.unlink()
        self._file.close()

    def _take(self):
        """Lock the file; one that another process has removed meanwhile does not count."""
        file = _open(self._path)
        try:
            self._lock(file)
            if not _is_at(file, self._path):
                file.close()
                return
        except BaseException:
            file.close()
            raise
        file.truncate(0)
        file.write(f"process {os.getpid()} on {platform.node()} since {datetime.now(UTC):%Y-%m-%d %H:%M} UTC")
        file.flush()
        self._file = file

    def _lock(self, file):
        if fcntl is None:
            return
        try:
            fcntl.flock(file, fcntl.LOCK_EX if self._wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise OutputError(
                f"one run at a time works in a folder; {str(self._path.parent)!r} is in use by "
                f"{file.read() or 'another process'}; wait until it ends, or choose another folder"
            ) from None
        except OSError as error:
            warnings.warn(
                f"{str(self._path.parent)!r} cannot be locked ({error.strerror}); make sure that no other run works "
                "there",
                MusemlWarning,
                stacklevel=5,
            )


def _open(path):
    try:
        return open(path, "a+", encoding="utf-8")
    except OSError as error:
        raise OutputError(
            f"{str(path)!r} cannot be written: {error.strerror}; choose a folder that you may write to"
        ) from error


def _is_at(file, path):
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False

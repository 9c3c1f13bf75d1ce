"""A write lock that is fair between processes (DECISIONS 27): SQLite's own lets one process starve the others."""

import os
import sys
from pathlib import Path

if sys.platform != "win32":
    import fcntl


class WriteLock:
    """Whoever wants to write first waits at the turnstile, then for the lock, and leaves the turnstile once inside: one
    who has just written queues behind all who wait. Both locks end with their process, however it ends.

    Where there is no flock (Windows), SQLite's own lock has to do.
    """

    def __init__(self, database: Path) -> None:
        """Raises OSError."""
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        self._turnstile = os.open(f"{database}-turn", flags, 0o600)
        try:
            self._lock = os.open(f"{database}-lock", flags, 0o600)
        except OSError:
            os.close(self._turnstile)
            raise

    def __enter__(self) -> None:
        if sys.platform != "win32":
            fcntl.flock(self._turnstile, fcntl.LOCK_EX)
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX)
            finally:
                fcntl.flock(self._turnstile, fcntl.LOCK_UN)

    def __exit__(self, *_: object) -> None:
        if sys.platform != "win32":
            fcntl.flock(self._lock, fcntl.LOCK_UN)

    def close(self) -> None:
        os.close(self._turnstile)
        os.close(self._lock)

"""Files that are whole and on the disk when a function returns, and a lock between processes."""

import os
import secrets
import sys
from errno import EEXIST
from pathlib import Path

if sys.platform != "win32":
    import fcntl


class FileLock:
    """Held by one process at a time, and no longer than it lives. Where there is no flock (Windows) it holds nobody off."""

    def __init__(self, path: Path) -> None:
        """Raises OSError."""
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def __enter__(self) -> None:
        if sys.platform != "win32":
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)


def write_new(path: Path, text: str, mode: int) -> bool:
    """Durable; never over a file that is there."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError:
        return False
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return True


def replace_whole(path: Path, text: str) -> None:
    """The file has this text, or after an OSError the one that it had; mode 0600."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(8)}")
    try:
        if not write_new(fresh, text, 0o600):
            raise FileExistsError(EEXIST, f"{fresh.name} is in the way", str(fresh))
        os.replace(fresh, path)
    finally:
        fresh.unlink(missing_ok=True)
    if sys.platform != "win32":
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

"""One SQLite file: how it is opened, and what its errors mean to an operator."""

import contextlib
import os
import sqlite3
import threading
import time
from functools import lru_cache
from pathlib import Path
from typing import Final

from doorward.core.store import Unavailable

MMAP: Final = 0x7FFF0000
"""Bytes mapped at most: as much as SQLite allows. Only pages that are read take memory."""

LOG_KEPT: Final = 64 * 1024 * 1024
"""Bytes of the write-ahead log that stay on disk once it was copied into the database."""

_MEANINGS: Final = {
    sqlite3.SQLITE_BUSY: "is locked by another program; end that program, or wait for it",
    sqlite3.SQLITE_LOCKED: "is locked by another program; end that program, or wait for it",
    sqlite3.SQLITE_FULL: "has no room left: free space on its disk; nothing of this write was kept",
    sqlite3.SQLITE_READONLY: "cannot be written: give this user write permission to the file and its folder",
    sqlite3.SQLITE_PERM: "cannot be written: give this user write permission to the file and its folder",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened: its folder must be there, and this user must be allowed to read and write in it",
    sqlite3.SQLITE_IOERR: "could not be read or written: look at the disk (full? over a quota? broken?)",
    sqlite3.SQLITE_CORRUPT: "is damaged: stop doorward and restore it from a backup",
    sqlite3.SQLITE_NOTADB: "is not a database: another file lies in its place, or it is damaged; restore it from a backup",
    sqlite3.SQLITE_NOMEM: "could not be read or written: this machine has no memory left",
}
BROKEN: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


_creating: Final = threading.Lock()
"""No other thread may open the new file before the descriptor that made it is closed."""


def connect(path: Path, *, synchronous: str = "FULL", busy: float = 0.0, cache_kib: int = 8192) -> sqlite3.Connection:
    """Makes the file if it is not there (mode 0600; its folder must be there). `busy`: seconds to wait for another's lock.

    Raises sqlite3.Error, OSError.
    """
    _create(path)
    db = sqlite3.connect(path, timeout=busy, isolation_level=None, check_same_thread=False, cached_statements=256)
    try:
        _to_wal(db)
        db.execute(f"PRAGMA synchronous = {synchronous}")
        db.execute(f"PRAGMA mmap_size = {MMAP}")
        db.execute(f"PRAGMA cache_size = -{cache_kib}")
        db.execute(f"PRAGMA journal_size_limit = {LOG_KEPT}")
    except BaseException:
        db.close()
        raise
    return db


def _create(path: Path) -> None:
    """Never opens a file that is there: closing any descriptor of it would drop all locks that SQLite holds on it in this
    process (POSIX fcntl), and then another process that ends takes the log away under us. Acknowledged writes were lost so.
    """
    with _creating:
        if path.exists():
            return
        with contextlib.suppress(FileExistsError):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def _to_wal(db: sqlite3.Connection) -> None:
    """Switching a new file to WAL needs it alone, and SQLite does not wait for that by itself."""
    patience = time.monotonic() + 5.0
    while True:
        try:
            mode = db.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        except sqlite3.OperationalError as reason:
            if code_of(reason) != sqlite3.SQLITE_BUSY or time.monotonic() > patience:
                raise
            time.sleep(0.002)
        else:
            if mode != "wal":
                raise sqlite3.OperationalError("this file system does not carry SQLite's WAL; put the data on a local disk")
            return


def code_of(reason: BaseException) -> int:
    """SQLite's primary result code; 0 if there is none."""
    return int(getattr(reason, "sqlite_errorcode", 0) or 0) & 0xFF


def unavailable(reason: BaseException, path: Path) -> Unavailable:
    """The sentence for an operator. Constraint violations and misuse are mistakes of ours and not for here."""
    meaning = _MEANINGS.get(code_of(reason))
    if meaning is None and isinstance(reason, OSError):
        meaning = f"cannot be opened ({reason.strerror or reason}): its folder must be there, and this user must be allowed to write in it"
    return Unavailable(f"{path.name} {meaning or f'does not answer: {reason}'}")


def is_unavailability(reason: BaseException) -> bool:
    """Not so: a constraint that does not hold, a statement that is wrong."""
    return code_of(reason) in _MEANINGS or isinstance(reason, OSError) or "closed database" in str(reason)


def remove(path: Path) -> None:
    """The file and what SQLite lays beside it."""
    for suffix in ("", "-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{path}{suffix}")


@lru_cache(maxsize=1024)
def placeholders(statement: str) -> str:
    """`$1` as PostgreSQL writes it -> `?1` as SQLite does."""
    return statement.replace("$", "?")

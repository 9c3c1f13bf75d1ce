"""The state file: what may be forgotten when the machine stops, but not when a process does (DECISIONS 28).

synchronous=OFF: nothing waits for the disk, so a machine that stops without warning can leave anything in this file.
It remembers the boot it was made in; found in another boot, damaged or missing, it is made anew, and `trusted_since`
is that moment. A process that is killed loses nothing: what it wrote is the kernel's by then.
"""

import asyncio
import contextlib
import os
import sqlite3
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from doorward.core.clock import Clock
from doorward.stores.sql import Row
from doorward.stores.sql.state import SCHEMA
from doorward.stores.sqlite_file import BROKEN, code_of, connect, placeholders, remove, unavailable

if sys.platform != "win32":
    import fcntl

_PATIENCE: Final = 1.0
"""Seconds a request waits for another process's statement; each takes about 20 µs."""
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


def machine_boot() -> str:
    """Differs from boot to boot. Where the kernel has no boot id: the minute in which the monotonic clock began; a
    clock that was set since looks like another boot, which only refuses what was signed before.
    """
    try:
        return _BOOT_ID.read_text("ascii").strip()
    except OSError:
        return f"monotonic-{int((time.time() - time.monotonic()) // 60)}"


class StateFile:
    def __init__(self, path: Path, clock: Clock, boot: Callable[[], str] = machine_boot, *, nothing_to_replay: bool = False) -> None:
        """`nothing_to_replay`: the database beside it is new, so no key can have signed anything. Raises Unavailable."""
        self._path, self._clock, self._boot, self._nothing_to_replay = path, clock, boot, nothing_to_replay
        self._name = os.fspath(path)
        self._since = 0.0
        self._inode = 0
        self._open()

    def trusted_since(self) -> float:
        """Raises Unavailable."""
        if self._was_replaced():
            self._reopen()
        return self._since

    async def rows(self, statement: str, *parameters: object) -> Sequence[Row]:
        """One statement, by itself. Raises Unavailable."""
        try:
            if self._was_replaced():
                self._reopen()
            return self._execute(placeholders(statement), parameters).fetchall()
        except sqlite3.Error as reason:
            return await self._rows_after(reason, statement, parameters)

    async def _rows_after(self, reason: sqlite3.Error, statement: str, parameters: Row) -> Sequence[Row]:
        """Again while another process is writing; once more in a new file if this one is broken."""
        end, pause = time.monotonic() + _PATIENCE, 0.0002
        mended = False
        while True:
            code = code_of(reason)
            if code in BROKEN and not mended:
                mended = True
                self._reopen()
            elif code != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise unavailable(reason, self._path) from reason
            else:
                await asyncio.sleep(pause)
                pause = min(pause * 1.5, 0.005)
            try:
                return self._execute(placeholders(statement), parameters).fetchall()
            except sqlite3.Error as again:
                reason = again

    def _was_replaced(self) -> bool:
        """Another process may have found it broken and made it anew; two files would accept one mark twice."""
        try:
            return os.stat(self._name).st_ino != self._inode
        except OSError:
            return True

    def _reopen(self) -> None:
        with contextlib.suppress(sqlite3.Error):
            self._db.close()
        self._open()

    def _open(self) -> None:
        """Under a lock, so that all processes agree. Raises Unavailable."""
        try:
            lock = os.open(f"{self._name}-lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                if sys.platform != "win32":
                    fcntl.flock(lock, fcntl.LOCK_EX)
                self._open_locked()
            finally:
                os.close(lock)
        except (sqlite3.Error, OSError) as reason:
            raise unavailable(reason, self._path) from reason

    def _open_locked(self) -> None:
        boot = self._boot()
        try:
            self._db, known = self._connect()
        except sqlite3.DatabaseError as reason:
            if code_of(reason) not in BROKEN:
                raise
            remove(self._path)
            self._db, known = self._connect()
        if known and known.get("boot") != boot:
            self._db.close()
            remove(self._path)
            self._db, known = self._connect()
        if not known:
            known = {"boot": boot, "trusted_since": repr(0.0 if self._nothing_to_replay else self._clock())}
            self._db.executemany("INSERT INTO facts (name, value) VALUES (?, ?)", known.items())
        self._since = float(known["trusted_since"])
        self._inode = os.stat(self._name).st_ino
        self._execute = self._db.execute

    def _connect(self) -> tuple[sqlite3.Connection, dict[str, str]]:
        db = connect(self._path, synchronous="OFF", busy=5.0)
        try:
            for statement in SCHEMA:
                db.execute(statement)
            known = dict(db.execute("SELECT name, value FROM facts").fetchall())
            db.execute("PRAGMA secure_delete = OFF")
            db.execute("PRAGMA busy_timeout = 0")
        except BaseException:
            db.close()
            raise
        return db, known

    def new_connection(self) -> sqlite3.Connection:
        """For another thread. Raises Unavailable."""
        try:
            return connect(self._path, synchronous="OFF", busy=_PATIENCE)
        except (sqlite3.Error, OSError) as reason:
            raise unavailable(reason, self._path) from reason

    def close(self) -> None:
        self._db.close()

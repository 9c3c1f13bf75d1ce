"""The embedded default: one SQLite file in WAL mode, and beside it the state file for Once and Meter.

Reads are direct; writes go through one writer thread that commits groups (`sqlite_writer`). Open it after a fork.
"""

import asyncio
import sqlite3
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

from doorward.core.clock import Clock
from doorward.core.store import Write
from doorward.stores.sql.sweep import sweep
from doorward.stores.sql.tx import SqlTx
from doorward.stores.sqlite_file import unavailable
from doorward.stores.sqlite_reads import SqliteAccounts, SqliteChanges, SqliteCredentials, SqliteJournal, SqliteReader, SqliteUses
from doorward.stores.sqlite_schema import migrate
from doorward.stores.sqlite_state import SqliteMeter, SqliteOnce, StateSweeper
from doorward.stores.sqlite_state_file import StateFile
from doorward.stores.sqlite_writer import SqliteWriter

T = TypeVar("T")

QUEUE = 4096
"""Writes that may wait; past it Busy."""


class SqliteStore:
    """`core.store.Store`. Made by `open`; used on one event loop."""

    def __init__(self, path: Path, clock: Clock, state_path: Path, queue: int) -> None:
        """Blocks. Raises Unavailable."""
        self._path = path
        made = migrate(path, clock)
        with ExitStack() as opened:
            self._state = StateFile(state_path, clock, nothing_to_replay=made)
            opened.callback(self._state.close)
            self._reader = SqliteReader(path)
            opened.callback(self._reader.close)
            self._writer = SqliteWriter(path, queue)
            opened.pop_all()
        self._sweeper = StateSweeper(self._state)
        self.credentials = SqliteCredentials(self._reader)
        self.accounts = SqliteAccounts(self._reader)
        self.journal = SqliteJournal(self._reader, self.write)
        self.uses = SqliteUses(self._reader)
        self.changes = SqliteChanges(self._reader)
        self.once = SqliteOnce(self._state)
        self.meter = SqliteMeter(self._state)

    @classmethod
    async def open(cls, path: Path, *, clock: Clock, state_path: Path | None = None, queue: int = QUEUE) -> "SqliteStore":
        """Makes the files where there are none; the folder must be there. Raises Unavailable."""
        beside = state_path or path.with_name(f"{path.stem}-state.db")
        return await asyncio.to_thread(cls, path, clock, beside, queue)

    async def write(self, work: Write[T]) -> T:
        return await self._writer.run(work)

    async def sweep(self, now: float, most: int = 500) -> int:
        async def sweep_some(tx: object) -> int:
            assert isinstance(tx, SqlTx)  # noqa: S101 - our own writer's
            return await sweep(tx.rows, now, most)

        gone = await self._writer.run(sweep_some)
        try:
            return gone + await asyncio.to_thread(self._sweeper.sweep, now, most)
        except sqlite3.Error as reason:
            raise unavailable(reason, self._path) from reason

    async def close(self) -> None:
        """What was queued is written first."""
        await asyncio.to_thread(self._writer.close)
        self._reader.close()
        self._state.close()

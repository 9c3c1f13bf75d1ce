"""The reading ports on SQLite: single rows directly on the event loop, lists in a thread with a connection of its own."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from doorward.core.account import Account
from doorward.core.credential import Credential
from doorward.core.event import Change
from doorward.core.store import Checkpoint, Entry, Linked, Unavailable, Use, Write
from doorward.stores.sql import Row, accounts, changes, credentials, journal, uses
from doorward.stores.sql.tx import SqlTx
from doorward.stores.sqlite_file import code_of, connect, is_unavailability, placeholders, unavailable

_PAUSES: Final = (0.001, 0.004, 0.02, 0.1)
"""A reader is refused only while the log is recovered or rewound: milliseconds."""
_LINKED_AT_ONCE: Final = 500


class SqliteReader:
    """Two connections: one for the event loop, one for the thread."""

    def __init__(self, path: Path) -> None:
        """Raises Unavailable."""
        self.path = path
        try:
            self._db = self._connect()
            self._far_db = self._connect(busy=5.0)
            # Text that is none does not hide the journal's other rows from the audit.
            self._far_db.text_factory = lambda raw: raw.decode("utf-8", "backslashreplace")
        except (sqlite3.Error, OSError) as reason:
            raise unavailable(reason, path) from reason
        # One cursor serves all: every read is finished before the event loop goes on.
        self.execute = self._db.cursor().execute
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="doorward-reader")

    def _connect(self, busy: float = 0.0) -> sqlite3.Connection:
        db = connect(self.path, busy=busy)
        db.execute("PRAGMA query_only = 1")
        return db

    async def rows(self, statement: str, *parameters: object) -> Sequence[Row]:
        """A few rows, read where we stand. Raises Unavailable."""
        try:
            return self.execute(placeholders(statement), parameters).fetchall()
        except sqlite3.Error as reason:
            return await self.rows_after(reason, statement, *parameters)

    async def rows_after(self, reason: sqlite3.Error, statement: str, *parameters: object) -> Sequence[Row]:
        """Again after a failure, if it was one that passes. Raises Unavailable."""
        for pause in _PAUSES:
            if code_of(reason) != sqlite3.SQLITE_BUSY:
                break
            await asyncio.sleep(pause)
            try:
                return self.execute(placeholders(statement), parameters).fetchall()
            except sqlite3.Error as again:
                reason = again
        raise unavailable(reason, self.path) if is_unavailability(reason) else reason

    async def far_rows(self, statement: str, *parameters: object) -> Sequence[Row]:
        """Many rows, read in the thread. Raises Unavailable."""
        try:
            running = asyncio.get_running_loop().run_in_executor(self._thread, self._fetch, placeholders(statement), parameters)
        except RuntimeError as reason:
            raise Unavailable(f"{self.path.name} is closed") from reason
        try:
            return await running
        except sqlite3.Error as reason:
            raise unavailable(reason, self.path) if is_unavailability(reason) else reason from None

    def _fetch(self, statement: str, parameters: Row) -> Sequence[Row]:
        return self._far_db.execute(statement, parameters).fetchall()

    def close(self) -> None:
        self._thread.shutdown()
        self._db.close()
        self._far_db.close()


class SqliteCredentials:
    def __init__(self, reader: SqliteReader) -> None:
        self._reader, self._execute, self._find = reader, reader.execute, placeholders(credentials.FIND)

    async def find(self, method: str, lookup: str) -> Credential | None:
        try:
            row = self._execute(self._find, (method, lookup)).fetchone()
        except sqlite3.Error as reason:
            row = next(iter(await self._reader.rows_after(reason, credentials.FIND, method, lookup)), None)
        return None if row is None else credentials.found_credential(method, lookup, row)

    def version(self) -> int:
        """SQLite's own count of other connections' commits; our writer is another connection than this reader."""
        try:
            found: int = self._execute("PRAGMA data_version").fetchone()[0]
        except sqlite3.Error as reason:
            raise unavailable(reason, self._reader.path) from reason
        return found

    async def get(self, id: str) -> Credential | None:
        rows = await self._reader.rows(credentials.GET, id)
        return credentials.credential_of(rows[0]) if rows else None

    async def list(self, *, method: str | None = None, owner: str | None = None, after: str = "", most: int = 100) -> Sequence[Credential]:
        statement = {
            (False, False): credentials.LIST,
            (True, False): credentials.LIST_METHOD,
            (False, True): credentials.LIST_OWNER,
            (True, True): credentials.LIST_METHOD_OWNER,
        }[method is not None, owner is not None]
        narrowed = (each for each in (method, owner) if each is not None)
        return [credentials.credential_of(row) for row in await self._reader.far_rows(statement, after, most, *narrowed)]

    async def find_by_start(self, method: str, start: str) -> Sequence[Credential]:
        return [credentials.credential_of(row) for row in await self._reader.rows(credentials.FIND_BY_START, method, start)]


class SqliteAccounts:
    def __init__(self, reader: SqliteReader) -> None:
        self._reader = reader

    async def find(self, name: str) -> Account | None:
        rows = await self._reader.rows(accounts.FIND, name)
        return accounts.account_of(rows[0]) if rows else None

    async def find_by_email(self, email: str) -> Account | None:
        rows = await self._reader.rows(accounts.FIND_BY_EMAIL, accounts.fold(email))
        return accounts.account_of(rows[0]) if rows else None

    async def list(self, *, kind: str | None = None, after: str = "", most: int = 100) -> Sequence[Account]:
        if kind is None:
            rows = await self._reader.far_rows(accounts.LIST, after, most)
        else:
            rows = await self._reader.far_rows(accounts.LIST_KIND, after, most, kind)
        return [accounts.account_of(row) for row in rows]


class SqliteJournal:
    def __init__(self, reader: SqliteReader, write: Callable[[Write[Linked]], Awaitable[Linked]]) -> None:
        self._reader, self._write = reader, write

    async def read(self, *, after: int = 0, most: int = 1000) -> Sequence[Entry]:
        return [journal.entry_of(row) for row in await self._reader.far_rows(journal.READ, after + 1, most)]

    async def latest(self) -> int:
        latest: int = (await self._reader.rows(journal.LATEST))[0][0]
        return latest

    async def last(self, most: int) -> Sequence[Entry]:
        """Oldest first."""
        return [journal.entry_of(row) for row in reversed(await self._reader.far_rows(journal.LAST, most))]

    async def link(self, key: Callable[[bytes], bytes], trust: Callable[[Checkpoint | None], None]) -> Linked:
        async def link_some(tx: object) -> Linked:
            assert isinstance(tx, SqlTx)  # noqa: S101 - our own writer's
            return await journal.link(tx.rows, key, trust, _LINKED_AT_ONCE)

        count = 0
        while (some := await self._write(link_some)).rows:
            count += some.rows
        return Linked(count, some.end)

    async def checkpoints(self) -> Sequence[Checkpoint]:
        return [journal.checkpoint_of(row) for row in await self._reader.far_rows(journal.CHECKPOINTS)]


class SqliteUses:
    def __init__(self, reader: SqliteReader) -> None:
        self._reader = reader

    async def read(self, credential_id: str, *, since: int = 0) -> Sequence[Use]:
        return [uses.use_of(row) for row in await self._reader.far_rows(uses.READ, credential_id, since)]

    async def last_used(self, credential_ids: Sequence[str]) -> Mapping[str, float]:
        found = {id: (await self._reader.far_rows(uses.LAST, id))[0][0] for id in credential_ids}
        return {id: at for id, at in found.items() if at is not None}


class SqliteChanges:
    def __init__(self, reader: SqliteReader) -> None:
        self._reader = reader

    async def since(self, seq: int, most: int = 1000) -> Sequence[Change]:
        return [changes.change_of(row) for row in await self._reader.rows(changes.SINCE, seq, most)]

    async def latest(self) -> int:
        rows = await self._reader.rows(changes.LATEST_ON_SQLITE)
        return rows[0][0] if rows else 0

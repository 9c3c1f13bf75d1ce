"""The one writer of a process: a thread that commits groups (DECISIONS 26, 27).

It takes the write lock, runs what waits, each function in a savepoint, commits once with synchronous=FULL, and only
then tells the callers. A function that fails takes back its own savepoint; a COMMIT that fails takes back the group.
"""

import asyncio
import contextlib
import sqlite3
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Final, Generic, TypeVar, cast

from doorward.core.store import Busy, Unavailable, Write
from doorward.stores.sql import Row
from doorward.stores.sql.tx import SqlTx
from doorward.stores.sqlite_file import connect, is_unavailability, placeholders, unavailable
from doorward.stores.sqlite_lock import WriteLock

T = TypeVar("T")

GROUP: Final = 256
"""Functions in one commit at most."""
GROUP_SECONDS: Final = 0.02
"""No function joins a group after this: others wait for the lock."""
PATIENCE: Final = 10.0
"""Seconds a write waits for its turn."""


class Job(Generic[T]):
    """A write on its way. Either the writer takes it or its caller takes it back: `take` is true once."""

    __slots__ = ("_mine", "failure", "future", "loop", "result", "work")

    def __init__(self, work: Write[T], loop: asyncio.AbstractEventLoop) -> None:
        self.work, self.loop = work, loop
        self.future: asyncio.Future[T] = loop.create_future()
        self.result: T | None = None
        self.failure: BaseException | None = None
        self._mine = [True]

    def take(self) -> bool:
        """Atomic, from any thread."""
        try:
            return self._mine.pop()
        except IndexError:
            return False

    def settle(self) -> None:
        """On the caller's loop."""
        if self.future.done():
            return
        if self.failure is not None:
            self.future.set_exception(self.failure)
        else:
            self.future.set_result(cast("T", self.result))


class SqliteWriter:
    def __init__(self, path: Path, queue: int, patience: float = PATIENCE) -> None:
        """Raises Unavailable."""
        self._path, self._most, self._patience = path, queue, patience
        self._queue: SimpleQueue[Job[Any] | None] = SimpleQueue()
        self._closed = False
        try:
            self._lock = WriteLock(path)
            self._db = connect(path, busy=5.0)
        except (sqlite3.Error, OSError) as reason:
            raise unavailable(reason, path) from reason
        self._tx = SqlTx(self._rows)
        self._thread = threading.Thread(target=self._serve, name="doorward-writer", daemon=True)
        self._thread.start()

    async def run(self, work: Write[T]) -> T:
        if self._closed:
            raise Unavailable(f"{self._path.name} is closed")
        if self._queue.qsize() >= self._most:
            raise Busy(f"{self._most} writes wait for {self._path.name} already; try again in a moment")
        loop = asyncio.get_running_loop()
        job = Job(work, loop)
        self._queue.put(job)
        timer = loop.call_later(self._patience, self._give_up, job)
        try:
            return await job.future
        except asyncio.CancelledError:
            job.take()
            raise
        finally:
            timer.cancel()

    def close(self) -> None:
        """Runs what was queued, then ends. Blocks, but no longer than a write may wait for its turn."""
        if not self._closed:
            self._closed = True
            self._queue.put(None)
        self._thread.join(self._patience + 1.0)

    def _give_up(self, job: Job[Any]) -> None:
        if job.take():
            job.failure = Unavailable(
                f"another process has been writing to {self._path.name} for {self._patience:g} s; look for one that hangs"
            )
            job.settle()

    def _serve(self) -> None:
        while (first := self._queue.get()) is not None:
            jobs: list[Job[Any]] = []
            try:
                with self._lock:
                    self._write_group(first, jobs)
            except Exception as reason:  # noqa: BLE001 - whatever it was, the callers hear of it and the writer lives on
                jobs = jobs or [job for job in (first, *self._waiting()) if job.take()]
                for job in jobs:
                    job.failure = job.failure or unavailable(reason, self._path)
            _settle(jobs)
        self._db.close()
        self._lock.close()

    def _write_group(self, first: Job[Any], jobs: list[Job[Any]]) -> None:
        """Fills `jobs` with those that it took, in order."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            end = time.monotonic() + GROUP_SECONDS
            job: Job[Any] | None = first
            while job is not None:
                if job.take():
                    jobs.append(job)
                    self._drive(job)
                job = self._next() if len(jobs) < GROUP and time.monotonic() < end else None
            self._db.execute("COMMIT")
        finally:
            if self._db.in_transaction:
                with contextlib.suppress(sqlite3.Error):
                    self._db.execute("ROLLBACK")

    def _drive(self, job: Job[Any]) -> None:
        self._db.execute("SAVEPOINT work")
        steps: Any = None
        try:
            steps = job.work(self._tx).__await__()
            next(steps)
        except StopIteration as done:
            job.result = done.value
            self._db.execute("RELEASE work")
            return
        except BaseException as reason:  # noqa: BLE001 - it is the caller's
            job.failure = reason
        else:
            job.failure = RuntimeError("a write awaited something that is not a verb of its transaction")
            with contextlib.suppress(BaseException):
                steps.close()
        # If SQLite itself had to take the whole transaction back, this raises, and the group is lost.
        self._db.execute("ROLLBACK TO work")
        self._db.execute("RELEASE work")

    async def _rows(self, statement: str, *parameters: object) -> Sequence[Row]:
        if not self._db.in_transaction:
            raise Unavailable(f"{self._path.name} took the transaction back")
        try:
            return self._db.execute(placeholders(statement), parameters).fetchall()
        except sqlite3.Error as reason:
            if is_unavailability(reason):
                raise unavailable(reason, self._path) from reason
            raise

    def _next(self) -> Job[Any] | None:
        try:
            job = self._queue.get_nowait()
        except Empty:
            return None
        if job is None:  # the end: seen again once this group is written
            self._queue.put(None)
        return job

    def _waiting(self) -> list[Job[Any]]:
        waiting = []
        while (job := self._next()) is not None:
            waiting.append(job)
        return waiting


def _settle(jobs: Sequence[Job[Any]]) -> None:
    """One call into each loop, however many callers it has."""
    by_loop: dict[asyncio.AbstractEventLoop, list[Job[Any]]] = {}
    for job in jobs:
        by_loop.setdefault(job.loop, []).append(job)
    for loop, settled in by_loop.items():
        with contextlib.suppress(RuntimeError):  # a loop that was closed has no callers left
            loop.call_soon_threadsafe(_settle_all, settled)


def _settle_all(jobs: Sequence[Job[Any]]) -> None:
    for job in jobs:
        job.settle()

"""What the ground carries, without peers: look-ups, durable writes in groups, marks spent once, rates taken."""

import asyncio
import os
import tempfile
import time
from pathlib import Path

from bench import key_rows
from bench.rounds import Effort, Prepare, Run, rates
from bench.row import Row, alone
from doorward.core.event import Event, Kind
from doorward.core.limit import Rate
from doorward.core.store import Tx
from doorward.stores.sqlite import SqliteStore

TOGETHER = 64
"""Callers that write at a time."""


async def measure(effort: Effort) -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="doorward-bench-") as folder:
        path = Path(folder) / "ground.db"
        await (await SqliteStore.open(path, clock=time.time)).close()
        keys = key_rows.fill(path, 1_000)
        store = await SqliteStore.open(path, clock=time.time)
        try:
            processor = await rates({"find": lambda: finds(store, keys, effort.batch * 2)}, effort.rounds)
            waiting: dict[str, Prepare] = {
                "one": lambda: writes(store, 1, effort.batch // 10),
                "many": lambda: writes(store, TOGETHER, effort.batch),
                "once": lambda: spends(store, effort.batch),
                "meter": lambda: takes(store, effort.batch),
            }
            wall = await rates(waiting, effort.rounds, time.perf_counter)
        finally:
            await store.close()
    return [
        alone("ground-find", "a credential found in SQLite", "/s", processor["find"]),
        alone("ground-write", "durable writes, one after another", "/s", wall["one"], aside="wall time: the disk is waited for"),
        alone("ground-writes", f"durable writes, {TOGETHER} callers in groups", "/s", wall["many"], aside="wall time"),
        alone("ground-once", "one-time marks spent, all processes agreeing", "/s", wall["once"], aside="wall time"),
        alone("ground-meter", "rates taken, exact over all processes", "/s", wall["meter"], aside="wall time"),
    ]


def finds(store: SqliteStore, keys: list[str], times: int) -> Run:
    lookups = [keys[number % len(keys)].split("_")[2][:12] for number in range(times)]

    async def run() -> int:
        find = store.credentials.find
        for lookup in lookups:
            assert await find("api_key", lookup) is not None
        return times

    return run


def writes(store: SqliteStore, together: int, times: int) -> Run:
    """Each puts a row into the journal, as every change does."""

    async def record(tx: Tx) -> None:
        await tx.record(Event(kind=Kind.KEY_CREATED, subject="bench", at=1.0, actor="bench"))

    async def caller() -> None:
        for _ in range(max(1, times // together)):
            await store.write(record)

    async def run() -> int:
        await asyncio.gather(*(caller() for _ in range(together)))
        return max(1, times // together) * together

    return run


def spends(store: SqliteStore, times: int) -> Run:
    marks = [os.urandom(32) for _ in range(times)]

    async def run() -> int:
        now = time.time()
        for mark in marks:
            assert await store.once.spend(mark, now + 600, now)
        return times

    return run


def takes(store: SqliteStore, times: int) -> Run:
    async def run() -> int:
        rate, now = Rate(1_000_000, 60), time.time()
        for number in range(times):
            assert (await store.meter.take(f"principal:{number % 100}", rate, now)).allowed
        return times

    return run

"""A process of its own over one store: `python -m tests.trips.store_worker ACTION PATH …`. It speaks in lines."""

import asyncio
import os
import sys
import time
from pathlib import Path

from doorward.core.event import Change, Event, Kind, Topic
from doorward.core.limit import Rate
from doorward.core.store import Tx, Unavailable
from doorward.stores.sqlite import SqliteStore
from doorward.stores.watch import Watch


def say(*words: object) -> None:
    """Straight to the pipe, so that what was said is said when the process is killed."""
    text = (" ".join(map(str, words)) + "\n").encode()
    while text:
        text = text[os.write(1, text) :]


async def wait_for_start() -> None:
    say("ready")
    await asyncio.to_thread(sys.stdin.readline)


async def write_rows(store: SqliteStore, name: str, tasks: str, count: str) -> None:
    """Says each row once it is acknowledged, with the seconds it took."""

    async def one(number: int) -> None:
        async def work(tx: Tx) -> None:
            await tx.record(Event(kind=Kind.SIGNED_IN, subject=f"{name}-{number}", at=0.0, data={"filler": "x" * 200}))
            await tx.put(f"{name}-{number}", "there")

        start = time.perf_counter()
        try:
            await store.write(work)
        except Unavailable as reason:
            say("failed", f"{name}-{number}", str(reason).replace(" ", "_"))
            await asyncio.sleep(0.005)
        else:
            say("wrote", f"{name}-{number}", time.perf_counter() - start)

    async def several(first: int) -> None:
        for number in range(first, int(count), int(tasks)):
            await one(number)

    await wait_for_start()
    await asyncio.gather(*(several(first) for first in range(int(tasks))))


async def time_writes(store: SqliteStore, tasks: str, seconds: str) -> None:
    """Says only at its end how long each write took: a full pipe would hold it up."""
    took: list[float] = []

    async def record(tx: Tx) -> None:
        await tx.record(Event(kind=Kind.SIGNED_IN, subject="ann", at=0.0))

    async def write_on(end: float) -> None:
        while time.perf_counter() < end:
            start = time.perf_counter()
            await store.write(record)
            took.append(time.perf_counter() - start)

    await wait_for_start()
    end = time.perf_counter() + float(seconds)
    await asyncio.gather(*(write_on(end) for _ in range(int(tasks))))
    say(*took)


async def spend_marks(store: SqliteStore, count: str) -> None:
    """All processes want the same marks."""
    await wait_for_start()
    for number in range(int(count)):
        if await store.once.spend(number.to_bytes(4, "big"), 1000.0, 1.0):
            say("won", number)


async def take(store: SqliteStore, count: str) -> None:
    """All processes draw on the same rate, at one moment."""
    await wait_for_start()
    allowed = 0
    for _ in range(int(count)):
        allowed += (await store.meter.take("a", Rate(5000, 86400), 1.0)).allowed
    say("allowed", allowed)


async def announce(store: SqliteStore, count: str) -> None:
    await wait_for_start()
    for number in range(int(count)):

        async def work(tx: Tx, number: int = number) -> int:
            return await tx.announce(Change(topic=Topic.CREDENTIAL, id=str(number), at=0.0, until=10.0**10))

        start = time.time()
        await store.write(work)
        say("announced", number, start, time.time())
        await asyncio.sleep(0.013)


async def watch(store: SqliteStore, count: str) -> None:
    heard = 0

    def tell(change: Change) -> None:
        nonlocal heard
        heard += 1
        say("heard", change.id, time.time())

    watching = Watch(store.changes, time.monotonic, (tell,))
    await watching.catch_up()
    running = asyncio.ensure_future(watching.run())
    await wait_for_start()
    while heard < int(count):
        await asyncio.sleep(0.01)
    running.cancel()


ACTIONS = {
    "write_rows": write_rows,
    "time_writes": time_writes,
    "spend_marks": spend_marks,
    "take": take,
    "announce": announce,
    "watch": watch,
}


async def main(action: str, path: str, *arguments: str) -> None:
    store = await SqliteStore.open(Path(path), clock=time.time)
    await ACTIONS[action](store, *arguments)  # type: ignore[operator]
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace

import pytest

from doorward.core.event import Change, Topic
from doorward.core.store import Tx, Unavailable
from doorward.stores.memory import MemoryStore
from doorward.stores.watch import Watch

CHANGE = Change(topic=Topic.CREDENTIAL, id="k1", at=1.0, until=9.0)


async def announce(store: MemoryStore, *ids: str) -> None:
    async def work(tx: Tx) -> None:
        for id in ids:
            await tx.announce(replace(CHANGE, id=id))

    await store.write(work)


class Broken:
    """A store whose disk is gone for a while."""

    def __init__(self, store: MemoryStore) -> None:
        self.store, self.broken = store, False

    async def since(self, seq: int, most: int = 1000) -> Sequence[Change]:
        if self.broken:
            raise Unavailable("the disk is gone")
        return await self.store.changes.since(seq, most)

    async def latest(self) -> int:
        return await self.store.changes.latest()


async def test_catching_up_tells_everyone_everything_in_order() -> None:
    store, one, other = MemoryStore(lambda: 0.0), list[Change](), list[Change]()
    await announce(store, *map(str, range(2500)))
    watch = Watch(store.changes, lambda: 0.0, (one.append, other.append))
    assert not watch.healthy
    await watch.catch_up()
    assert [change.id for change in one] == [str(n) for n in range(2500)]
    assert other == one
    assert watch.healthy
    assert watch.seen == await store.changes.latest()


async def test_a_running_watch_hears_what_is_announced_later_once() -> None:
    store, heard = MemoryStore(lambda: 0.0), list[str]()
    watch = Watch(store.changes, lambda: 0.0, (lambda change: heard.append(change.id),), every=0.005)
    await watch.catch_up()
    running = asyncio.ensure_future(watch.run())
    for n in range(5):
        await announce(store, str(n))
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.02)
    running.cancel()
    assert heard == list("01234")


async def test_a_watch_that_cannot_read_says_so_after_a_second_and_misses_nothing(caplog: pytest.LogCaptureFixture) -> None:
    now, heard = 0.0, list[str]()
    changes = Broken(MemoryStore(lambda: 0.0))
    watch = Watch(changes, lambda: now, (lambda change: heard.append(change.id),), every=0.001)
    running = asyncio.ensure_future(watch.run())
    await asyncio.sleep(0.01)
    assert watch.healthy
    changes.broken = True
    with caplog.at_level(logging.WARNING):
        now = 0.9
        await asyncio.sleep(0.01)
        assert watch.healthy
        now = 1.1
        await asyncio.sleep(0.01)
        assert not watch.healthy
    assert len(caplog.records) == 1, "told once, not at every try"
    await announce(changes.store, "meanwhile")
    changes.broken = False
    await asyncio.sleep(0.02)
    assert watch.healthy
    assert heard == ["meanwhile"]
    running.cancel()


async def test_a_callback_that_fails_turns_the_watch_unhealthy_rather_than_lose_a_change() -> None:
    now = 0.0
    store, heard, broken = MemoryStore(lambda: 0.0), list[str](), True

    def tell(change: Change) -> None:
        if broken:
            raise LookupError
        heard.append(change.id)

    watch = Watch(store.changes, lambda: now, (tell,), every=0.001)
    await announce(store, "a")
    with pytest.raises(LookupError):
        await watch.run()
    assert not watch.healthy
    broken = False
    await watch.catch_up()
    assert heard == ["a"]

"""ledger/usage.py: counts by the minute, written together, lost never while the store is away."""

import time
from pathlib import Path

import pytest

from doorward.core.case import Case
from doorward.core.errors import Refused, Why
from doorward.core.proof import Proof
from doorward.core.request import Headers, Request
from doorward.core.store import Store, Unavailable, Write
from doorward.ledger import usage
from doorward.ledger.usage import Usage
from doorward.stores.memory import MemoryStore
from doorward.stores.sqlite import SqliteStore

NOW = 1_790_000_000.0
MINUTE = int(NOW // 60)


def case(credential: str | None = "k1", at: float = NOW, address: str = "10.0.0.1") -> Case:
    request = Request("GET", "/pets", "", Headers([]), "https", "h", address, None, has_body=False, id="r")
    found = Case(request, at)
    if credential is not None:
        found.proofs["api_key"] = Proof(method="api_key", subject="o", credential_id=credential)
    return found


class Away(MemoryStore):
    away = False

    async def write(self, work: Write):  # type: ignore[no-untyped-def,type-arg]
        if self.away:
            raise Unavailable("away")
        return await super().write(work)


async def test_uses_of_a_minute_become_one_row_an_outcome() -> None:
    store, gathered = MemoryStore(lambda: NOW), Usage()
    for second in range(5):
        gathered(case(at=NOW + second), None)
    gathered(case(at=NOW + 5), Refused(Why.LACKS_SCOPE))
    gathered(case("k2"), None)
    assert await gathered.flush(store) == 3
    rows = {row.outcome: row for row in await store.uses.read("k1")}
    assert rows["admitted"].count == 5
    assert rows["admitted"].last_at == NOW + 4
    assert rows["admitted"].address == "10.0.0.1"
    assert rows["insufficient_scope"].count == 1
    assert await store.uses.last_used(["k1", "k2", "k3"]) == {"k1": NOW + 5, "k2": NOW}
    assert await gathered.flush(store) == 0


async def test_two_flushes_of_one_minute_add_up(tmp_path: Path) -> None:
    store, gathered = await SqliteStore.open(tmp_path / "d.db", clock=time.time), Usage()
    for _ in range(2):
        gathered(case(), None)
        await gathered.flush(store)
    assert [row.count for row in await store.uses.read("k1", since=MINUTE)] == [2]
    assert await store.uses.read("k1", since=MINUTE + 1) == []
    await store.close()


async def test_what_was_not_proven_is_not_counted() -> None:
    store, gathered = MemoryStore(lambda: NOW), Usage()
    for number in range(1000):
        gathered(case(None, address=f"10.0.{number % 250}.1"), Refused(Why.UNKNOWN))
    assert await gathered.flush(store) == 0


async def test_counts_wait_while_the_store_is_away() -> None:
    store, gathered = Away(lambda: NOW), Usage()
    gathered(case(), None)
    store.away = True
    assert await gathered.flush(store) == 0
    gathered(case(), None)
    store.away = False
    assert await gathered.flush(store) == 1
    assert (await store.uses.read("k1"))[0].count == 2


async def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage, "MOST", 10)
    store: Store = MemoryStore(lambda: NOW)
    gathered = Usage()
    for number in range(25):
        gathered(case(f"k{number}"), None)
    assert gathered.dropped == 15
    assert await gathered.flush(store) == 10


async def test_a_write_is_not_made_per_request() -> None:
    writes = 0

    class Counting(MemoryStore):
        async def write(self, work: Write):  # type: ignore[no-untyped-def,type-arg]
            nonlocal writes
            writes += 1
            return await super().write(work)

    store, gathered = Counting(lambda: NOW), Usage()
    for _ in range(1000):
        gathered(case(), None)
    await gathered.flush(store)
    assert writes == 1

"""ledger/reminders.py: each key that ends soon is told once, while it lives."""

from dataclasses import replace
from pathlib import Path

import pytest

from doorward.core.credential import Credential
from doorward.core.event import Kind
from doorward.core.store import Store, Tx
from doorward.ledger import reminders
from doorward.ledger.reminders import remind
from doorward.stores.memory import MemoryStore
from doorward.stores.sqlite import SqliteStore

NOW = 1_790_000_000.0
DAY = 86400.0
KEY = Credential(id="k", method="api_key", lookup="k", verifier=b"v", owner="shop", name="till", created_at=NOW - 50 * DAY)


def key(id: str, ends: float | None, **more: object) -> Credential:
    return replace(KEY, id=id, lookup=id, expires_at=None if ends is None else NOW + ends * DAY, **more)  # type: ignore[arg-type]


async def keep(store: Store, *keys: Credential) -> None:
    async def write(tx: Tx) -> None:
        for each in keys:
            await tx.add_credential(each)

    await store.write(write)


async def told(store: Store) -> list[str]:
    return [entry.event.subject for entry in await store.journal.read() if entry.event.kind is Kind.KEY_ENDING]


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
async def test_live_keys_that_end_within_a_fortnight_are_told_once(tmp_path: Path, kind: str) -> None:
    store = MemoryStore(lambda: NOW) if kind == "memory" else await SqliteStore.open(tmp_path / "d.db", clock=lambda: NOW)
    signing = key("hmac", 3, method="hmac")
    session = key("session", 1, method="session")
    await keep(store, key("soon", 13.9), key("later", 15), key("never", None), key("over", -1), signing, session)
    await keep(store, key("revoked", 2))
    assert await store.write(lambda tx: tx.end_credential("revoked", NOW))
    assert await remind(store, NOW) == 2
    assert sorted(await told(store)) == ["hmac", "soon"]
    (first, *_) = [entry.event for entry in await store.journal.read() if entry.event.subject == "soon"]
    assert first.data == {"owner": "shop", "name": "till", "method": "api_key", "ends_at": str(int(NOW + 13.9 * DAY))}
    assert await remind(store, NOW + 60) == 0, "once for each"
    assert await remind(store, NOW + 1.5 * DAY) == 1
    assert sorted(await told(store)) == ["hmac", "later", "soon"]
    await store.close()


async def test_they_are_found_over_many_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reminders, "_PAGE", 3)
    store = MemoryStore(lambda: NOW)
    await keep(store, *(key(f"k{number:02}", 5 if number % 2 else 50) for number in range(20)))
    assert await remind(store, NOW) == 10
    assert await remind(store, NOW) == 0

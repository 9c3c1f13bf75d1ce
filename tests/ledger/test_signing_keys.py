"""ledger/signing_keys.py and reseal.py: published before use, one first key, kept while tokens live; sealed anew."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from doorward.core.credential import Credential
from doorward.core.store import Tx
from doorward.crypto.keyring import Keyring
from doorward.crypto.seal import Sealer
from doorward.ledger.reseal import reseal
from doorward.ledger.signing_keys import SigningKeys, SigningOptions
from doorward.stores.sqlite import SqliteStore

NOW = 1_790_000_000.0
OPTIONS = SigningOptions(rotate_every=1000.0, publish_ahead=100.0, keep=500.0)
SEALER = Sealer({"s1": bytes(32)}, "s1", os.urandom)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    opened = await SqliteStore.open(tmp_path / "d.db", clock=time.time)
    yield opened
    await opened.close()


def keys(store: SqliteStore, sealer: Sealer = SEALER) -> SigningKeys:
    return SigningKeys(store, sealer, os.urandom, OPTIONS)


async def ring(store: SqliteStore, now: float, sealer: Sealer = SEALER) -> Keyring:
    found = Keyring()
    found.load(await keys(store).all(), sealer, now)
    return found


async def test_there_is_one_first_key_whoever_tries(store: SqliteStore) -> None:
    made = await asyncio.gather(*(keys(store).first(NOW, "init") for _ in range(8)))
    assert len([key for key in made if key is not None]) == 1
    assert (await ring(store, NOW)).active(NOW).alg == "ES256"


async def test_a_new_key_is_published_before_it_signs_and_the_old_one_stays_for_its_tokens(store: SqliteStore) -> None:
    first = await keys(store).first(NOW, "init")
    assert first is not None
    second = await keys(store).rotate(NOW + 10, "me")
    loaded = await ring(store, NOW + 10)
    assert {key["kid"] for key in loaded.jwks(NOW + 10)["keys"]} == {first.kid, second.kid}
    assert loaded.active(NOW + 109).kid == first.kid
    assert loaded.active(NOW + 110).kid == second.kid
    assert loaded.verifier(first.kid, NOW + 609) is not None
    assert loaded.verifier(first.kid, NOW + 610) is None
    assert [key["kid"] for key in (await ring(store, NOW + 611)).jwks(NOW + 611)["keys"]] == [second.kid]


async def test_after_a_leak_the_new_key_signs_at_once(store: SqliteStore) -> None:
    await keys(store).first(NOW, "init")
    waiting = await keys(store).rotate(NOW + 1, "me")
    now = await keys(store).rotate(NOW + 2, "me", at_once=True)
    loaded = await ring(store, NOW + 2)
    assert loaded.active(NOW + 2).kid == now.kid
    assert loaded.active(NOW + 500).kid == now.kid, "the one that waited steps aside"
    assert waiting.kid != now.kid


async def test_the_schedule_makes_the_next_key_in_time_and_only_once(store: SqliteStore) -> None:
    await keys(store).advance(NOW)
    assert len(await keys(store).all()) == 1
    await keys(store).advance(NOW + 899)
    assert len(await keys(store).all()) == 1
    for second in range(900, 1000, 20):
        await keys(store).advance(NOW + second)
    assert len(await keys(store).all()) == 2
    loaded = await ring(store, NOW + 1000)
    assert loaded.active(NOW + 999).kid != loaded.active(NOW + 1001).kid


async def test_every_moment_has_a_key_that_signs_and_verifies(store: SqliteStore) -> None:
    for second in range(0, 5000, 50):
        await keys(store).advance(NOW + second)
        loaded = await ring(store, NOW + second)
        assert loaded.verifier(loaded.active(NOW + second).kid, NOW + second) is not None


async def test_what_is_sealed_is_sealed_anew_under_the_current_key(store: SqliteStore) -> None:
    await keys(store).first(NOW, "init")
    sealed = SEALER.seal(b"secret", "hmac", "h1")

    async def add(tx: Tx) -> None:
        await tx.add_credential(Credential(id="h1", method="hmac", lookup="h1", verifier=sealed, owner="o", created_at=NOW, key_id="s1"))

    await store.write(add)
    both = Sealer({"s1": bytes(32), "s2": b"2" * 32}, "s2", os.urandom)
    assert await reseal(store, both, actor="me", now=NOW) == 2
    assert await reseal(store, both, actor="me", now=NOW) == 0
    new_only = Sealer({"s2": b"2" * 32}, "s2", os.urandom)
    assert (await ring(store, NOW, new_only)).active(NOW).alg == "ES256"
    found = await store.credentials.get("h1")
    assert found is not None
    assert new_only.open(found.verifier, found.key_id, "hmac", "h1") == b"secret"

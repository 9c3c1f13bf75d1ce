"""ledger/journal.py: an edit, a gap, a reorder, a truncation are found, also by one who can write the database."""

import os
import sqlite3
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from doorward.core.event import Event, Kind
from doorward.core.store import Tx
from doorward.ledger.journal import HEAD, Chainer, CheckpointKeys, Verdict, verify
from doorward.stores.sqlite import SqliteStore

KEYS = CheckpointKeys({"p1": os.urandom(32), "p2": os.urandom(32)}, "p2")


async def record(store: SqliteStore, count: int) -> None:
    for number in range(count):

        async def write(tx: Tx, number: int = number) -> None:
            await tx.record(Event(kind=Kind.KEY_CREATED, subject=f"k{number}", at=1.5, actor="me", data={"a": "b"}))

        await store.write(write)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    opened = await SqliteStore.open(tmp_path / "d.db", clock=time.time)
    yield opened
    await opened.close()


async def chained(store: SqliteStore, folder: Path) -> Chainer:
    chainer = Chainer(store.journal, KEYS, folder)
    for count in (3, 4):
        await record(store, count)
        assert await chainer.link() == count
    assert await chainer.link() == 0
    return chainer


async def audit(store: SqliteStore, folder: Path) -> Verdict:
    return await verify(store.journal, KEYS, folder)


def tamper(folder: Path, *statements: str) -> None:
    with sqlite3.connect(folder / "d.db", timeout=5) as db:
        for statement in statements:
            db.execute(statement)
    db.close()


async def test_an_honest_journal_verifies(store: SqliteStore, tmp_path: Path) -> None:
    await chained(store, tmp_path)
    found = await audit(store, tmp_path)
    assert found.ok
    assert (found.rows, found.unlinked) == (7, 0)
    await record(store, 2)
    found = await audit(store, tmp_path)
    assert found.ok
    assert (found.rows, found.unlinked) == (9, 2)


@pytest.mark.parametrize(
    "statements",
    [
        ("UPDATE journal SET subject = 'other' WHERE seq = 2",),
        ("UPDATE journal SET at = at + 1 WHERE seq = 6",),
        ("DELETE FROM journal WHERE seq = 3",),
        ("DELETE FROM journal WHERE seq = 1",),
        (
            "UPDATE journal SET seq = 100 WHERE seq = 2",
            "UPDATE journal SET seq = 2 WHERE seq = 4",
            "UPDATE journal SET seq = 4 WHERE seq = 100",
        ),
        ("DELETE FROM journal WHERE seq >= 6",),
        ("DELETE FROM journal WHERE seq >= 4", "DELETE FROM checkpoints WHERE seq >= 4"),
        ("DELETE FROM journal", "DELETE FROM checkpoints"),
        ("UPDATE checkpoints SET signature = x'70323a00'",),
        ("UPDATE journal SET chain = NULL, digest = NULL WHERE seq = 5",),
    ],
    ids=["edit", "edit after", "gap", "first gone", "reorder", "cut", "cut with checkpoints", "emptied", "forged checkpoint", "unchained"],
)
async def test_tampering_is_found(store: SqliteStore, tmp_path: Path, statements: tuple[str, ...]) -> None:
    await chained(store, tmp_path)
    tamper(tmp_path, *statements)
    assert not (await audit(store, tmp_path)).ok


async def test_a_checkpoint_of_another_key_does_not_verify(store: SqliteStore, tmp_path: Path) -> None:
    await record(store, 2)
    await Chainer(store.journal, CheckpointKeys({"p2": os.urandom(32)}, "p2"), tmp_path).link()
    assert not (await audit(store, tmp_path)).ok


async def test_an_older_pepper_still_proves_its_checkpoints(store: SqliteStore, tmp_path: Path) -> None:
    keys = {"p1": os.urandom(32)}
    await record(store, 2)
    await Chainer(store.journal, CheckpointKeys(keys, "p1"), tmp_path).link()
    keys["p2"] = os.urandom(32)
    rotated = CheckpointKeys(keys, "p2")
    await record(store, 2)
    await Chainer(store.journal, rotated, tmp_path).link()
    assert (await verify(store.journal, rotated, tmp_path)).ok


@pytest.mark.parametrize("text", ["", "{}", '{"seq": "x", "chain": 1}', '{"seq": 99, "chain": ""}', "[]"])
async def test_a_head_that_does_not_fit_is_a_fault(store: SqliteStore, tmp_path: Path, text: str) -> None:
    await chained(store, tmp_path)
    (tmp_path / HEAD).write_text(text)
    assert not (await audit(store, tmp_path)).ok


async def test_a_head_that_is_gone_is_a_fault(store: SqliteStore, tmp_path: Path) -> None:
    await chained(store, tmp_path)
    (tmp_path / HEAD).unlink()
    assert not (await audit(store, tmp_path)).ok


async def test_two_chainers_at_once_make_one_chain(store: SqliteStore, tmp_path: Path) -> None:
    import asyncio

    chainers = [Chainer(store.journal, KEYS, tmp_path) for _ in range(4)]
    for _ in range(5):
        await asyncio.gather(record(store, 5), *(chainer.link() for chainer in chainers))
    await asyncio.gather(*(chainer.link() for chainer in chainers))
    found = await audit(store, tmp_path)
    assert [fault for fault in found.faults if HEAD not in fault.what] == []
    assert (found.rows, found.unlinked) == (25, 0)

"""ledger/journal.py: an edit, a gap, a reorder, a truncation are found, also by one who can write the database."""

import asyncio
import os
import sqlite3
import time
from collections.abc import AsyncIterator
from errno import ENOSPC
from pathlib import Path

import pytest

from doorward.core.event import Event, Kind
from doorward.core.store import Tx
from doorward.crypto.digest import Peppers
from doorward.ledger import journal
from doorward.ledger.journal import LINKED_WITHIN, Chainer, CheckpointKeys, Verdict, verify
from doorward.ledger.journal_head import HEAD
from doorward.stores.sqlite import SqliteStore

KEYS = CheckpointKeys(Peppers({"p1": os.urandom(32), "p2": os.urandom(32)}, "p2"))
AT = 1.5


async def record(store: SqliteStore, count: int) -> None:
    for number in range(count):

        async def write(tx: Tx, number: int = number) -> None:
            await tx.record(Event(kind=Kind.KEY_CREATED, subject=f"k{number}", at=AT, actor="me", data={"a": "b"}))

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
    return await verify(store.journal, KEYS, folder, now=AT)


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
        ("UPDATE journal SET chain = NULL WHERE seq = 5",),
        ("UPDATE journal SET digest = NULL WHERE seq = 5",),
        ("UPDATE journal SET kind = 'nonsense' WHERE seq = 4",),
        ("UPDATE journal SET kind = 'unknown' WHERE seq = 4",),
        ("UPDATE journal SET data = '{' WHERE seq = 4",),
        ("UPDATE journal SET data = replace(hex(zeroblob(20000)), '0', '[') WHERE seq = 4",),
        ("UPDATE journal SET data = '[1]' WHERE seq = 4",),
        ("""UPDATE journal SET data = '{"a":"evil","a":"b"}' WHERE seq = 4""",),
        ("UPDATE journal SET at = 9e999 WHERE seq = 4",),
        ("UPDATE journal SET actor = CAST(x'ff' AS TEXT) WHERE seq = 4",),
        ("INSERT INTO journal (seq, kind, subject, actor, at, why, data) VALUES (-5, 'refused', '', '', 1.5, '', '')",),
        ("INSERT INTO journal (seq, kind, subject, actor, at, why, data) VALUES (-9223372036854775808, 'refused', '', '', 1.5, '', '')",),
        ("UPDATE journal SET seq = 0 WHERE seq = 1",),
        ("UPDATE journal SET seq = 9223372036854775807 WHERE seq = 7",),
    ],
    ids=[
        "edit",
        "edit after",
        "gap",
        "first gone",
        "reorder",
        "cut",
        "cut with checkpoints",
        "emptied",
        "forged checkpoint",
        "unchained",
        "no chain",
        "no digest",
        "kind",
        "kind unknown",
        "no JSON",
        "deep JSON",
        "other JSON",
        "member twice",
        "no time",
        "no text",
        "before",
        "first of all",
        "nought",
        "last of all",
    ],
)
async def test_tampering_is_found(store: SqliteStore, tmp_path: Path, statements: tuple[str, ...]) -> None:
    await chained(store, tmp_path)
    tamper(tmp_path, *statements)
    assert not (await audit(store, tmp_path)).ok


async def test_a_checkpoint_of_another_key_does_not_verify(store: SqliteStore, tmp_path: Path) -> None:
    await record(store, 2)
    await Chainer(store.journal, CheckpointKeys(Peppers({"p2": os.urandom(32)}, "p2")), tmp_path).link()
    assert not (await audit(store, tmp_path)).ok


async def test_an_older_pepper_still_proves_its_checkpoints(store: SqliteStore, tmp_path: Path) -> None:
    keys = {"p1": os.urandom(32)}
    await record(store, 2)
    await Chainer(store.journal, CheckpointKeys(Peppers(keys, "p1")), tmp_path).link()
    keys["p2"] = os.urandom(32)
    rotated = CheckpointKeys(Peppers(keys, "p2"))
    await record(store, 2)
    await Chainer(store.journal, rotated, tmp_path).link()
    assert (await verify(store.journal, rotated, tmp_path, now=AT)).ok


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        '{"seq": "x", "chain": 1}',
        '{"seq": 99, "chain": ""}',
        "[]",
        "\xff",
        "[" * 4000,
        '{"seq": 1e999, "chain": "", "signature": ""}',
        '{"seq": ' + "9" * 300 + ', "chain": "' + "0" * 64 + '", "signature": ""}',
        '{"seq": 7, "chain": "' + "0" * 64 + '", "signature": ""}',
    ],
)
async def test_a_head_that_does_not_fit_is_a_fault(store: SqliteStore, tmp_path: Path, text: str) -> None:
    await chained(store, tmp_path)
    (tmp_path / HEAD).write_text(text, "latin-1")
    assert [fault.seq for fault in (await audit(store, tmp_path)).faults] == [0]
    await record(store, 1)
    assert await Chainer(store.journal, KEYS, tmp_path).link() == 0


async def test_a_head_that_is_gone_is_a_fault(store: SqliteStore, tmp_path: Path) -> None:
    await chained(store, tmp_path)
    (tmp_path / HEAD).unlink()
    assert not (await audit(store, tmp_path)).ok


async def test_two_chainers_at_once_make_one_chain(store: SqliteStore, tmp_path: Path) -> None:
    chainers = [Chainer(store.journal, KEYS, tmp_path) for _ in range(4)]
    for _ in range(5):
        await asyncio.gather(record(store, 5), *(chainer.link() for chainer in chainers))
    await asyncio.gather(*(chainer.link() for chainer in chainers))
    found = await audit(store, tmp_path)
    assert found.faults == ()
    assert (found.rows, found.unlinked) == (25, 0)


UNCHAIN = ("UPDATE journal SET digest = NULL, chain = NULL", "DELETE FROM checkpoints")
ANEW = {
    "edited": ("UPDATE journal SET actor = 'EVIL' WHERE seq = 4", *UNCHAIN),
    "a row taken out": ("DELETE FROM journal WHERE seq = 4", *UNCHAIN),
    "the end edited": (
        "UPDATE journal SET actor = 'EVIL', digest = NULL, chain = NULL WHERE seq >= 4",
        "DELETE FROM checkpoints WHERE seq >= 4",
    ),
    "one row": ("UPDATE journal SET actor = 'EVIL', digest = NULL, chain = NULL WHERE seq = 2",),
    "the last row": ("UPDATE journal SET actor = 'EVIL', digest = NULL, chain = NULL WHERE seq = 7",),
    "cut off": ("DELETE FROM journal WHERE seq >= 4", "DELETE FROM checkpoints WHERE seq >= 4"),
    "all gone": ("DELETE FROM journal", "DELETE FROM checkpoints"),
    "a row before all": ("INSERT INTO journal (seq, kind, subject, actor, at, why, data) VALUES (-5, 'refused', '', '', 1.5, '', '')",),
    "a checkpoint added": ("INSERT INTO checkpoints VALUES (99, zeroblob(32), x'70323a00')",),
}


@pytest.mark.parametrize("runs", [True, False], ids=["a chainer that runs", "one that starts"])
@pytest.mark.parametrize("statements", ANEW.values(), ids=ANEW)
async def test_what_was_forged_is_never_linked_nor_signed(
    store: SqliteStore, tmp_path: Path, statements: tuple[str, ...], runs: bool, caplog: pytest.LogCaptureFixture
) -> None:
    chainer = await chained(store, tmp_path)
    head = (tmp_path / HEAD).read_bytes()
    tamper(tmp_path, *statements)
    signed = await store.journal.checkpoints()
    assert not (await audit(store, tmp_path)).ok
    assert not caplog.records
    await record(store, 1)
    chainer = chainer if runs else Chainer(store.journal, KEYS, tmp_path)
    for _ in range(3):
        assert await chainer.link() == 0
    assert [each.levelname for each in caplog.records] == ["ERROR"]
    assert "THE JOURNAL WAS TAMPERED WITH" in caplog.text
    assert (tmp_path / HEAD).read_bytes() == head
    assert await store.journal.checkpoints() == signed
    assert not (await audit(store, tmp_path)).ok


async def test_a_row_that_cannot_be_read_is_not_linked(store: SqliteStore, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    chainer = await chained(store, tmp_path)
    await record(store, 1)
    tamper(tmp_path, "UPDATE journal SET kind = 'nonsense' WHERE seq = 8")
    assert await chainer.link() == 0
    assert "row 8" in caplog.text


async def test_verify_changes_nothing(store: SqliteStore, tmp_path: Path) -> None:
    await record(store, 3)
    assert (await audit(store, tmp_path)).unlinked == 3
    assert await store.journal.checkpoints() == []
    assert not (tmp_path / HEAD).exists()


async def test_old_rows_without_a_chain_are_a_fault_once_there_is_a_head(store: SqliteStore, tmp_path: Path) -> None:
    await record(store, 2)
    late = AT + LINKED_WITHIN + 1
    assert (await verify(store.journal, KEYS, tmp_path, now=late)).ok
    await Chainer(store.journal, KEYS, tmp_path).link()
    assert (await verify(store.journal, KEYS, tmp_path, now=late)).ok
    await record(store, 2)
    assert (await verify(store.journal, KEYS, tmp_path, now=AT + LINKED_WITHIN - 1)).ok
    [fault] = (await verify(store.journal, KEYS, tmp_path, now=late)).faults
    assert (fault.seq, fault.what[:6]) == (3, "2 rows")


async def test_killed_between_the_two_writes_the_next_turn_writes_the_head(store: SqliteStore, tmp_path: Path) -> None:
    await chained(store, tmp_path)
    before = (tmp_path / HEAD).read_bytes()
    await record(store, 2)
    await Chainer(store.journal, KEYS, tmp_path).link()
    after = (tmp_path / HEAD).read_bytes()
    assert after != before
    (tmp_path / HEAD).write_bytes(before)
    assert (await audit(store, tmp_path)).ok
    assert await Chainer(store.journal, KEYS, tmp_path).link() == 0
    assert (tmp_path / HEAD).read_bytes() == after


async def test_killed_before_the_first_head_follows_its_checkpoint_it_goes_on(store: SqliteStore, tmp_path: Path) -> None:
    await Chainer(store.journal, KEYS, tmp_path).link()
    nothing_yet = (tmp_path / HEAD).read_bytes()
    await chained(store, tmp_path)
    (tmp_path / HEAD).write_bytes(nothing_yet)
    assert (await audit(store, tmp_path)).ok
    await record(store, 1)
    assert await Chainer(store.journal, KEYS, tmp_path).link() == 1
    assert (await audit(store, tmp_path)).ok


async def test_an_older_head_put_back_does_not_let_a_running_chainer_sign_what_was_cut(store: SqliteStore, tmp_path: Path) -> None:
    await record(store, 3)
    chainer = Chainer(store.journal, KEYS, tmp_path)
    await chainer.link()
    old = (tmp_path / HEAD).read_bytes()
    await record(store, 4)
    await chainer.link()
    (tmp_path / HEAD).write_bytes(old)
    tamper(
        tmp_path, "DELETE FROM checkpoints WHERE seq > 3", "UPDATE journal SET digest = NULL, chain = NULL, actor = 'EVIL' WHERE seq > 3"
    )
    await record(store, 1)
    assert await chainer.link() == 0


async def test_a_head_that_is_gone_is_not_made_again(store: SqliteStore, tmp_path: Path) -> None:
    chainer = await chained(store, tmp_path)
    (tmp_path / HEAD).unlink()
    await record(store, 1)
    assert await chainer.link() == 0
    assert await Chainer(store.journal, KEYS, tmp_path).link() == 0
    assert not (await audit(store, tmp_path)).ok


async def test_the_head_beside_the_secrets_remembers_what_was_wiped(store: SqliteStore, tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    await chained(store, tmp_path)
    assert (await audit(store, tmp_path)).ok
    assert (tmp_path / "secrets" / HEAD).stat().st_mode & 0o777 == 0o600
    tamper(tmp_path, "DELETE FROM journal", "DELETE FROM checkpoints")
    (tmp_path / HEAD).unlink()
    assert "missing" in (await audit(store, tmp_path)).faults[0].what
    await record(store, 1)
    assert await Chainer(store.journal, KEYS, tmp_path).link() == 0


async def test_an_empty_journal_is_a_fault(store: SqliteStore, tmp_path: Path) -> None:
    assert [fault.seq for fault in (await audit(store, tmp_path)).faults] == [0]


async def test_a_journal_of_several_pages_is_read_to_its_end(store: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "_PAGE", 3)
    await chained(store, tmp_path)
    await record(store, 5)
    found = await audit(store, tmp_path)
    assert (found.rows, found.unlinked, found.faults) == (12, 5, ())
    tamper(tmp_path, "UPDATE journal SET actor = 'EVIL' WHERE seq = 7")
    assert [fault.seq for fault in (await audit(store, tmp_path)).faults] == [7]


@pytest.mark.parametrize("page", [1000, 50])
async def test_a_chainer_that_runs_meanwhile_raises_no_false_alarm(
    store: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, page: int
) -> None:
    monkeypatch.setattr(journal, "_PAGE", page)
    chainer, over = Chainer(store.journal, KEYS, tmp_path), False

    async def chain_on() -> None:
        while not over:
            await record(store, 3)
            await chainer.link()

    await chainer.link()
    await record(store, 1)
    running = asyncio.create_task(chain_on())
    rows = 0
    while rows < 100:
        found = await audit(store, tmp_path)
        assert found.faults == ()
        rows = found.rows
    over = True
    await running


async def test_a_head_that_cannot_be_written_is_told_and_written_later(
    store: SqliteStore, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    chainer = await chained(store, tmp_path)
    head = (tmp_path / HEAD).read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(ENOSPC, "No space left on device")

    await record(store, 1)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        await chainer.link()
    assert "cannot be written (No space left" in caplog.text
    assert (tmp_path / HEAD).read_bytes() == head
    assert not list(tmp_path.glob(".journal*"))
    await chainer.link()
    assert (tmp_path / HEAD).read_bytes() != head

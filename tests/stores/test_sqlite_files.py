"""What lies around a SQLite store: schema, state file, full disks, foreign files."""

import asyncio
import sqlite3
import stat
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from doorward.core.event import Event, Kind
from doorward.core.limit import Rate
from doorward.core.store import Busy, Tx, Unavailable
from doorward.stores import sqlite_writer
from doorward.stores.sql.credentials import FIND, FIND_BY_START, LIST, LIST_METHOD, LIST_OWNER, row_of
from doorward.stores.sqlite import SqliteStore
from doorward.stores.sqlite_file import connect, placeholders
from doorward.stores.sqlite_lock import WriteLock
from doorward.stores.sqlite_schema import migrations, statements
from doorward.stores.sqlite_state_file import StateFile, machine_boot
from tests.conformance.stores import NOW, PLAIN

EVENT = Event(kind=Kind.SIGNED_IN, subject="ann", at=NOW)


async def open_store(path: Path, queue: int = 4096) -> SqliteStore:
    return await SqliteStore.open(path / "doorward.db", clock=lambda: NOW, queue=queue)


async def record(tx: Tx) -> None:
    await tx.record(EVENT)


async def count(store: SqliteStore) -> int:
    return len(await store.journal.read(most=100_000))


async def test_what_was_written_is_there_after_opening_again_and_only_for_its_user(tmp_path: Path) -> None:
    store = await open_store(tmp_path)
    await store.write(record)
    for file in tmp_path.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file.name
    await store.close()
    store = await open_store(tmp_path)
    assert await count(store) == 1
    await store.close()


async def test_many_open_a_new_database_at_once(tmp_path: Path) -> None:
    stores = await asyncio.gather(*(open_store(tmp_path) for _ in range(6)))
    await asyncio.gather(*(store.write(record) for store in stores))
    assert await count(stores[0]) == 6
    for store in stores:
        await store.close()


async def test_a_database_of_a_newer_doorward_is_refused(tmp_path: Path) -> None:
    await (await open_store(tmp_path)).close()
    db = sqlite3.connect(tmp_path / "doorward.db")
    db.execute("INSERT INTO migrations VALUES (9999, '9999_later.sql', 0)")
    db.commit()
    db.close()
    with pytest.raises(Unavailable, match=r"newer doorward"):
        await open_store(tmp_path)


def test_migrations_are_numbered_without_a_gap_and_each_is_recorded() -> None:
    assert [number for number, _, _ in migrations()] == list(range(1, len(migrations()) + 1))
    assert all(list(statements(text)) for _, _, text in migrations())
    with pytest.raises(ValueError, match="does not end"):
        list(statements("CREATE TABLE a (b"))


async def test_a_find_is_prepared_once_and_goes_by_primary_keys_alone(tmp_path: Path) -> None:
    await (await open_store(tmp_path)).close()
    db = connect(tmp_path / "doorward.db")
    plan = [row[3] for row in db.execute("EXPLAIN QUERY PLAN " + placeholders(FIND), ("api_key", "k1"))]
    assert len(plan) == 4
    assert all("USING PRIMARY KEY" in step for step in plan)
    partial = [text for (text,) in db.execute("SELECT sql FROM sqlite_master WHERE type = 'index' AND sql LIKE '% WHERE %'")]
    assert all(text.endswith("NULL") for text in partial), "an index for one value makes SQLite prepare anew at every use"
    db.close()


@pytest.mark.parametrize(
    ("statement", "index"),
    [
        (FIND_BY_START, "credentials_by_start (imported_start=?)"),
        (LIST, "credentials_by_id (id>?)"),
        (LIST_METHOD, "credentials_by_method (method=? AND id>?)"),
        (LIST_OWNER, "credentials_by_owner (owner=? AND id>?)"),
    ],
)
async def test_no_list_of_credentials_walks_them_all(tmp_path: Path, statement: str, index: str) -> None:
    await (await open_store(tmp_path)).close()
    db = connect(tmp_path / "doorward.db")
    parameters = ["a", 2, "b"] if "$3" in statement else ["a", "b"]
    plan = [row[3] for row in db.execute("EXPLAIN QUERY PLAN " + placeholders(statement), parameters)]
    assert any(step.endswith(f"INDEX {index}") for step in plan), plan
    assert not any("SCAN" in step for step in plan), plan
    db.close()


def test_marks_hold_no_unit_separator_but_the_name_may() -> None:
    row_of(replace(PLAIN, name="a\x1fb"))
    with pytest.raises(ValueError, match="control"):
        row_of(replace(PLAIN, kind="a\x1fb"))


async def test_a_missing_folder_is_told_in_words(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"doorward\.db cannot be opened .*folder must be there"):
        await open_store(tmp_path / "none")


@pytest.mark.parametrize("content", [b"not a database, " * 400, b"SQLite format 3\0" + b"\xff" * 8000], ids=["text", "garbage"])
async def test_a_file_that_is_no_database_is_told_in_words_and_left_alone(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "doorward.db").write_bytes(content)
    with pytest.raises(Unavailable, match=r"doorward\.db is (not a database|damaged).* restore it from a backup"):
        await open_store(tmp_path)
    assert (tmp_path / "doorward.db").read_bytes() == content


async def test_a_database_that_is_damaged_while_open_is_told_in_words(tmp_path: Path) -> None:
    store = await open_store(tmp_path)

    async def fill(tx: Tx) -> None:
        for n in range(2000):
            await tx.add_credential(replace(PLAIN, id=f"k{n}", lookup=f"k{n}"))

    await store.write(fill)
    await store.close()
    path = tmp_path / "doorward.db"
    content = bytearray(path.read_bytes())
    content[4096 * 3 :] = b"\xff" * (len(content) - 4096 * 3)
    path.write_bytes(content)

    async def find_all() -> None:
        store = await open_store(tmp_path)
        try:
            for n in range(2000):
                await store.credentials.find("api_key", f"k{n}")
        finally:
            await store.close()

    with pytest.raises(Unavailable, match="damaged"):
        await find_all()


async def test_a_full_disk_fails_the_group_in_words_and_the_writer_lives_on(tmp_path: Path) -> None:
    store = await open_store(tmp_path)
    await store.write(record)
    db = store._writer._db
    pages = db.execute("PRAGMA page_count").fetchone()[0]
    await asyncio.to_thread(db.execute, f"PRAGMA max_page_count = {pages}")

    async def large(tx: Tx) -> None:
        await tx.put("large", "x" * 100_000)

    with pytest.raises(Unavailable, match="no room left: free space"):
        await store.write(large)
    assert await count(store) == 1
    await asyncio.to_thread(db.execute, "PRAGMA max_page_count = 1000000")
    await store.write(large)
    await store.write(record)
    assert await count(store) == 2
    await store.close()


async def test_another_programs_lock_is_waited_for_then_told_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = await open_store(tmp_path)
    await asyncio.to_thread(store._writer._db.execute, "PRAGMA busy_timeout = 50")
    other = sqlite3.connect(tmp_path / "doorward.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    results = await asyncio.gather(*(store.write(record) for _ in range(5)), return_exceptions=True)
    assert all(isinstance(result, Unavailable) and "locked by another program" in str(result) for result in results)
    assert await store.credentials.find("api_key", "none") is None, "readers are not kept out"
    other.execute("ROLLBACK")
    other.close()
    await store.write(record)
    assert await count(store) == 1
    await store.close()


async def test_a_process_that_hangs_with_the_lock_makes_writers_give_up_in_words(tmp_path: Path) -> None:
    store = await open_store(tmp_path)
    store._writer._patience = 0.05
    hanging = WriteLock(tmp_path / "doorward.db")
    with hanging:
        results = await asyncio.gather(*(store.write(record) for _ in range(5)), return_exceptions=True)
        assert all(isinstance(result, Unavailable) and "look for one that hangs" in str(result) for result in results)
    hanging.close()
    store._writer._patience = 10.0
    await store.write(record)
    assert await count(store) == 1, "those that were given up were not written afterwards"
    await store.close()


async def test_past_the_bounded_queue_a_writer_hears_busy_at_once(tmp_path: Path) -> None:
    store = await open_store(tmp_path, queue=3)
    lock = WriteLock(tmp_path / "doorward.db")
    with lock:
        waiting = [asyncio.ensure_future(store.write(record)) for _ in range(8)]
        await asyncio.sleep(0.05)
        refused = [task for task in waiting if task.done()]
        assert all(isinstance(task.exception(), Busy) for task in refused)
        assert len(refused) in (4, 5), "three wait, and at most one is with the writer"
    lock.close()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert await count(store) == 8 - len(refused)
    await store.close()


async def test_closing_writes_what_was_queued_and_refuses_what_comes_later(tmp_path: Path) -> None:
    store = await open_store(tmp_path)
    waiting = [asyncio.ensure_future(store.write(record)) for _ in range(600)]
    await asyncio.sleep(0)
    await store.close()
    await asyncio.gather(*waiting)
    with pytest.raises(Unavailable, match="closed"):
        await store.write(record)
    with pytest.raises(Unavailable):
        await store.credentials.find("api_key", "k1")
    with pytest.raises(Unavailable):
        await store.journal.read()
    store = await open_store(tmp_path)
    assert await count(store) == 600
    await store.close()


async def test_closing_does_not_wait_for_ever_for_a_process_that_hangs(tmp_path: Path) -> None:
    store = await open_store(tmp_path)
    store._writer._patience = 0.05
    hanging = WriteLock(tmp_path / "doorward.db")
    with hanging:
        waiting = asyncio.ensure_future(store.write(record))
        await asyncio.sleep(0.01)
        await store.close()
    hanging.close()
    with pytest.raises(Unavailable, match="hangs"):
        await waiting
    await asyncio.to_thread(store._writer._thread.join)


async def test_a_read_holds_nothing_once_it_is_answered(tmp_path: Path) -> None:
    """Else the log could never be rewound and would grow for ever."""
    store = await open_store(tmp_path)

    async def add(tx: Tx) -> None:
        await tx.add_credential(PLAIN)

    await store.write(add)
    assert await store.credentials.find("api_key", "k1") == PLAIN
    assert await store.credentials.list() == [PLAIN]
    assert await store.once.spend(b"a", NOW + 1, NOW)
    for name in ("doorward.db", "doorward-state.db"):
        db = connect(tmp_path / name)
        assert db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone() == (0, 0, 0), name
        db.close()
    await store.close()


async def test_a_group_is_one_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = await open_store(tmp_path)
    lock = WriteLock(tmp_path / "doorward.db")
    commits: list[str] = []
    with lock:
        waiting = [asyncio.ensure_future(store.write(record)) for _ in range(100)]
        await asyncio.sleep(0.02)
        store._writer._db.set_trace_callback(lambda text: commits.append(text) if text.startswith("COMMIT") else None)
    lock.close()
    await asyncio.gather(*waiting)
    assert 1 <= len(commits) <= 2
    assert sqlite_writer.GROUP >= 100
    await store.close()


async def test_writes_from_several_event_loops_are_answered_on_their_own(tmp_path: Path) -> None:
    store = await open_store(tmp_path)
    threads = [threading.Thread(target=lambda: asyncio.run(store.write(record))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        await asyncio.to_thread(thread.join)
    assert await count(store) == 4
    await store.close()


async def spend(file: StateFile, key: bytes) -> bool:
    return bool(await file.rows("INSERT INTO once (key, until) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING RETURNING 1", key, NOW))


async def test_a_state_file_of_this_boot_is_trusted_on(tmp_path: Path) -> None:
    first = StateFile(tmp_path / "s.db", lambda: 5.0, lambda: "boot-1")
    assert await spend(first, b"a")
    second = StateFile(tmp_path / "s.db", lambda: 9.0, lambda: "boot-1")
    assert (first.trusted_since(), second.trusted_since()) == (5.0, 5.0)
    assert not await spend(second, b"a")
    first.close()
    second.close()


async def test_a_state_file_of_another_boot_is_made_anew_and_all_agree_since_when(tmp_path: Path) -> None:
    first = StateFile(tmp_path / "s.db", lambda: 5.0, lambda: "boot-1")
    assert await spend(first, b"a")
    first.close()
    second = StateFile(tmp_path / "s.db", lambda: 9.0, lambda: "boot-2")
    third = StateFile(tmp_path / "s.db", lambda: 11.0, lambda: "boot-2")
    assert (second.trusted_since(), third.trusted_since()) == (9.0, 9.0)
    assert await spend(third, b"a")
    second.close()
    third.close()


@pytest.mark.parametrize("harm", ["gone", "garbage"])
async def test_a_state_file_that_is_lost_or_broken_is_made_anew_for_all_who_had_it_open(tmp_path: Path, harm: str) -> None:
    path = tmp_path / "s.db"
    first = StateFile(path, lambda: 5.0, lambda: "boot-1")
    assert await spend(first, b"a")
    if harm == "gone":
        path.unlink()
    else:
        first._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        path.write_bytes(b"\xff" * 20_000)
    second = StateFile(path, lambda: 9.0, lambda: "boot-1")
    assert (first.trusted_since(), second.trusted_since()) == (9.0, 9.0)
    assert await spend(second, b"b")
    assert not await spend(first, b"b")
    first.close()
    second.close()


async def test_rates_and_marks_wait_for_another_process_but_not_for_ever(tmp_path: Path) -> None:
    store = await open_store(tmp_path)
    other = sqlite3.connect(tmp_path / "doorward-state.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    waiting = asyncio.ensure_future(store.once.spend(b"a", NOW + 9, NOW))
    await asyncio.sleep(0.05)
    other.execute("COMMIT")
    assert await waiting
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable, match="locked by another program"):
        await store.meter.take("a", Rate(1, 1), NOW)
    other.close()
    await store.close()


async def test_a_write_that_is_no_coroutine_fails_alone(tmp_path: Path) -> None:
    store = await open_store(tmp_path)
    results = await asyncio.gather(store.write(record), store.write(lambda _: 1), return_exceptions=True)  # type: ignore[arg-type,return-value]
    assert [type(result) for result in results] == [type(None), AttributeError]
    assert await count(store) == 1
    await store.close()


def test_the_boot_has_a_name_that_does_not_change() -> None:
    assert machine_boot() == machine_boot() != ""

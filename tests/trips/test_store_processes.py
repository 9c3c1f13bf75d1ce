"""One SQLite store under several real processes, killed, starved, filled up."""

import asyncio
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from doorward.core.store import Tx, Unavailable
from doorward.stores.sqlite import SqliteStore

ROOT = Path(__file__).parents[2]
Process = subprocess.Popen[str]


@contextmanager
def workers(
    *commands: list[object], before: Callable[[], None] | None = None, module: str = "tests.trips.store_worker"
) -> Iterator[list[Process]]:
    """All at the starting line, then started together."""
    started = [
        subprocess.Popen(
            [sys.executable, "-m", module, *map(str, command)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=before,
        )
        for command in commands
    ]
    try:
        for process in started:
            assert pipe(process.stdout).readline() == "ready\n"
        for process in started:
            pipe(process.stdin).write("go\n")
            pipe(process.stdin).flush()
        yield started
    finally:
        for process in started:
            process.kill()
            process.wait()
            for each in (process.stdin, process.stdout):
                pipe(each).close()


def pipe(stream: IO[str] | None) -> IO[str]:
    assert stream is not None
    return stream


def lines(process: Process) -> list[list[str]]:
    """All that it said, whole lines only."""
    return [line.split() for line in pipe(process.stdout).read().splitlines(keepends=True) if line.endswith("\n")]


async def there(path: Path) -> tuple[set[str], set[str]]:
    """The rows that a fresh process sees in the journal, and as facts. Both are of one write each."""
    store = await SqliteStore.open(path, clock=time.time)
    journaled = {entry.event.subject for entry in await store.journal.read(most=1_000_000)}
    await store.close()
    db = sqlite3.connect(path)
    assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    facts = {name for (name,) in db.execute("SELECT name FROM facts")}
    db.close()
    return journaled, facts


async def test_kill_9_loses_nothing_acknowledged_and_leaves_nothing_half_done(tmp_path: Path) -> None:
    path = tmp_path / "doorward.db"
    acknowledged: set[str] = set()
    for life in range(3):
        with workers(*(["write_rows", path, f"{life}-{n}", 20, 1_000_000] for n in range(3))) as writing:
            for n, process in enumerate(writing):
                time.sleep(0.25 + 0.1 * n)
                process.send_signal(signal.SIGKILL)
            said = [lines(process) for process in writing]
        assert all(process.returncode == -signal.SIGKILL for process in writing)
        acknowledged |= {words[1] for each in said for words in each if words[0] == "wrote"}
    journaled, facts = await there(path)
    assert len(acknowledged) > 200
    assert acknowledged <= journaled
    assert journaled == facts


def test_a_mark_that_many_processes_want_has_one_winner(tmp_path: Path) -> None:
    with workers(*(["spend_marks", tmp_path / "doorward.db", 2000] for _ in range(4))) as racing:
        won = [int(words[1]) for process in racing for words in lines(process)]
    assert sorted(won) == list(range(2000))


def test_kill_9_keeps_marks_and_the_trusted_moment(tmp_path: Path) -> None:
    path = tmp_path / "doorward.db"

    async def look(key: bytes) -> tuple[float, bool]:
        store = await SqliteStore.open(path, clock=lambda: 5.0)
        seen = await store.once.trusted_since(), await store.once.spend(key, 1000.0, 1.0)
        await store.close()
        return seen

    assert asyncio.run(look(b"of the installation")) == (0.0, True), "nothing can have been signed before it"
    (tmp_path / "doorward-state.db").unlink()
    assert asyncio.run(look(b"first")) == (5.0, True), "what was spent is not known any more"
    with workers(["spend_marks", path, 1_000_000]) as spending:
        time.sleep(0.3)
        spending[0].send_signal(signal.SIGKILL)
        won = [int(words[1]) for words in lines(spending[0])]
    assert len(won) > 100
    assert asyncio.run(look(won[-1].to_bytes(4, "big"))) == (5.0, False)


def test_a_rate_is_exact_over_processes(tmp_path: Path) -> None:
    with workers(*(["take", tmp_path / "doorward.db", 3000] for _ in range(4))) as taking:
        allowed = [int(lines(process)[0][1]) for process in taking]
    assert sum(allowed) == 5000


@pytest.mark.parametrize("tasks", [1, 20])
def test_four_writers_let_each_other_write(tmp_path: Path, capsys: pytest.CaptureFixture[str], tasks: int) -> None:
    with workers(*(["time_writes", tmp_path / "doorward.db", tasks, 2.0] for _ in range(4))) as writing:
        took = [list(map(float, lines(process)[0])) for process in writing]
    every = sorted(second for each in took for second in each)
    p50, p99 = (every[int(len(every) * part)] * 1000 for part in (0.5, 0.99))
    with capsys.disabled():
        rate = f"{len(every) / 2:.0f}/s, each {min(map(len, took))}-{max(map(len, took))}"
        print(f"\n4 x {tasks} writers at FULL: {rate}, p50 {p50:.1f} ms, p99 {p99:.1f} ms, worst {every[-1] * 1000:.1f} ms")
    assert every[-1] < 0.5
    assert min(map(len, took)) * 2 > max(map(len, took)), "nobody is let in twice as often as another"


def test_a_change_is_known_in_another_process_within_a_second(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, count = tmp_path / "doorward.db", 150
    busy = ["write_rows", path, "busy", 4, 1_000_000]
    with workers(["watch", path, count], ["watch", path, count], ["announce", path, count], busy) as (one, other, announcing, _):
        announced = {words[1]: float(words[2]) for words in lines(announcing)}
        heard = [{words[1]: float(words[2]) for words in lines(process)} for process in (one, other)]
    assert [len(each) for each in (announced, *heard)] == [count] * 3
    took = sorted(each[id] - at for each in heard for id, at in announced.items())
    p99 = took[int(len(took) * 0.99)]
    with capsys.disabled():
        print(f"\na change is known elsewhere: p50 {took[count] * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms, worst {took[-1] * 1000:.0f} ms")
    assert p99 < 1.0


async def test_a_disk_that_fills_up_loses_nothing_acknowledged(tmp_path: Path) -> None:
    """The limit on a file's size stands for the disk's end: the write-ahead log meets it in the middle of a commit."""
    path = tmp_path / "doorward.db"
    await (await SqliteStore.open(path, clock=time.time)).close()

    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, 600_000))

    with workers(["write_rows", path, "full", 10, 3000], before=small_files) as writing:
        said = lines(writing[0])
    wrote, failed = ({words[1] for words in said if words[0] == how} for how in ("wrote", "failed"))
    assert len(wrote) + len(failed) == 3000, "the process lived on and answered every write"
    assert wrote
    assert failed
    assert all("disk" in words[2] for words in said if words[0] == "failed")
    journaled, facts = await there(path)
    assert wrote <= journaled == facts
    assert not failed & journaled


async def test_a_log_that_cannot_be_written_is_told_in_words(tmp_path: Path) -> None:
    """A folder lies where SQLite's log would be."""
    path = tmp_path / "doorward.db"
    await (await SqliteStore.open(path, clock=time.time)).close()
    for suffix in ("-wal", "-shm"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)
    Path(f"{path}-wal").mkdir()
    with pytest.raises(Unavailable, match=r"doorward\.db cannot be (opened|written)"):
        await SqliteStore.open(path, clock=time.time)


def test_a_folder_that_may_only_be_read_is_told_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As another user than root, whom modes do not bind."""
    asyncio.run(there(tmp_path / "doorward.db"))
    (tmp_path / "doorward.db").chmod(0o444)
    tmp_path.chmod(0o555)
    monkeypatch.chdir(tmp_path)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        for name in ("doorward.db", "new.db"):
            with pytest.raises(Unavailable, match=rf"{name} cannot be (written|opened)"):
                asyncio.run(SqliteStore.open(Path(name), clock=time.time))
    finally:
        os.seteuid(user)
        tmp_path.chmod(0o755)


async def test_a_lock_that_another_program_keeps_is_told_and_nothing_is_lost(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "doorward.db", clock=time.time)
    await asyncio.to_thread(store._writer._db.execute, "PRAGMA busy_timeout = 100")
    script = (
        "import sqlite3,sys; db=sqlite3.connect(sys.argv[1], isolation_level=None); db.execute('BEGIN EXCLUSIVE'); print('ready'); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "doorward.db")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as locking:
        pipe(locking.stdout).readline()

        async def put(tx: Tx) -> None:
            await tx.put("a", "1")

        with pytest.raises(Unavailable, match="locked by another program"):
            await store.write(put)
        assert await store.credentials.find("api_key", "none") is None
        locking.kill()
    await store.write(put)
    await store.close()

"""A worker that lives on while short processes come and go: what it acknowledges is seen by all, and stays."""

import asyncio
import subprocess
import sys
import time
from pathlib import Path

from doorward.core.event import Change, Topic
from doorward.core.store import Tx
from doorward.stores.sqlite import SqliteStore

READ = """
import asyncio, sys, time
from pathlib import Path
from doorward.stores.sqlite import SqliteStore

async def main() -> None:
    store = await SqliteStore.open(Path(sys.argv[1]), clock=time.time)
    print(await store.changes.latest())
    await store.close()

asyncio.run(main())
"""


def seen_by_another(path: Path) -> int:
    done = subprocess.run([sys.executable, "-c", READ, str(path)], capture_output=True, check=True, timeout=30)
    return int(done.stdout)


async def test_a_worker_keeps_its_log_when_a_short_process_ends(tmp_path: Path) -> None:
    """SQLite's locks are the process's: losing them let the last short process delete the log of the one that lives."""
    path = tmp_path / "doorward.db"
    store = await SqliteStore.open(path, clock=time.time)

    async def announce(tx: Tx) -> int:
        return await tx.announce(Change(topic=Topic.TOKEN, id="t", at=1.0, until=time.time() + 100))

    for _ in range(4):
        seq = await store.write(announce)
        assert await asyncio.to_thread(seen_by_another, path) == seq
    assert path.with_name("doorward.db-wal").exists()
    await store.close()
    assert await asyncio.to_thread(seen_by_another, path) == seq

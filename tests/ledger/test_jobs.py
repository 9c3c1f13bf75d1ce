"""ledger/jobs.py: one worker at a time, and a job that fails is tried again."""

import asyncio
import contextlib
import time
from pathlib import Path

import pytest

from doorward.core.store import Unavailable
from doorward.ledger.jobs import Job, Jobs
from doorward.stores.memory import MemoryStore
from doorward.stores.sqlite import SqliteStore


class Clock:
    now = 1_790_000_000.0

    def __call__(self) -> float:
        return self.now


async def nothing() -> None: ...


async def test_one_of_many_workers_runs_a_common_job(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "d.db", clock=time.time)
    clock, job = Clock(), Job("sweep", 10, nothing)
    workers = [Jobs(store, [job], f"w{number}", clock) for number in range(4)]
    ran = await asyncio.gather(*(worker.run_once(job) for worker in workers))
    assert sum(ran) == 1
    again = await asyncio.gather(*(worker.run_once(job) for worker in workers))
    assert again == ran, "whoever holds the lease goes on"
    clock.now += 61
    winner = workers[(list(ran).index(True) + 1) % 4]
    assert await winner.run_once(job), "the lease of a worker that is gone ends"
    await store.close()


async def test_a_rare_job_runs_soon_after_the_start_and_is_not_held_by_a_worker_that_is_gone() -> None:
    ran = asyncio.Event()

    async def work() -> None:
        ran.set()

    clock, job = Clock(), Job("remind", 3600, work, first=0.01)
    store = MemoryStore(clock)
    task = asyncio.create_task(Jobs(store, [job], "w1", clock).run())
    async with asyncio.timeout(5):
        await ran.wait()
    task.cancel()
    assert not await Jobs(store, [job], "w2", clock).run_once(job)
    clock.now += 301
    assert await Jobs(store, [job], "w2", clock).run_once(job)


async def test_each_worker_runs_its_own_jobs() -> None:
    store, job = MemoryStore(Clock()), Job("flush", 1, nothing, alone=False)
    assert [await Jobs(store, [job], f"w{number}", Clock()).run_once(job) for number in range(2)] == [True, True]


@pytest.mark.parametrize("error", [RuntimeError("a mistake"), Unavailable("away")])
async def test_a_job_that_fails_does_not_end_the_others(error: Exception) -> None:
    ran: list[str] = []

    async def fail() -> None:
        ran.append("fail")
        raise error

    async def work() -> None:
        ran.append("work")

    jobs = Jobs(MemoryStore(Clock()), [Job("fail", 0.01, fail, alone=False), Job("work", 0.01, work, alone=False)], "w", Clock())
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0.2):
            await jobs.run()
    assert ran.count("fail") > 2
    assert ran.count("work") > 2

"""Background work, in one worker at a time by a lease (DECISIONS 31), and each worker's own flushing."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from doorward.core.clock import Clock
from doorward.core.store import Store, Tx, Unavailable

log = logging.getLogger("doorward.jobs")
LEASE: Final = 30.0
LONGEST_LEASE: Final = 300.0
"""A worker that is gone does not keep a rare job from the others for longer."""


@dataclass(frozen=True, slots=True)
class Job:
    """`work` runs each `every` seconds, the first time after `first` (None: as the others); `alone`: in one worker at a time."""

    name: str
    every: float
    work: Callable[[], Awaitable[object]]
    alone: bool = True
    first: float | None = None


class Jobs:
    """Runs the jobs until cancelled. A job that fails is logged and tried again at its next time."""

    def __init__(self, store: Store, jobs: Sequence[Job], holder: str, clock: Clock) -> None:
        self._store, self._jobs, self._holder, self._clock = store, tuple(jobs), holder, clock

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for job in self._jobs:
                group.create_task(self._repeat(job), name=f"doorward job {job.name}")

    async def _repeat(self, job: Job) -> None:
        await asyncio.sleep(job.every if job.first is None else job.first)
        while True:
            await self.run_once(job)
            await asyncio.sleep(job.every)

    async def run_once(self, job: Job) -> bool:
        """True if it ran here and came to its end."""
        try:
            if job.alone and not await self._lease(job):
                return False
            await job.work()
        except Unavailable as reason:
            log.warning("the job %s waits: %s", job.name, reason)
            return False
        except Exception:
            log.exception("the job %s failed; it is tried again in %s s", job.name, job.every)
            return False
        return True

    async def _lease(self, job: Job) -> bool:
        now = self._clock()
        until = now + min(max(LEASE, 2 * job.every), LONGEST_LEASE)

        async def write(tx: Tx) -> bool:
            return await tx.lease(job.name, self._holder, now, until)

        return await self._store.write(write)

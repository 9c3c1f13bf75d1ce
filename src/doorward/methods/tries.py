"""Tries at secrets that a person chose (DECISIONS 5): taken before the work, so that many at once count too, and given
back unless the guess was wrong.

A try that finds none left waits while others of the same key are under way in this worker: a burst of right passwords
from one office is slowed, not refused. How many may wait is bounded.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Sequence
from typing import Final

from doorward.core.clock import Clock
from doorward.core.errors import Refused, Why
from doorward.core.limit import Rate
from doorward.core.store import Meter, Unavailable

MOST_WAITING: Final = 64
LONGEST_WAIT: Final = 10.0


class Tries:
    """`rate` None: no limit."""

    def __init__(self, meter: Meter, rate: Rate | None, clock: Clock) -> None:
        self._meter, self._rate, self._clock = meter, rate, clock
        self._under_way: dict[str, int] = {}
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        self._waiters = 0

    async def take(self, keys: Sequence[str]) -> None:
        """One of each key, or none. Raises Refused: TOO_MANY_FAILURES, BUSY."""
        if self._rate is None:
            return
        for number, key in enumerate(keys):
            try:
                await self._take_one(key, self._rate)
            except BaseException:
                await self.settle(keys[:number], wrong=False)
                raise

    async def settle(self, keys: Sequence[str], *, wrong: bool) -> None:
        """After the work: `wrong` keeps what was taken."""
        if self._rate is None:
            return
        try:
            if not wrong:
                with contextlib.suppress(Unavailable):  # a try that cannot be given back comes back with time
                    for key in keys:
                        await self._meter.give_back(key, self._rate, self._clock())
        finally:
            for key in keys:
                self._leave(key)

    def _leave(self, key: str) -> None:
        left = self._under_way.get(key, 1) - 1
        if left > 0:
            self._under_way[key] = left
        else:
            self._under_way.pop(key, None)
        self._wake(key)

    async def _take_one(self, key: str, rate: Rate) -> None:
        while not (said := await self._meter.take(key, rate, self._clock())).allowed:
            if key not in self._under_way:
                raise Refused(Why.TOO_MANY_FAILURES, "Too many failed tries; wait.", retry_after=said.retry_after)
            await self._wait(key)
        self._under_way[key] = self._under_way.get(key, 0) + 1

    async def _wait(self, key: str) -> None:
        if self._waiters >= MOST_WAITING:
            raise Refused(Why.BUSY, retry_after=1.0)
        turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(key, deque()).append(turn)
        self._waiters += 1
        try:
            async with asyncio.timeout(LONGEST_WAIT):
                await turn
        except TimeoutError:
            raise Refused(Why.BUSY, retry_after=1.0) from None
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._wake(key)  # our turn goes to the next one
            raise
        finally:
            self._waiters -= 1

    def _wake(self, key: str) -> None:
        """One who waits; all of them once nothing of this key is under way, since nobody would wake the rest."""
        waiting = self._waiting.get(key)
        while waiting:
            turn = waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                if key in self._under_way:
                    break
        if not waiting:
            self._waiting.pop(key, None)

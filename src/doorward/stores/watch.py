"""Reads the announced changes and tells those who keep something in memory: within a second, in every process.

`seq` is ordered as the commits are, so reading on from the last one seen can miss nothing; a reader that failed for a
while reads on where it stopped.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import Final

from doorward.core.event import Change
from doorward.core.store import Changes, Unavailable

_log: Final = logging.getLogger("doorward.watch")
_STALE_AFTER: Final = 1.0
_AT_ONCE: Final = 1000


class Watch:
    """`catch_up` before the worker is ready (DECISIONS 31), then `run` as a task for as long as it lives."""

    def __init__(
        self,
        changes: Changes,
        clock: Callable[[], float] = time.monotonic,
        on_change: Sequence[Callable[[Change], None]] = (),
        every: float = 0.1,
    ) -> None:
        """`clock` only measures spans. A callback that raises is a mistake: it ends `run`, and `healthy` turns false."""
        self._changes, self._clock, self._on_change, self._every = changes, clock, list(on_change), every
        self._seen = 0
        self._read_at: float | None = None

    def tell(self, listener: Callable[[Change], None]) -> None:
        """One more who is told of every change from now on."""
        self._on_change.append(listener)

    @property
    def healthy(self) -> bool:
        """Whether all changes of a second ago are known here. Not so: refuse whatever relies on them."""
        return self._read_at is not None and self._clock() - self._read_at <= _STALE_AFTER

    @property
    def seen(self) -> int:
        """The `seq` of the last change that was told."""
        return self._seen

    async def catch_up(self) -> None:
        """Tells all that is announced by now. Raises Unavailable."""
        while True:
            started = self._clock()
            news = await self._changes.since(self._seen, _AT_ONCE)
            for change in news:
                for tell in self._on_change:
                    tell(change)
                self._seen = change.seq
            if len(news) < _AT_ONCE:
                self._read_at = started
                return
            await asyncio.sleep(0)

    async def run(self) -> None:
        """Until it is cancelled."""
        failing = False
        while True:
            try:
                await self.catch_up()
            except Unavailable as reason:
                if not failing:
                    _log.warning("the announced changes cannot be read: %s", reason)
                failing = True
            else:
                failing = False
            await asyncio.sleep(self._every)

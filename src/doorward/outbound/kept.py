"""Documents of others that are asked for again and again, such as key sets: fetched when needed, kept for a while.

One fetch of a URL at a time, however many wait for it; a caller waits 2 s at most (DECISIONS 32). Fresh for up to 5 minutes; what is
missing in it is looked for anew at most once in 30 s; where it cannot be fetched again, what we have serves for `stale` more.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar

from doorward.core.clock import Clock
from doorward.core.errors import Refused
from doorward.core.store import Unavailable
from doorward.outbound.fetch import Fetched, FetchError

T = TypeVar("T")

FRESH: Final = 300.0
SOONEST: Final = 30.0
STALE: Final = 86_400.0
WAIT: Final = 2.0
_FIRST_PAUSE: Final = 1.0
_MOST: Final = 1024
_MOST_WAITING: Final = 256

Get = Callable[[str], Awaitable[Fetched]]


class _Document(Generic[T]):
    def __init__(self) -> None:
        self.value: T | None = None
        self.fetched_at = self.tried_at = self.fresh_until = float("-inf")
        self.fetching: asyncio.Task[None] | None = None


class Kept(Generic[T]):
    """`read` makes what is wanted of a body; it raises ValueError or Refused. One for each event loop."""

    def __init__(self, get: Get, read: Callable[[bytes], T], clock: Clock, *, stale: float = STALE) -> None:
        self._get, self._read, self._clock, self._stale = get, read, clock, stale
        self._known: dict[str, _Document[T]] = {}
        self._waiting = 0

    async def of(self, url: str, missing: Callable[[T], bool]) -> T:
        """`missing`: whether what the caller looks for is not in there. Raises Unavailable: there is none that may be used."""
        document = self._document(url)
        if self._is_wanted(document, missing):
            if document.fetching is None:
                document.tried_at = self._clock()
                document.fetching = asyncio.get_running_loop().create_task(self._fetch(url, document))
            await self._wait(document.fetching)
        if document.value is None or self._clock() - document.fetched_at > FRESH + self._stale:
            raise Unavailable("what a key set's address answers cannot be had now")
        return document.value

    async def _wait(self, fetching: "asyncio.Task[None]") -> None:
        """The fetch goes on, whoever gives up."""
        if self._waiting >= _MOST_WAITING:
            raise Unavailable("too many wait for the key sets of others")
        self._waiting += 1
        try:
            await asyncio.wait((fetching,), timeout=WAIT)
        finally:
            self._waiting -= 1

    def _is_wanted(self, document: _Document[T], missing: Callable[[T], bool]) -> bool:
        now, value = self._clock(), document.value
        if value is not None and now < document.fresh_until and not missing(value):
            return False
        return document.fetching is not None or now - document.tried_at >= (_FIRST_PAUSE if value is None else SOONEST)

    async def _fetch(self, url: str, document: _Document[T]) -> None:
        try:
            fetched = await self._get(url)
            document.value = self._read(fetched.body)
        except (FetchError, ValueError, Refused):
            return  # what we have serves on until it is stale
        finally:
            document.fetching = None
        now = self._clock()
        document.fetched_at = now
        document.fresh_until = now + min(max(SOONEST, FRESH if fetched.max_age is None else fetched.max_age), FRESH)

    def _document(self, url: str) -> _Document[T]:
        """The one asked for last stands last; of too many the first goes, unless it is being fetched."""
        document = self._known.pop(url, None) or _Document()
        if len(self._known) >= _MOST:
            idle = next((each for each, kept in self._known.items() if kept.fetching is None), None)
            if idle is not None:
                del self._known[idle]
        self._known[url] = document
        return document

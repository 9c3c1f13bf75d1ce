"""A credential that ends and is fetched anew: before its end, once for all who wait, and once more where it is refused.

All decisions stand in `_steps`, which does no I/O: it yields what is to be sent, and whose turn it is. The two flows that
httpx asks for only carry that out.
"""

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, Generator
from dataclasses import dataclass
from enum import Enum
from typing import Final, Protocol
from weakref import WeakKeyDictionary

import httpx

from doorward.client.dpop import DpopProofs
from doorward.client.safe import can_be_sent_again, check_way
from doorward.client.sent_once import SentOnce, redirected
from doorward.client.tokens import TokenError
from doorward.core.clock import Clock

EARLY: Final = 30.0
"""Seconds before its end in which a credential is not used any more; at most a tenth of its life."""
PAUSE: Final = 1.0
"""For so long a failure is told to all who come, without asking again."""


class Held(Protocol):
    """A credential that was fetched. `until` by the clock of `Renewing`; None: nobody knows."""

    @property
    def until(self) -> float | None: ...
    def show(self, request: httpx.Request) -> None: ...


Obtaining = Generator[httpx.Request, httpx.Response, Held]


class Source(Protocol):
    """Where it comes from: a generator that yields requests, is sent their answers (read), and returns what was held out.

    `before`: what was held until now, so that it can be refreshed. Raises TokenError.
    """

    def obtain(self, before: Held | None, now: float) -> Obtaining: ...


class Turn(Enum):
    TAKE = "take"
    GIVE = "give"


@dataclass(frozen=True, slots=True)
class Ask:
    """A request whose answer is read before it goes on."""

    request: httpx.Request


Step = Turn | Ask | httpx.Request


class Renewing(httpx.Auth):
    """`dpop`: proofs for credentials of the type DPoP. One object may serve many clients, threads and event loops. All tasks of a loop
    wait for one fetch, and so do all threads without a loop; loops that run at the same time in threads of their own do not wait for
    each other, so each may fetch once, and what was fetched last is kept."""

    def __init__(
        self, source: Source, *, dpop: DpopProofs | None = None, insecure_http: bool = False, clock: Clock = time.monotonic
    ) -> None:
        self._source, self._dpop, self._insecure, self._clock = source, dpop, insecure_http, clock
        self._held: Held | None = None
        self._fetched_at = 0.0
        self._failed: tuple[float, TokenError] | None = None
        self._lock = threading.Lock()
        self._loop_locks: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()

    def forget(self) -> None:
        """The next request fetches anew."""
        self._held = self._failed = None

    def _fresh(self) -> Held | None:
        held, now = self._held, self._clock()
        if held is None or held.until is None:
            return held
        early = min(EARLY, (held.until - self._fetched_at) / 10)
        return held if now < held.until - early else None

    def _steps(self, request: httpx.Request) -> Generator[Step, httpx.Response | None, None]:
        check_way(request.url, insecure_http=self._insecure)
        held, new, again = self._fresh(), False, can_be_sent_again(request)
        if held is None:
            held = yield from self._renew(None)
            new = True
        response = yield from self._send(request, held, again)
        if response.status_code == httpx.codes.UNAUTHORIZED and not new and again:
            held = yield from self._renew(held)
            yield from self._send(request, held, again)

    def _renew(self, refused: Held | None) -> Generator[Step, httpx.Response | None, Held]:
        """`refused`: not this one. Whoever waited for the turn takes what was fetched meanwhile."""
        yield Turn.TAKE
        held = self._fresh()
        if held is None or held is refused:
            held = yield from self._fetch()
        yield Turn.GIVE
        return held

    def _fetch(self) -> Generator[Step, httpx.Response | None, Held]:
        if self._failed is not None and self._clock() < self._failed[0]:
            raise self._failed[1]
        steps, answer = self._source.obtain(self._held, self._clock()), None
        try:
            while True:
                asked = next(steps) if answer is None else steps.send(answer)
                check_way(asked.url, insecure_http=self._insecure)
                asked.stream = SentOnce(asked.content)
                answer = yield Ask(asked)
                if answer is not None and answer.request is not asked:
                    raise redirected()
        except StopIteration as done:
            held: Held = done.value
        except TokenError as reason:
            self._held, self._failed = None, (self._clock() + PAUSE, reason)
            raise
        self._held, self._fetched_at, self._failed = held, self._clock(), None
        return held

    def _send(self, request: httpx.Request, held: Held, again: bool) -> Generator[Step, httpx.Response | None, httpx.Response]:
        held.show(request)
        if self._dpop is None:
            return (yield from _answered(request))
        nonce = self._dpop.show(request)
        response = yield from _answered(request)
        if self._dpop.learns(response, nonce) and again:
            nonce = self._dpop.show(request)
            response = yield from _answered(request)
            self._dpop.learns(response, nonce)
        return response

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        steps, answer, holds = self._steps(request), None, False
        try:
            while True:
                step = next(steps) if answer is None else steps.send(answer)
                answer = None
                if step is Turn.TAKE:
                    holds = self._lock.acquire()
                elif step is Turn.GIVE:
                    self._lock.release()
                    holds = False
                elif isinstance(step, Ask):
                    answer = yield step.request
                    answer.read()
                elif isinstance(step, httpx.Request):
                    answer = yield step
        except StopIteration:
            return
        finally:
            if holds:
                self._lock.release()

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        steps, answer, holds = self._steps(request), None, False
        lock = self._loop_locks.setdefault(asyncio.get_running_loop(), asyncio.Lock())
        try:
            while True:
                try:
                    step = next(steps) if answer is None else steps.send(answer)
                except StopIteration:
                    return
                answer = None
                if step is Turn.TAKE:
                    holds = await lock.acquire()
                elif step is Turn.GIVE:
                    lock.release()
                    holds = False
                elif isinstance(step, Ask):
                    answer = yield step.request
                    await answer.aread()
                elif isinstance(step, httpx.Request):
                    answer = yield step
        finally:
            if holds:
                lock.release()


def _answered(request: httpx.Request) -> Generator[Step, httpx.Response | None, httpx.Response]:
    response = yield request
    assert response is not None, "a request is answered"  # noqa: S101
    return response

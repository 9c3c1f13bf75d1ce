"""A bounded pool for password hashing, so that a flood of sign-ins cannot slow anything else (PRODUCT 1.2)."""

import asyncio
import contextlib
import ctypes
import math
import os
import sys
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Final, ParamSpec, TypeVar

from doorward.core.errors import Refused, Why

P = ParamSpec("P")
T = TypeVar("T")
_NICER_BY: Final = 10
_M_MMAP_THRESHOLD: Final = -3
_LARGE: Final = 1024 * 1024


def give_memory_back() -> None:
    """glibc learns from freed blocks to keep them: each hashing thread would hold its 19 MiB for good. A fixed threshold
    (mallopt(3)) gives blocks of 1 MiB and more back at once. Nothing happens where there is no glibc."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _LARGE)


def default_threads() -> int:
    return min(os.cpu_count() or 1, 4)


class HashingPool:
    """At most `threads` jobs run and at most `queue` wait; the next one is refused, after `pause` seconds: who asks again
    the moment he is refused would else keep the event loop busy with nothing but refusals."""

    def __init__(self, threads: int | None = None, queue: int = 32, pause: float = 0.25) -> None:
        self._threads = default_threads() if threads is None else threads
        if self._threads < 1 or queue < 0:
            raise ValueError("a hashing pool needs at least one thread, and a queue of nought or more")
        self._room = self._threads + queue
        self._held, self._pause = 0, pause
        self._lock = threading.Lock()
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._cost = 0.05
        self._closed = False
        self._started = False

    async def run(self, fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What `fn` returns or raises. Raises Refused(BUSY) past the queue. A cancelled job that still waits is skipped."""
        try:
            self._enter()
        except Refused:
            await asyncio.sleep(self._pause)
            raise
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()

        def job() -> None:
            try:
                if done.cancelled():
                    return
                began = time.perf_counter()
                try:
                    result = fn(*args, **kwargs)
                except BaseException as problem:  # noqa: BLE001 - handed to the one who waits
                    self._tell(loop, _fail, done, problem)
                else:
                    self._tell(loop, _succeed, done, result)
                self._cost += (time.perf_counter() - began - self._cost) / 8
            finally:
                with self._lock:
                    self._held -= 1

        self._jobs.put(job)
        return await done

    def _enter(self) -> None:
        with self._lock:
            if self._closed:
                raise Refused(Why.UNAVAILABLE, note="the hashing pool is closed")
            if self._held >= self._room:
                wait = math.ceil(self._cost * self._held / self._threads)
                raise Refused(Why.BUSY, "Too many sign-ins at once; try again.", retry_after=float(max(1, wait)))
            self._held += 1
            if not self._started:  # in the process that hashes: threads do not survive a fork
                self._started = True
                give_memory_back()
                for number in range(self._threads):
                    threading.Thread(target=self._work, name=f"hashing-{number}", daemon=True).start()

    def _work(self) -> None:
        if sys.platform == "linux":  # where a thread has a niceness of its own
            with contextlib.suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICER_BY)
        while (job := self._jobs.get()) is not None:
            job()

    @staticmethod
    def _tell(loop: asyncio.AbstractEventLoop, tell: Callable[..., None], *args: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is gone, and with it whoever waited
            loop.call_soon_threadsafe(tell, *args)

    def close(self) -> None:
        """Jobs that wait are still done; new ones are refused. Does not block."""
        with self._lock:
            self._closed = True
        for _ in range(self._threads):
            self._jobs.put(None)


def _succeed(done: "asyncio.Future[T]", result: T) -> None:
    if not done.done():
        done.set_result(result)


def _fail(done: "asyncio.Future[T]", problem: BaseException) -> None:
    if not done.done():
        done.set_exception(problem)

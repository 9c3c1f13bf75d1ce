"""One event loop in one thread of this process, with the door that lives on it."""

import asyncio
import os
import queue
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import Final, TypeVar

from doorward.core.request import Body
from doorward.integrations.last_executor import LastExecutor
from doorward.integrations.means import Means

T = TypeVar("T")
START: Final = 30.0
DRAIN: Final = 5.0
"""Seconds for what is under way when it is stopped."""

Opened = tuple[Callable[[], Awaitable[Means]], Callable[[], Awaitable[None]]]
"""What starts a door on the loop it is awaited on, and what closes it."""
Work = Callable[[Means, Body], Awaitable[T]]
Talk = queue.SimpleQueue[asyncio.Future[bytes] | None]
"""To the thread that asked: a future for the body, or None when the work is done."""


class Stopping(Exception):
    """Ask the one that comes after it."""


class RunningLoop:
    def __init__(self, opened: Opened) -> None:
        self.pid = os.getpid()
        self._open, self._close = opened
        self._loop = asyncio.new_event_loop()
        self._loop.set_default_executor(LastExecutor(thread_name_prefix="doorward"))
        self._lock, self._stopping = threading.Lock(), False
        self._asked: set[asyncio.Task[object]] = set()
        self._means: Future[Means] = Future()
        self._thread = threading.Thread(target=self._serve, name="doorward", daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Until it has started. Raises what went wrong."""
        self._means.result(START)

    @property
    def own_thread(self) -> bool:
        return threading.current_thread() is self._thread

    def submit(self, work: Work[T], talk: Talk) -> "Future[T]":
        """Raises Stopping."""
        means = self._means.result(0)

        async def body() -> bytes:
            asked: asyncio.Future[bytes] = self._loop.create_future()
            talk.put(asked)
            return await asked

        async def run() -> T:
            task = asyncio.current_task()
            assert task is not None  # noqa: S101 - this is a task
            self._asked.add(task)
            task.add_done_callback(self._asked.discard)
            return await work(means, body)

        with self._lock:
            if self._stopping:
                raise Stopping
            future = asyncio.run_coroutine_threadsafe(run(), self._loop)
        future.add_done_callback(lambda _: talk.put(None))
        return future

    def hand_over(self, asked: "asyncio.Future[bytes]", body: bytes | BaseException) -> None:
        """The body, or why there is none."""

        def hand() -> None:
            if asked.done():
                return
            if isinstance(body, BaseException):
                asked.set_exception(body)
            else:
                asked.set_result(body)

        with self._lock:
            if not self._loop.is_closed():
                self._loop.call_soon_threadsafe(hand)

    def stop(self) -> None:
        """What is under way is answered, what has gathered is written. From any other thread of this process."""
        with self._lock:
            if not self._stopping:
                self._stopping = True
                self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(START)

    def _serve(self) -> None:
        loop = self._loop
        asyncio.set_event_loop(loop)
        try:
            self._means.set_result(loop.run_until_complete(self._open()))
        except BaseException as reason:  # noqa: BLE001 - whoever waits for the start gets it
            self._means.set_exception(reason)
        else:
            loop.run_forever()
        try:
            loop.run_until_complete(self._end())
        finally:
            with self._lock:
                loop.close()

    async def _end(self) -> None:
        with self._lock:
            self._stopping = True
        await asyncio.sleep(0)  # what was submitted last begins
        if self._asked:
            _, late = await asyncio.wait(self._asked, timeout=DRAIN)
            for task in late:
                task.cancel()
        await self._close()
        await self._loop.shutdown_default_executor()

"""doorward for programs whose requests run in threads: one event loop in a thread of its own, made in the process that asks.

Nothing is started before the first request, so a server may load the application and fork then. Before a fork by Python
(`os.register_at_fork`) whatever runs is stopped in good order, and started again on either side when it is next asked:
SQLite counts its locks in each process, and a child that went on with its parent's count would damage the file. A fork that
Python is not told of is refused by the process id. At the end of the process what has gathered is written.

Refused      BUSY (too many wait), UNAVAILABLE (no start, no answer in time, forked while running)
"""

import atexit
import logging
import os
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import CancelledError
from queue import Empty
from typing import Final, TypeVar

from doorward.core.errors import Refused, Why
from doorward.integrations.running_loop import Opened, RunningLoop, Stopping, Talk, Work

T = TypeVar("T")
_log: Final = logging.getLogger("doorward.wsgi")
SECONDS: Final = 10.0
"""For an answer of the gate; the time that a body takes to come is not counted."""
MOST_WAITING: Final = 256
AGAIN: Final = 1.0
"""Seconds before a start that failed is tried again."""


class LoopThread:
    """`make` gives a door that is not started. `ask` from any thread of any process."""

    def __init__(self, make: Callable[[], Opened], *, seconds: float = SECONDS, waiting: int = MOST_WAITING) -> None:
        self._make, self._seconds = make, seconds
        self._slots = threading.BoundedSemaphore(waiting)
        self._waiting = waiting
        self._lock = threading.RLock()
        self._running: RunningLoop | None = None
        self._not_before = 0.0
        _ALL.add(self)

    def ask(self, work: Work[T], read: Callable[[], bytes]) -> T:
        """What `work` gives, done on the loop. `read` gives the request's body, in this thread, if it is asked for.

        Raises Refused, and what `work` raised.
        """
        if not self._slots.acquire(blocking=False):
            raise Refused(Why.BUSY, note=f"more than {self._waiting} requests wait for the gate", retry_after=AGAIN)
        slots = self._slots
        try:
            while True:
                try:
                    return self._ask(self._its_loop(), work, read)
                except Stopping:
                    continue
        finally:
            slots.release()

    def _ask(self, running: RunningLoop, work: Work[T], read: Callable[[], bytes]) -> T:
        talk: Talk = Talk()
        future = running.submit(work, talk)
        ends = time.monotonic() + self._seconds
        try:
            while (asked := talk.get(timeout=max(0.0, ends - time.monotonic()))) is not None:
                began = time.monotonic()
                running.hand_over(asked, _attempt(read))
                ends += time.monotonic() - began
            return future.result()
        except Empty:
            future.cancel()
            raise Refused(Why.UNAVAILABLE, note=f"no answer of the gate within {self._seconds:g} s", retry_after=AGAIN) from None
        except CancelledError:
            raise Refused(Why.UNAVAILABLE, note="the gate was being stopped", retry_after=AGAIN) from None

    def _its_loop(self) -> RunningLoop:
        running = self._running
        if running is not None and running.pid == os.getpid():
            return running
        with self._lock:
            running = self._running
            if running is None:
                running = self._running = self._start()
        if running.pid != os.getpid():
            _log.error(
                "this process was forked while doorward ran in process %d: it refuses; load the application after the fork", running.pid
            )
            raise Refused(Why.UNAVAILABLE, note="forked while running", retry_after=AGAIN)
        return running

    def _start(self) -> RunningLoop:
        if time.monotonic() < self._not_before:
            raise Refused(Why.UNAVAILABLE, note="the start has failed; see the log", retry_after=AGAIN)
        running = RunningLoop(self._make())
        try:
            running.wait()
        except Exception as reason:  # noqa: BLE001 - whatever it is, it is logged, and refused until it is mended
            self._not_before = time.monotonic() + AGAIN
            _log.exception("doorward does not start in process %d", running.pid)
            raise Refused(Why.UNAVAILABLE, note=f"no start: {type(reason).__name__}", retry_after=AGAIN) from None
        return running

    def start(self) -> None:
        """Before the first request, so that none waits for it; in the process that answers. Raises Refused(UNAVAILABLE)."""
        self._its_loop()

    def stop(self) -> None:
        """What has gathered is written. The next request starts it again."""
        with self._lock:
            running, self._running = self._running, None
            if running is not None and running.pid == os.getpid() and not running.own_thread:
                running.stop()

    def before_fork(self) -> None:
        self._lock.acquire()
        self.stop()

    def after_fork(self) -> None:
        self._lock.release()

    def in_child(self) -> None:
        """The parent's other threads are not here, and what they held is free."""
        self._lock = threading.RLock()
        self._slots = threading.BoundedSemaphore(self._waiting)


_ALL: Final["weakref.WeakSet[LoopThread]"] = weakref.WeakSet()


def _each(act: Callable[[LoopThread], None]) -> Callable[[], None]:
    def all_of_them() -> None:
        for one in list(_ALL):
            act(one)

    return all_of_them


def _attempt(read: Callable[[], bytes]) -> bytes | BaseException:
    try:
        return read()
    except Exception as reason:  # noqa: BLE001 - it goes on to whoever asked for the body
        return reason


os.register_at_fork(
    before=_each(LoopThread.before_fork), after_in_parent=_each(LoopThread.after_fork), after_in_child=_each(LoopThread.in_child)
)
atexit.register(_each(LoopThread.stop))

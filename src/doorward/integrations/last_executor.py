"""Threads for what blocks, which at the very end of the process do the work at once: Python starts no more of them then."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class LastExecutor(ThreadPoolExecutor):
    """`submit` runs in the calling thread once the interpreter shuts down, so that a store is closed in good order."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> "Future[T]":
        try:
            return super().submit(fn, *args, **kwargs)
        except RuntimeError:  # "cannot schedule new futures after interpreter shutdown"
            return _done(fn, *args, **kwargs)


def _done(fn: Callable[..., T], *args: Any, **kwargs: Any) -> "Future[T]":
    future: Future[T] = Future()
    try:
        future.set_result(fn(*args, **kwargs))
    except BaseException as reason:  # noqa: BLE001 - whoever awaits it gets it
        future.set_exception(reason)
    return future

"""The body on demand: read only if somebody asks, up to a cap, and then played again to the application."""

import asyncio
from collections.abc import Awaitable, Generator
from functools import partial
from typing import Any, Final

from doorward.core.errors import Refused, Why
from doorward.core.request import Headers
from doorward.web.asgi import Message, Receive

LARGEST: Final = 1024 * 1024
SECONDS: Final = 30.0
"""For all of a body that must be read."""


def has_body(headers: Headers, http_version: str) -> bool:
    """Whether a body follows. In HTTP/2 and 3 it may come unannounced, so it counts as there unless the length is 0.

    Raises Refused(BAD_REQUEST, SHOWN_TWICE).
    """
    length = headers.one(b"content-length")
    if length is not None and not (length.isascii() and length.isdigit()):
        raise Refused(Why.BAD_REQUEST, "Content-Length is not a number.")
    if b"transfer-encoding" in headers:
        return True
    if length is None:
        return not http_version.startswith("1")  # RFC 9112 section 6.3: in HTTP/1 neither field means no body
    return int(length[:20]) > 0


class _Begun:
    """A message that was asked for. `message` is there at once, or comes by awaiting this."""

    __slots__ = ("_first", "_waiting", "message")

    def __init__(self, waiting: Awaitable[Message]) -> None:
        self._waiting, self._first = waiting.__await__(), None
        self.message: Message | None = None
        try:
            self._first = self._waiting.send(None)
        except StopIteration as done:
            self.message = done.value

    def __await__(self) -> Generator[Any, Any, Message]:
        """Goes on where `send` has left off: what it gave is what the event loop waits for."""
        if self.message is not None:
            return self.message
        given = self._first
        while True:
            try:
                answer = yield given
            except BaseException as thrown:  # noqa: BLE001 - whatever it is, it is for the one that waits
                step = partial(self._waiting.throw, thrown)
            else:
                step = partial(self._waiting.send, answer)
            try:
                given = step()
            except StopIteration as done:
                message: Message = done.value
                return message


class Replay:
    """One request's body: `read` for the door, `receive` for the application behind it."""

    __slots__ = ("_announced", "_begun", "_body", "_gone", "_limit", "_played", "_receive")

    def __init__(self, receive: Receive, announced: str | None, limit: int) -> None:
        self._receive, self._announced, self._limit = receive, announced, limit
        self._body: bytes | None = None
        self._begun: _Begun | None = None
        self._played = self._gone = False

    async def read(self) -> bytes:
        """Raises Refused: BODY_TOO_LARGE past the limit, BODY_TOO_SLOW, BAD_REQUEST when the caller left."""
        if self._body is not None:
            return self._body
        if self._announced is not None and int(self._announced[:20]) > self._limit:
            raise self._too_large()
        try:
            self._body = self._at_once()
            if self._body is None:
                async with asyncio.timeout(SECONDS):
                    self._body = await self._all()
        except TimeoutError:
            self._gone = True
            raise Refused(Why.BODY_TOO_SLOW) from None
        return self._body

    def _at_once(self) -> bytes | None:
        """A body that has arrived whole needs no clock, which would cost more than all the rest of this. None: wait for it."""
        self._begun = begun = _Begun(self._receive())
        if begun.message is None or begun.message.get("more_body", False):
            return None
        self._begun = None
        return self._part(begun.message, 0)

    def _part(self, message: Message, size: int) -> bytes:
        if message["type"] != "http.request":
            self._gone = True
            raise Refused(Why.BAD_REQUEST, "The body did not arrive whole.")
        part: bytes = message.get("body", b"")
        if size + len(part) > self._limit:
            raise self._too_large()
        return part

    async def _all(self) -> bytes:
        parts, size, more = [], 0, True
        while more:
            message = await (self._begun or self._receive())
            self._begun = None
            part = self._part(message, size)
            size += len(part)
            parts.append(part)
            more = message.get("more_body", False)
        return b"".join(parts)

    def _too_large(self) -> Refused:
        return Refused(Why.BODY_TOO_LARGE, f"A signed body may have {self._limit} bytes.")

    async def receive(self) -> Message:
        """What the server gives, or the body once if it was read already."""
        if self._body is None or self._played:
            return {"type": "http.disconnect"} if self._gone else await self._receive()
        self._played = True
        return {"type": "http.request", "body": self._body, "more_body": False}

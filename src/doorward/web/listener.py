"""uvicorn's HTTP/1.1 protocol with the limits that it lacks: how large and how slow the head of a request may be.

uvicorn 0.54 with httptools keeps a header section of any size and waits for its end for ever; `h11_max_incomplete_event_size`
is for its other parser. Refusals are problem documents (RFC 9457): 414 request line, 431 header section (RFC 6585
section 5), 408 too slow, 400 not HTTP. The connection is closed after each.

Use: `uvicorn.Config(app, http=Listener, …)`, or its dotted name where workers are other processes.
"""

import asyncio
import json
from http import HTTPStatus
from typing import Any, ClassVar, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_CODES: Final = {400: "bad_request", 408: "request_timeout", 414: "uri_too_long", 431: "header_too_large"}
_DETAILS: Final = {
    400: "This is not HTTP/1.1 as RFC 9112 has it.",
    408: "The header section did not arrive in time.",
    414: "The request line is too long.",
    431: "The header section is too large.",
}


class TooLarge(Exception):
    """Raised within the parser to stop it."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Listener(HttpToolsProtocol):
    """Sizes in bytes, `head_seconds` from the connection or the first byte to the end of the header section."""

    largest_head: ClassVar[int] = 32 * 1024
    longest_target: ClassVar[int] = 8 * 1024
    head_seconds: ClassVar[float] = 10.0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._in_head = self._over = False
        self._arrived = self._first = self._size = 0
        self._status = 400
        self._patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._over:
            return
        # httptools tells a field only when it is whole, so an endless one shows in the bytes that arrive alone.
        if self._in_head:
            self._arrived += len(data)
            if self._arrived > self.largest_head:
                self._refuse(431)
                return
        self._size = len(data)
        super().data_received(data)
        if self._in_head and self._patience is None and not self._over:
            self._wait()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head, self._arrived, self._first = True, 0, self._size

    def on_headers_complete(self) -> None:
        self._in_head = False
        if self._patience is not None:
            self._stop_waiting()
        if len(self.url) > self.longest_target:
            self._stop(414)
        # Only where the bytes that arrived could hold so much is it worth adding up.
        if (
            self._first + self._arrived > self.largest_head
            and sum(len(name) + len(value) + 4 for name, value in self.headers) > self.largest_head
        ):
            self._stop(431)
        super().on_headers_complete()

    def _stop(self, status: int) -> None:
        self._status = status
        raise TooLarge(status)

    def send_400_response(self, msg: str) -> None:
        self._refuse(self._status)

    def _wait(self) -> None:
        self._stop_waiting()
        self._patience = self.loop.call_later(self.head_seconds, self._lose_patience)

    def _stop_waiting(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _lose_patience(self) -> None:
        if self._in_head:
            self._refuse(408)
        elif not self.transport.is_closing():
            self.transport.close()  # connected and said nothing

    def _refuse(self, status: int) -> None:
        self._over = True
        self._stop_waiting()
        if self.transport.is_closing():
            return
        under_way: object | None = self.cycle  # uvicorn's annotation leaves out the None that it begins with
        if under_way is None or self.cycle.response_complete:  # else this would be read as part of that answer
            self.transport.write(refusal(status))
        self.transport.close()


def refusal(status: int) -> bytes:
    """The whole response, as bytes."""
    title = HTTPStatus(status).phrase
    problem = {"type": "about:blank", "title": title, "status": status, "code": _CODES[status], "detail": _DETAILS[status]}
    body = json.dumps(problem, separators=(",", ":")).encode()
    head = (
        f"HTTP/1.1 {status} {title}\r\n"
        "content-type: application/problem+json\r\n"
        f"content-length: {len(body)}\r\n"
        "cache-control: no-store\r\n"
        "connection: close\r\n\r\n"
    )
    return head.encode() + body

"""uvicorn's HTTP/1.1 protocol with the limits that it lacks: how large and how slow a request may be, and no more than HTTP.

uvicorn 0.54 with httptools keeps a header section of any size and waits for its end for ever; `h11_max_incomplete_event_size`
is for its other parser. It also makes trailer fields into header fields, so a caller could add to what a proxy before
it had written: here they are dropped (RFC 9110 section 6.5.1). Refusals are problem documents (RFC 9457): 414 request
line, 431 header or trailer section (RFC 6585 section 5), 408 too slow, 501 a transfer coding other than chunked, 400 not
HTTP. The connection is closed after each.

Use: `uvicorn.Config(app, http=Listener, …)`, or its dotted name where workers are other processes.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar, Final, NoReturn

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from doorward.web.asgi import Answer, App
from doorward.web.handshake import LINGER, HandshakeLog, failure_of
from doorward.web.tls_extension import tls_extension
from doorward.web.trailers import TRAILERS_APART
from doorward.web.wire_refusal import refusal

_IN_FIELDS: Final = bytes({0x09, *range(0x20, 0x100)} - {0x7F})
"""RFC 9110 section 5.5."""
_OF_THE_CYCLE: Final = frozenset({b"connection", b"transfer-encoding"})
"""Fields that say how the connection goes on: uvicorn reads them."""


class TooLarge(Exception):
    """Raised within the parser to stop it."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Listener(HttpToolsProtocol):
    """Sizes in bytes, `head_seconds` from the connection or the first byte to the end of the header section.

    `body_seconds`: how long nothing may come of a body. How long all of it may take is for who reads it (`web.body`).
    """

    largest_head: ClassVar[int] = 32 * 1024
    longest_target: ClassVar[int] = 8 * 1024
    head_seconds: ClassVar[float] = 10.0
    body_seconds: ClassVar[float] = 40.0
    handshakes: ClassVar[HandshakeLog] = HandshakeLog()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._in_head = self._in_body = self._over = self._moved = self._upgrades = self._ignores = False
        self._arrived = self._first = self._size = 0
        self._status = 400
        self._patience: asyncio.TimerHandle | None = None
        self._extensions: dict[str, Any] = {TRAILERS_APART: {}}
        self._ready: Callable[[Any], Answer | App] | None = getattr(self.app, "at_once", None)
        self._told: tuple[list[tuple[bytes, bytes]], bytes] = [], b""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        connection = transport.get_extra_info("ssl_object")
        if (failure := failure_of(connection)) is not None:
            self._over = True
            self.handshakes.tell(failure, transport.get_extra_info("peername"), self.loop)
            self._patience = self.loop.call_later(LINGER, transport.close)
            return
        if (tls := tls_extension(connection)) is not None:
            self._extensions["tls"] = tls
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._over:
            return
        # httptools tells a field only when it is whole, so an endless one, or an endless trailer section, shows in the
        # bytes that arrive alone.
        if self._in_head or self._in_body:
            self._arrived += len(data)
            if self._in_head and self._arrived > self.largest_head:
                self._refuse(431)
                return
        self._size, self._moved = len(data), True
        super().data_received(data)
        if self._is_over():
            return
        if self._in_body and self._arrived > self.largest_head:
            self._refuse(431)
        elif self._patience is None and (self._in_head or self._in_body or self._idle()):
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
        codings = [value for name, value in self.headers if name == b"transfer-encoding"]
        if codings and (len(codings) > 1 or codings[0].lower() != b"chunked"):
            self._stop(501)  # RFC 9112 section 6.1
        self._upgrades = self._ignores = False
        if self.parser.should_upgrade():
            self._read_upgrade()
        self.scope["extensions"] = self._extensions.copy()
        super().on_headers_complete()
        self._in_body, self._arrived = True, 0
        self.headers = []  # the scope keeps the other list: what is appended from here on are trailer fields

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        """What is answered at once needs no task. Where answers before it wait, or nobody reads them, it waits as any other."""
        if self._ignores and cycle is self.cycle:
            cycle.keep_alive = False  # before it is answered: whatever comes after it is not read
        if app is self.app and self._ready is not None and not (self.pipeline or self.flow.write_paused or self.access_log):
            try:
                app = self._ready(cycle.scope)
            except Exception as reason:  # noqa: BLE001 - what an application raises is for uvicorn to tell
                app = partial(_raise, reason)
            if isinstance(app, Answer) and self._answer(cycle, app):
                return
        super()._start_asgi_task(cycle, app)

    def _answer(self, cycle: RequestResponseCycle, answer: Answer) -> bool:
        """In one piece, as uvicorn's cycle would in two. False: it holds what only the cycle can judge."""
        head = b"".join([b"%b: %b\r\n" % field for field in answer.headers])
        if head.translate(None, _IN_FIELDS) != b"\r\n" * len(answer.headers) or not _OF_THE_CYCLE.isdisjoint(dict(answer.headers)):
            return False
        body = b"" if cycle.scope["method"] == "HEAD" else answer.body
        close = b"" if cycle.keep_alive else b"connection: close\r\n"
        self.transport.write(b"".join((STATUS_LINE[answer.status], self._own_fields(), head, close, b"\r\n", body)))
        cycle.response_started = cycle.response_complete = True
        cycle.waiting_for_100_continue = False
        if not cycle.keep_alive:
            self.transport.close()
        self.on_response_complete()
        return True

    def _own_fields(self) -> bytes:
        """The server's own, of which uvicorn makes a new list each second."""
        fields = self.server_state.default_headers
        if fields is not self._told[0]:
            self._told = fields, b"".join([b"%b: %b\r\n" % field for field in fields])
        return self._told[1]

    def _read_upgrade(self) -> None:
        """A WebSocket is opened by a GET (RFC 6455 section 4.1); any other upgrade is ignored (RFC 9110 section 7.8).

        The parser takes whatever follows an upgrade for another protocol, also a body, and would then find requests in
        it: so none may follow.
        """
        if any(name == b"transfer-encoding" or (name == b"content-length" and value != b"0") for name, value in self.headers):
            self._stop(501)
        self._upgrades = super()._should_upgrade() and self.parser.get_method() == b"GET"
        self._ignores = not self._upgrades

    def _should_upgrade(self) -> bool:
        return self._upgrades

    def on_body(self, body: bytes) -> None:
        self._arrived = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._in_body, self._over = False, self._ignores
        if self._patience is not None:
            self._stop_waiting()
        super().on_message_complete()

    def _stop(self, status: int) -> None:
        self._status = status
        raise TooLarge(status)

    def send_400_response(self, msg: str) -> None:
        self._refuse(self._status)

    def _is_over(self) -> bool:
        return self._over  # it may have become so while the parser ran, which mypy cannot see

    def _idle(self) -> bool:
        """Bytes came that begin no request, and with them uvicorn's own patience with an open connection ended."""
        waits = self.timeout_keep_alive_task is not None  # so it does where what came was answered at once
        return not waits and self._unanswered is None and not self._upgrades and not self.transport.is_closing()

    @property
    def _unanswered(self) -> object | None:
        under_way: Any = self.cycle  # uvicorn's annotation leaves out the None that it begins with
        return None if under_way is None or under_way.response_complete else under_way

    def _wait(self) -> None:
        self._stop_waiting()
        self._moved = False
        self._patience = self.loop.call_later(self.body_seconds if self._in_body else self.head_seconds, self._lose_patience)

    def _stop_waiting(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _lose_patience(self) -> None:
        if self._in_body and self._unanswered is not None:
            if self._moved or self.flow.read_paused or self.cycle.waiting_for_100_continue:
                self._wait()  # it comes, or it is us who let it wait
            else:
                self._refuse(408)
        elif self._in_head:
            self._refuse(408)
        elif not self.transport.is_closing():
            self.transport.close()  # connected, or was answered, and says nothing

    def _refuse(self, status: int) -> None:
        self._over = True
        self._stop_waiting()
        if self.transport.is_closing():
            return
        # Else this would be read as part of the answer that is under way, or as the answer to the request before.
        # One whose body goes wrong after its answer gets no second one.
        unanswered = self._unanswered is not None
        if unanswered == self._in_body and not (unanswered and (self.cycle.response_started or self.pipeline)):
            self.transport.write(refusal(status))
            if unanswered:
                self.cycle.disconnected = True  # the application has nobody to answer any more
        self.transport.close()


async def _raise(reason: Exception, *_: object) -> NoReturn:
    raise reason
